/** Instances, from launch to purge. */
import { eventIterator } from "@orpc/contract";
import * as z from "zod";
import { Instance, InstanceDetails, LaunchSpec, Problem, Screenshot } from "../instance.ts";
import { Metrics } from "../metrics.ts";
import { Operation } from "../operation.ts";
import { lifecycle } from "./lifecycle.ts";
import { ByName, List, procedure } from "./procedure.ts";

export const instances = {
  ...lifecycle,
  list: procedure(
    "GET",
    "/v1/instances",
    "system.view",
    "*",
    "All instances, those in the trash included",
  ).output(List(Instance)),
  get: procedure(
    "GET",
    "/v1/instances/{name}",
    "instance.view",
    "/projects/*/instances/{name}",
    "One instance",
  )
    .input(ByName)
    .output(Instance),
  details: procedure(
    "GET",
    "/v1/instances/{name}/details",
    "instance.view",
    "/projects/*/instances/{name}",
    "What the guest says of itself",
  )
    .input(ByName)
    .output(InstanceDetails),
  metrics: procedure(
    "GET",
    "/v1/instances/{name}/metrics",
    "instance.metrics",
    "/projects/*/instances/{name}",
    "What a running guest uses, pushed every two seconds until it stops",
  )
    .input(ByName)
    .output(eventIterator(Metrics)),
  log: procedure(
    "GET",
    "/v1/instances/{name}/log",
    "instance.console",
    "/projects/*/instances/{name}",
    "The end of a log",
  )
    .input(ByName.extend({ source: z.enum(["serial", "cloud-init", "driver"]).default("serial") }))
    .output(z.object({ text: z.string(), file: z.string().optional() })),
  screenshot: procedure(
    "GET",
    "/v1/instances/{name}/screenshot",
    "instance.console",
    "/projects/*/instances/{name}",
    "What the screen of a running instance shows now",
  )
    .input(ByName)
    .output(Screenshot),
  check: procedure(
    "POST",
    "/v1/instances/check",
    "instance.create",
    "/projects/{project}",
    "What would speak against a launch",
  )
    .input(LaunchSpec)
    .output(List(Problem)),
  launch: procedure(
    "POST",
    "/v1/instances",
    "instance.create",
    "/projects/{project}",
    "Create an instance and start it",
  )
    .input(LaunchSpec)
    .output(Operation),
  start: procedure(
    "POST",
    "/v1/instances/{name}/start",
    "instance.power",
    "/projects/*/instances/{name}",
    "Start, or go on; no effect when running",
  )
    .input(
      ByName.extend({
        cold: z
          .boolean()
          .default(false)
          .describe("Boot a suspended instance anew; its memory is thrown away"),
      }),
    )
    .output(Operation),
  stop: procedure(
    "POST",
    "/v1/instances/{name}/stop",
    "instance.power",
    "/projects/*/instances/{name}",
    "Stop; no effect when stopped",
  )
    .input(
      ByName.extend({
        force: z.boolean().default(false),
        delayMs: z
          .int()
          .min(0)
          .max(366 * 86_400_000)
          .optional()
          .describe("Stop only after this time; its users are told, and it can be cancelled"),
      }),
    )
    .output(Operation),
  restart: procedure(
    "POST",
    "/v1/instances/{name}/restart",
    "instance.power",
    "/projects/*/instances/{name}",
    "Stop and start",
  )
    .input(ByName)
    .output(Operation),
  delete: procedure(
    "POST",
    "/v1/instances/{name}/delete",
    "instance.delete",
    "/projects/*/instances/{name}",
    "Move to the trash, or purge at once",
  )
    .input(ByName.extend({ purge: z.boolean().default(false) }))
    .output(Operation),
  recover: procedure(
    "POST",
    "/v1/instances/{name}/recover",
    "instance.delete",
    "/projects/*/instances/{name}",
    "Take out of the trash",
  )
    .input(ByName)
    .output(Operation),
  purge: procedure(
    "POST",
    "/v1/instances/{name}/purge",
    "instance.delete",
    "/projects/*/instances/{name}",
    "Remove from the trash for good",
  )
    .input(ByName)
    .output(Operation),
};
