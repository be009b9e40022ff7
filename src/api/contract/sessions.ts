/** Sessions of an instance. They are opened and joined by exec streams; see `streams.ts`. */
import * as z from "zod";
import { GuestSession } from "../session.ts";
import { ByName, List, procedure } from "./procedure.ts";

export const sessions = {
  list: procedure(
    "GET",
    "/v1/instances/{name}/sessions",
    "instance.exec",
    "/projects/*/instances/{name}",
    "Terminal sessions that are kept in an instance, oldest first",
  )
    .input(ByName)
    .output(List(GuestSession)),
  end: procedure(
    "DELETE",
    "/v1/instances/{name}/sessions/{id}",
    "instance.exec",
    "/projects/*/instances/{name}",
    "End a session and its process; answers those that are left",
  )
    .input(ByName.extend({ id: z.uuid() }))
    .output(List(GuestSession)),
};
