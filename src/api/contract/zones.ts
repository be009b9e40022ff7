/** Availability zones. */
import { Operation } from "../operation.ts";
import { Zone } from "../zone.ts";
import { ByName, List, procedure } from "./procedure.ts";

export const zones = {
  list: procedure("GET", "/v1/zones", "system.view", "*", "All availability zones").output(List(Zone)),
  disable: procedure(
    "POST",
    "/v1/zones/{name}/disable",
    "system.config",
    "/system",
    "Make a zone unavailable: its running instances are stopped by force, and none of its can be used",
  )
    .input(ByName)
    .output(Operation),
  enable: procedure(
    "POST",
    "/v1/zones/{name}/enable",
    "system.config",
    "/system",
    "Make a zone available again; instances that ran when it was disabled are started",
  )
    .input(ByName)
    .output(Operation),
};
