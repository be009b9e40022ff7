/** Forwarded ports. They are listed with their instance, and are there whenever it runs. */
import * as z from "zod";
import { Operation } from "../operation.ts";
import { NewPortForward, PortForward } from "../port.ts";
import { ByName, procedure } from "./procedure.ts";

export const ports = {
  add: procedure(
    "POST",
    "/v1/instances/{name}/ports",
    "instance.config",
    "Forward a port of this host to one of the guest's, now and whenever it runs",
  )
    .input(ByName.extend(NewPortForward.shape))
    .output(Operation),
  remove: procedure(
    "DELETE",
    "/v1/instances/{name}/ports/{protocol}/{hostPort}",
    "instance.config",
    "Stop forwarding a port",
  )
    .input(
      ByName.extend({
        protocol: PortForward.shape.protocol,
        hostPort: z.coerce.number().int().min(1).max(65_535),
      }),
    )
    .output(Operation),
};
