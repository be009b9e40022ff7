/** Work in progress. */
import { eventIterator } from "@orpc/contract";
import * as z from "zod";
import { Operation } from "../operation.ts";
import { List, procedure } from "./procedure.ts";

export const operations = {
  list: procedure("GET", "/v1/operations", "system.view", "*", "Running and recent operations").output(
    List(Operation),
  ),
  get: procedure("GET", "/v1/operations/{id}", "instance.view", "/operations/{id}", "One operation")
    .input(z.object({ id: z.uuid() }))
    .output(Operation),
  wait: procedure(
    "GET",
    "/v1/operations/{id}/wait",
    "instance.view",
    "/operations/{id}",
    "Answers when the operation has ended",
  )
    .input(z.object({ id: z.uuid() }))
    .output(Operation),
  follow: procedure(
    "GET",
    "/v1/operations/{id}/events",
    "instance.view",
    "/operations/{id}",
    "What it is now, then each change to its end",
  )
    .input(z.object({ id: z.uuid() }))
    .output(eventIterator(Operation)),
  cancel: procedure(
    "POST",
    "/v1/operations/{id}/cancel",
    "instance.power",
    "/operations/{id}",
    "Ask it to stop; what it made is undone",
  )
    .input(z.object({ id: z.uuid() }))
    .output(Operation),
};
