/** Ports: the forwarded ones, listed with their instance and there whenever it runs; and what listens in a guest. */
import { eventIterator } from "@orpc/contract";
import * as z from "zod";
import { Operation } from "../operation.ts";
import { NewPortForward, PortForward, PortForwardChange, PortListener } from "../port.ts";
import { ByName, List, procedure } from "./procedure.ts";

const OneForward = ByName.extend({
  protocol: PortForward.shape.protocol,
  hostPort: z.coerce.number().int().min(1).max(65_535),
});

export const ports = {
  add: procedure(
    "POST",
    "/v1/instances/{name}/ports",
    "instance.config",
    "/projects/*/instances/{name}",
    "Forward a port of this host to one of the guest's, now and whenever it runs",
  )
    .input(ByName.extend(NewPortForward.shape))
    .output(Operation),
  update: procedure(
    "PATCH",
    "/v1/instances/{name}/ports/{protocol}/{hostPort}",
    "instance.config",
    "/projects/*/instances/{name}",
    "Let a forward listen at another address of this host; where that fails it stays where it is",
  )
    .input(OneForward.extend(PortForwardChange.shape))
    .output(Operation),
  remove: procedure(
    "DELETE",
    "/v1/instances/{name}/ports/{protocol}/{hostPort}",
    "instance.config",
    "/projects/*/instances/{name}",
    "Stop forwarding a port",
  )
    .input(OneForward)
    .output(Operation),
  listeners: procedure(
    "GET",
    "/v1/instances/{name}/listeners",
    "instance.view",
    "/projects/*/instances/{name}",
    "What listens in a running guest now, and can be forwarded",
  )
    .input(ByName)
    .output(List(PortListener)),
  watchListeners: procedure(
    "GET",
    "/v1/instances/{name}/listeners/watch",
    "instance.view",
    "/projects/*/instances/{name}",
    "What listens in a running guest, now and after every change, until it stops",
  )
    .input(ByName)
    .output(eventIterator(List(PortListener))),
};
