/** The CD-ROM drive of guests that have one. */
import { MediumReference } from "../machine.ts";
import { Operation } from "../operation.ts";
import { ByName, procedure } from "./procedure.ts";

export const media = {
  insert: procedure(
    "PUT",
    "/v1/instances/{name}/medium",
    "instance.config",
    "/projects/*/instances/{name}",
    "Put an ISO into the drive, in place of what is there",
  )
    .input(ByName.extend({ reference: MediumReference }))
    .output(Operation),
  eject: procedure(
    "DELETE",
    "/v1/instances/{name}/medium",
    "instance.config",
    "/projects/*/instances/{name}",
    "Empty the drive",
  )
    .input(ByName)
    .output(Operation),
};
