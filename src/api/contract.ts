/**
 * The engine's whole API: procedures with their paths, shapes and privileges. The OpenAPI document is generated from
 * it. Every mutation answers an Operation at once; follow it by events or `operations.wait`.
 */
import { eventIterator, oc } from "@orpc/contract";
import * as z from "zod";
import { EngineHello, EngineInfo, Settings } from "./engine-info.ts";
import { EngineEvent } from "./event.ts";
import { CachedImage, ImageEntry } from "./image.ts";
import { Arch, Instance, InstanceDetails, LaunchSpec, Problem } from "./instance.ts";
import { Operation } from "./operation.ts";

/** What a caller needs to be allowed to do; each procedure declares exactly one. */
export type Privilege =
  | "system.view"
  | "system.config"
  | "instance.view"
  | "instance.create"
  | "instance.power"
  | "instance.delete"
  | "instance.exec"
  | "image.use"
  | "image.add";

export type Meta = { privilege?: Privilege };

type Method = "GET" | "POST" | "PATCH" | "DELETE";

const procedure = (method: Method, path: `/${string}`, privilege: Privilege, summary: string) =>
  oc.$meta<Meta>({}).meta({ privilege }).route({ method, path, summary, inputStructure: "compact" });

/** Names in requests are looked up, so any text is accepted and an unknown one is simply not found. */
const ByName = z.object({ name: z.string().min(1).max(255) });
const List = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item) });

export const contract = {
  engine: {
    hello: procedure("GET", "/v1/engine/hello", "system.view", "Which engine answers").output(EngineHello),
    info: procedure("GET", "/v1/engine", "system.view", "The engine, its host and its drivers").output(
      EngineInfo,
    ),
    drain: procedure(
      "POST",
      "/v1/engine/drain",
      "system.config",
      "Finish what runs, accept no more, then leave",
    ).output(z.object({})),
    probe: procedure(
      "POST",
      "/v1/engine/probe",
      "system.config",
      "Look again for drivers and accelerators",
    ).output(EngineInfo),
  },
  settings: {
    get: procedure("GET", "/v1/settings", "system.view", "All settings").output(Settings),
    set: procedure("PATCH", "/v1/settings", "system.config", "Change some settings")
      .input(Settings.partial())
      .output(Settings),
  },
  events: {
    subscribe: procedure("GET", "/v1/events", "instance.view", "Everything that becomes true, as it does")
      .input(z.object({ engine: z.uuid().optional(), since: z.coerce.number().int().optional() }))
      .output(eventIterator(EngineEvent)),
  },
  instances: {
    list: procedure(
      "GET",
      "/v1/instances",
      "instance.view",
      "All instances, those in the trash included",
    ).output(List(Instance)),
    get: procedure("GET", "/v1/instances/{name}", "instance.view", "One instance")
      .input(ByName)
      .output(Instance),
    details: procedure(
      "GET",
      "/v1/instances/{name}/details",
      "instance.view",
      "What the guest says of itself",
    )
      .input(ByName)
      .output(InstanceDetails),
    log: procedure("GET", "/v1/instances/{name}/log", "instance.view", "The end of a log")
      .input(ByName.extend({ source: z.enum(["serial", "cloud-init", "driver"]).default("serial") }))
      .output(z.object({ text: z.string(), file: z.string().optional() })),
    check: procedure("POST", "/v1/instances/check", "instance.create", "What would speak against a launch")
      .input(LaunchSpec)
      .output(List(Problem)),
    launch: procedure("POST", "/v1/instances", "instance.create", "Create an instance and start it")
      .input(LaunchSpec)
      .output(Operation),
    start: procedure("POST", "/v1/instances/{name}/start", "instance.power", "Start; no effect when running")
      .input(ByName)
      .output(Operation),
    stop: procedure("POST", "/v1/instances/{name}/stop", "instance.power", "Stop; no effect when stopped")
      .input(ByName.extend({ force: z.boolean().default(false) }))
      .output(Operation),
    restart: procedure("POST", "/v1/instances/{name}/restart", "instance.power", "Stop and start")
      .input(ByName)
      .output(Operation),
    delete: procedure(
      "POST",
      "/v1/instances/{name}/delete",
      "instance.delete",
      "Move to the trash, or purge at once",
    )
      .input(ByName.extend({ purge: z.boolean().default(false) }))
      .output(Operation),
    recover: procedure("POST", "/v1/instances/{name}/recover", "instance.delete", "Take out of the trash")
      .input(ByName)
      .output(Operation),
    purge: procedure(
      "POST",
      "/v1/instances/{name}/purge",
      "instance.delete",
      "Remove from the trash for good",
    )
      .input(ByName)
      .output(Operation),
  },
  operations: {
    list: procedure("GET", "/v1/operations", "instance.view", "Running and recent operations").output(
      List(Operation),
    ),
    get: procedure("GET", "/v1/operations/{id}", "instance.view", "One operation")
      .input(z.object({ id: z.uuid() }))
      .output(Operation),
    wait: procedure(
      "GET",
      "/v1/operations/{id}/wait",
      "instance.view",
      "Answers when the operation has ended",
    )
      .input(z.object({ id: z.uuid() }))
      .output(Operation),
    cancel: procedure(
      "POST",
      "/v1/operations/{id}/cancel",
      "instance.power",
      "Ask it to stop; what it made is undone",
    )
      .input(z.object({ id: z.uuid() }))
      .output(Operation),
  },
  images: {
    find: procedure("GET", "/v1/images", "image.use", "Images that can be launched")
      .input(
        z.object({
          query: z.string().default(""),
          unsupported: z.union([z.boolean(), z.stringbool()]).default(false),
          arch: Arch.optional(),
        }),
      )
      .output(z.object({ items: z.array(ImageEntry), problems: z.array(Problem) })),
    cached: procedure("GET", "/v1/images/cached", "image.use", "Images on this host").output(
      List(CachedImage),
    ),
    pull: procedure("POST", "/v1/images/pull", "image.add", "Download an image before it is needed")
      .input(z.object({ reference: z.string().min(1) }))
      .output(Operation),
    build: procedure("POST", "/v1/images/build", "image.add", "Build an image from a distribution's packages")
      .input(z.object({ recipe: z.string().min(1).describe("debian:12") }))
      .output(Operation),
    remove: procedure("DELETE", "/v1/images/cached/{id}", "image.add", "Remove an unused image")
      .input(z.object({ id: z.string() }))
      .output(z.object({ freedBytes: z.int() })),
    prune: procedure("POST", "/v1/images/prune", "image.add", "Remove every unused image").output(
      z.object({ removed: z.array(z.string()), freedBytes: z.int() }),
    ),
  },
};

export type Contract = typeof contract;
