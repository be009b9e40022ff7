import * as z from "zod";
import { formatBytes, parseSize } from "../base/units.ts";
import { ContainerRuntime } from "./container.ts";
import { Arch, Problem } from "./instance.ts";
import { MINIMUM_DISK_BYTES, MINIMUM_MEMORY_BYTES } from "./limits.ts";

/** What a driver found on this host. Absence is data: `available` false with problems that say what to do. */
export const DriverInfo = z.object({
  name: z.string(),
  kind: z.enum(["vm", "container"]),
  available: z.boolean(),
  version: z.string().optional(),
  arches: z.array(Arch),
  accelerator: z.string().optional(),
  features: z.array(z.string()),
  problems: z.array(Problem),
});
export type DriverInfo = z.infer<typeof DriverInfo>;

/** Who answers; known without looking at anything, so that connecting never waits for a probe. */
export const EngineHello = z.object({
  id: z.uuid().describe("Of this run of the engine"),
  version: z.string(),
  protocol: z.int(),
  pid: z.int(),
  draining: z.boolean().describe("It accepts no more operations and leaves when the last one has ended"),
});
export type EngineHello = z.infer<typeof EngineHello>;

export const EngineInfo = EngineHello.extend({
  startedAt: z.iso.datetime(),
  dataDirectory: z.string(),
  logFile: z.string(),
  host: z.object({
    cpus: z.int(),
    memoryBytes: z.int(),
    freeDiskBytes: z.int(),
    arch: Arch,
  }),
  drivers: z.array(DriverInfo),
  problems: z.array(Problem),
});
export type EngineInfo = z.infer<typeof EngineInfo>;

/** `2G`: as many bytes as that or more are needed. */
function Size(atLeast: number) {
  return z
    .string()
    .refine((text) => isSize(text, atLeast), `a size of ${formatBytes(atLeast)} or more is needed`);
}

const MINIMUM_RATE_BYTES = 65_536;

function isSize(text: string, atLeast: number): boolean {
  try {
    return parseSize(text) >= atLeast;
  } catch {
    return false;
  }
}

/** Settings a user may change while the engine runs; every key has a default. */
export const Settings = z.strictObject({
  "images.ubuntu-url": z
    .url()
    .describe("Base of the Ubuntu simplestreams trees: releases/, daily/, minimal/ beneath it"),
  "images.manifest-url": z
    .union([z.url(), z.literal("")])
    .describe("Distribution manifest; empty for the bundled one"),
  "instances.encrypted": z
    .boolean()
    .describe("Whether virtual machines are encrypted unless a launch says otherwise"),
  "snapshots.before-risky": z
    .boolean()
    .describe(
      "Whether a snapshot is taken by itself before a disk is enlarged and before a changed berth.yaml is applied, where that costs nothing",
    ),
  "engine.idle-seconds": z.int().min(5).describe("How long an unused engine stays"),
  "engine.log-level": z.enum(["error", "warn", "info", "debug"]),
  "qemu.accelerator": z.enum(["auto", "kvm", "hvf", "whpx", "tcg"]),
  "qemu.native-mounts": z
    .enum(["auto", "9p"])
    .describe(
      "auto: virtiofs where this host has a virtiofsd, else 9p. Counts from an instance's next start on",
    ),
  "containers.runtime": z
    .enum(["auto", ...ContainerRuntime.options])
    .describe(
      "Where containers run unless told otherwise; auto: Docker or Podman where one runs, else the VM",
    ),
  "containers.vm-image": z.string().describe("What the VM for containers is made from; empty for the LTS"),
  "containers.vm-cpus": z.int().min(1).max(512),
  "containers.vm-memory": Size(MINIMUM_MEMORY_BYTES),
  "containers.vm-disk": Size(MINIMUM_DISK_BYTES),
  "backups.rate": z
    .string()
    .refine(
      (text) => text === "" || isSize(text, MINIMUM_RATE_BYTES),
      "a size of 64KiB or more, or nothing, is needed",
    )
    .describe("How much goes to and from a repository in a second, such as 10M; empty for as much as can"),
  "backups.cpu-percent": z
    .int()
    .min(5)
    .max(100)
    .describe("Of a processor, for each of a backup's two threads"),
  "backups.files-image": z
    .string()
    .describe("What the VM that shows files of backups is made from; empty for the LTS"),
  "local.driver": z.enum(["qemu"]).describe("What runs new instances"),
  "local.privileged-mounts": z.boolean().describe("Whether directories of this host may be shown in guests"),
  "local.bridged-network": z
    .string()
    .max(64)
    .describe("The interface of this host that is meant by bridged; empty for none"),
  "local.image.mirror": z
    .union([z.url({ protocol: /^https$/, error: "an https URL is needed" }), z.literal("")])
    .describe("A mirror of Ubuntu's image trees, taken in place of images.ubuntu-url; empty for none"),
});
export type Settings = z.infer<typeof Settings>;
