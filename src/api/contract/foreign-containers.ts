/** Containers that others have made: seen, and touched by nothing but an adoption. */
import { eventIterator } from "@orpc/contract";
import * as z from "zod";
import { ContainerRuntime } from "../container.ts";
import { ForeignContainer } from "../foreign-container.ts";
import { Operation } from "../operation.ts";
import { List, procedure } from "./procedure.ts";

const Where = z.object({ runtime: ContainerRuntime.optional().describe("All that run when left out") });

export const foreignContainers = {
  list: procedure(
    "GET",
    "/v1/foreign-containers",
    "system.view",
    "/system",
    "Containers on this host that are no instances",
  )
    .input(Where)
    .output(List(ForeignContainer)),
  watch: procedure(
    "GET",
    "/v1/foreign-containers/watch",
    "system.view",
    "/system",
    "Containers on this host that are no instances, now and after every change",
  ).output(eventIterator(List(ForeignContainer))),
  adopt: procedure(
    "POST",
    "/v1/foreign-containers/adopt",
    "system.config",
    "/system",
    "Make an instance of a container as it is: it is neither made anew nor stopped",
  )
    .input(
      Where.extend({
        container: z.string().min(1).max(255).describe("Its name, or its id or the beginning of that"),
        name: z
          .string()
          .min(1)
          .max(255)
          .optional()
          .describe("Of the instance; made of its own when left out"),
      }),
    )
    .output(Operation),
};
