/** What guests reach: the host's own networks and the NICs that guests have there, and networks between guests. */
import * as z from "zod";
import { HostNetwork, NewHostNic } from "../network.ts";
import { NetworkMode, NetworkName, PrivateNetwork } from "../network-mode.ts";
import { Operation } from "../operation.ts";
import { HostAndPort, ReachReport } from "../reach-test.ts";
import { ByName, List, procedure } from "./procedure.ts";

export const networks = {
  list: procedure(
    "GET",
    "/v1/networks",
    "system.view",
    "*",
    "Network interfaces of the engine's host",
  ).output(List(HostNetwork)),
  attach: procedure(
    "POST",
    "/v1/instances/{name}/networks",
    "instance.config",
    "/projects/*/instances/{name}",
    "Give a stopped instance a NIC on a network of the host",
  )
    .input(ByName.extend(NewHostNic.shape))
    .output(Operation),
  detach: procedure(
    "DELETE",
    "/v1/instances/{name}/networks/{mac}",
    "instance.config",
    "/projects/*/instances/{name}",
    "Take a NIC on a network of the host away from a stopped instance",
  )
    .input(ByName.extend({ mac: z.string().max(64) }))
    .output(Operation),
  change: procedure(
    "PUT",
    "/v1/instances/{name}/network",
    "instance.config",
    "/projects/*/instances/{name}",
    "Change what an instance reaches",
  )
    .input(ByName.extend({ mode: NetworkMode }))
    .output(Operation),
  test: procedure(
    "POST",
    "/v1/instances/{name}/network/test",
    "instance.exec",
    "/projects/*/instances/{name}",
    "Try from inside a guest what it reaches, beside what its mode promises",
  )
    .input(ByName.extend({ internet: HostAndPort.optional().describe("What lies beyond this host") }))
    .output(ReachReport),
};

const ByNetwork = z.object({ network: z.string().min(1).max(64) });

export const privateNetworks = {
  list: procedure("GET", "/v1/private-networks", "system.view", "*", "Networks between instances").output(
    List(PrivateNetwork),
  ),
  get: procedure("GET", "/v1/private-networks/{network}", "system.view", "*", "One of them")
    .input(ByNetwork)
    .output(PrivateNetwork),
  create: procedure(
    "POST",
    "/v1/private-networks",
    "network.edit",
    "/system",
    "Make a network between instances",
  )
    .input(z.strictObject({ name: NetworkName }))
    .output(PrivateNetwork),
  delete: procedure(
    "DELETE",
    "/v1/private-networks/{network}",
    "network.edit",
    "/system",
    "Delete a network in which no instance is",
  )
    .input(ByNetwork)
    .output(z.object({})),
};
