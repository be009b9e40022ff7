/** The host's own networks, and the NICs that guests have on them. */
import * as z from "zod";
import { HostNetwork, NewHostNic } from "../network.ts";
import { Operation } from "../operation.ts";
import { ByName, List, procedure } from "./procedure.ts";

export const networks = {
  list: procedure("GET", "/v1/networks", "system.view", "Network interfaces of the engine's host").output(
    List(HostNetwork),
  ),
  attach: procedure(
    "POST",
    "/v1/instances/{name}/networks",
    "instance.config",
    "Give a stopped instance a NIC on a network of the host",
  )
    .input(ByName.extend(NewHostNic.shape))
    .output(Operation),
  detach: procedure(
    "DELETE",
    "/v1/instances/{name}/networks/{mac}",
    "instance.config",
    "Take a NIC on a network of the host away from a stopped instance",
  )
    .input(ByName.extend({ mac: z.string().max(64) }))
    .output(Operation),
};
