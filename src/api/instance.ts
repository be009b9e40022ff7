import * as z from "zod";
import { ProjectName } from "./access.ts";
import { ContainerFacts, ContainerSpec } from "./container.ts";
import { Disk, NewDisk } from "./disk.ts";
import { InstanceName } from "./instance-name.ts";
import { LABEL_KEY, LABEL_VALUE, MOST_LABELS } from "./labels.ts";
import { MINIMUM_DISK_BYTES, MINIMUM_MEMORY_BYTES } from "./limits.ts";
import { FirmwareKind, GuestKind, Medium, MediumReference } from "./machine.ts";
import { Mount, NewMount } from "./mount.ts";
import { MoveMark } from "./move.ts";
import { HostNic, MOST_NICS, NewHostNic } from "./network.ts";
import { NetworkMode } from "./network-mode.ts";
import { NewPortForward, PortForward } from "./port.ts";
import { InstanceZone } from "./zone.ts";

export const InstanceState = z.enum([
  "creating",
  "stopped",
  "starting",
  "running",
  "restarting",
  "stopping",
  "suspending",
  "suspended",
  "deleted",
  "failed",
  "unknown",
]);
export type InstanceState = z.infer<typeof InstanceState>;

export const Arch = z.enum(["x86_64", "aarch64"]);
export type Arch = z.infer<typeof Arch>;

/** Something that is not as it should be, with the next thing to do. A problem never hides the rest. */
export const Problem = z.object({
  code: z.string().describe("Stable word, such as accelerator-unusable, disk-missing, cloud-init-failed"),
  severity: z.enum(["info", "warning", "error"]),
  message: z.string(),
  hint: z.string().optional(),
});
export type Problem = z.infer<typeof Problem>;

export const DEFAULTS = {
  cpus: 1,
  memoryBytes: 2 ** 30,
  diskBytes: 5 * 2 ** 30,
  launchTimeoutMs: 600_000,
} as const;

/** `on`: started once whenever the host has booted; `restore`: started when it ran before the engine or the host ended. */
export const AutostartPolicy = z.enum(["off", "on", "restore"]);
export type AutostartPolicy = z.infer<typeof AutostartPolicy>;

/** The user's own words on an instance: a key, and a value that may be empty. */
export const Labels = z
  .record(z.string().regex(LABEL_KEY), z.string().regex(LABEL_VALUE))
  .refine((labels) => Object.keys(labels).length <= MOST_LABELS, `at most ${MOST_LABELS} labels`);

export const BroughtUpAs = z
  .string()
  .max(64)
  .describe("Tells whether its project's file says another of it than when it was brought up last");

/** What a launch asks for. Sizes left out take the defaults; the name left out is generated. */
export const LaunchSpec = z.strictObject({
  name: InstanceName.optional(),
  project: ProjectName.optional().describe("Whose grants and limits count for it; default when left out"),
  image: z
    .string()
    .min(1)
    .optional()
    .describe(
      "24.04, noble, lts, debian, release:24.04, file:///…, https://…; left out, the LTS, or with an ISO an empty disk",
    ),
  container: ContainerSpec.optional().describe(
    "Present: a container, and not a virtual machine. The image is then one of a registry, such as nginx:1.27",
  ),
  arch: Arch.optional().describe("That of the host when left out; another one is emulated"),
  guest: GuestKind.optional().describe(
    "What it is made ready by and used through; linux when left out, other with an ISO",
  ),
  firmware: FirmwareKind.optional(),
  tpm: z.boolean().optional().describe("A TPM 2.0 of its own; needs swtpm on the engine's host"),
  display: z
    .boolean()
    .optional()
    .describe("A screen, keyboard and pointer beside its SSH; who is used by its screen always has one"),
  encrypted: z
    .boolean()
    .optional()
    .describe("Its disks and its kept memory; left out, as the setting instances.encrypted says"),
  iso: MediumReference.optional(),
  cpus: z.int().min(1).max(512).optional(),
  memoryBytes: z.int().min(MINIMUM_MEMORY_BYTES).optional(),
  diskBytes: z.int().min(MINIMUM_DISK_BYTES).optional(),
  userData: z
    .string()
    .max(2 ** 20)
    .optional()
    .describe("cloud-init user-data, given to the guest as it is"),
  mounts: z.array(NewMount).max(100).optional(),
  disks: z.array(NewDisk).max(100).optional().describe("Beside its first one"),
  networks: z.array(NewHostNic).max(MOST_NICS).optional().describe("NICs on networks of the host"),
  autostart: AutostartPolicy.optional(),
  network: NetworkMode.optional().describe(
    "What the guest reaches: default, nat (no other instances), private:NAME (those of that network alone), or isolated (nothing)",
  ),
  labels: Labels.optional(),
  ports: z.array(NewPortForward).max(100).optional().describe("Forwarded from its first start on"),
  zone: z.string().min(1).optional().describe("Name of its zone; left out, the zones take turns"),
  timeoutMs: z
    .int()
    .min(1000)
    .max(86_400_000)
    .optional()
    .describe("Until the guest is ready, download included"),
});
export type LaunchSpec = z.input<typeof LaunchSpec>;

export const ImageFacts = z.object({
  reference: z.string().describe("What the user asked for, such as 24.04"),
  sha256: z.string().optional().describe("Of the bytes as the catalog publishes them"),
  os: z.string().describe("Ubuntu, Debian, …"),
  release: z.string().describe("24.04 LTS, 12, …"),
  version: z.string().describe("Date or build of this release's image"),
});
export type ImageFacts = z.infer<typeof ImageFacts>;

/** How to reach the guest's SSH server from this host. The key files are readable by the engine's user only. */
export const SshAddress = z.object({
  host: z.string(),
  port: z.int(),
  user: z.string(),
  keyFile: z.string(),
  knownHostsFile: z.string(),
});
export type SshAddress = z.infer<typeof SshAddress>;

/** One instance as the engine knows it without asking the guest. */
export const Instance = z.object({
  id: z.uuid(),
  name: z.string(),
  project: z.string().optional().describe("Whose grants and limits count for it; default when left out"),
  kind: z.enum(["vm", "container"]),
  driver: z.string(),
  arch: Arch,
  state: InstanceState,
  ready: z
    .boolean()
    .describe(
      "SSH answers and cloud-init has ended well; never of a guest without them, of which nobody can know",
    ),
  operation: z.uuid().optional().describe("The operation that works on it now"),
  problems: z.array(Problem),
  image: ImageFacts,
  cpus: z.int().describe("0 of a container that may use them all"),
  memoryBytes: z.int().describe("0 of a container without a limit"),
  diskBytes: z.int().describe("0 of a container, which has no disk of its own"),
  address: z
    .string()
    .describe(
      "IPv4 address of its own in the engine's subnet; of a container that which it has now, or empty",
    ),
  mac: z.string(),
  network: NetworkMode.describe("What its guest reaches"),
  networkNow: NetworkMode.optional().describe(
    "What it reaches until its next start, where it runs and that is not what is asked for",
  ),
  zone: InstanceZone,
  networks: z.array(HostNic).describe("NICs on networks of the host, beside its own"),
  ssh: SshAddress.optional().describe("Present while running"),
  accelerator: z.string().optional().describe("kvm, hvf, whpx or tcg; present while running"),
  ports: z.array(PortForward).describe("Forwarded whenever it runs"),
  mounts: z.array(Mount).describe("Shown in the guest whenever it runs"),
  container: ContainerFacts.optional().describe("Present on a container"),
  guest: GuestKind,
  firmware: FirmwareKind,
  tpm: z.boolean(),
  display: z.boolean().describe("It has a screen, which is seen while it runs"),
  encrypted: z.boolean().describe("Its disks and its kept memory are, by a key of its own"),
  medium: Medium.optional().describe("The ISO in its drive"),
  screen: z
    .string()
    .optional()
    .describe("The Unix socket on which its screen speaks VNC; present while it runs"),
  move: MoveMark.optional().describe("Present while it is moved to another engine"),
  disks: z.array(Disk).describe("Beside its first one, those that were removed included"),
  snapshotCount: z.int(),
  autostart: AutostartPolicy,
  labels: Labels.describe("The user's own words; the engine gives them no meaning"),
  broughtUpAs: BroughtUpAs.optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  startedAt: z.iso.datetime().optional(),
  stopAt: z.iso.datetime().optional().describe("When a delayed stop will happen"),
  deletedAt: z.iso.datetime().optional(),
});
export type Instance = z.infer<typeof Instance>;

export const Screenshot = z.object({
  png: z.base64(),
  width: z.int(),
  height: z.int(),
});
export type Screenshot = z.infer<typeof Screenshot>;

/** What only the guest or its hypervisor can tell; each part is absent when it did not answer. */
export const InstanceDetails = z.object({
  hostname: z.string().optional(),
  release: z.string().optional().describe("PRETTY_NAME of the guest's os-release"),
  kernel: z.string().optional(),
  bootId: z.string().optional(),
  uptimeSeconds: z.number().optional(),
  load: z.tuple([z.number(), z.number(), z.number()]).optional(),
  cpus: z.int().optional(),
  memory: z.object({ usedBytes: z.int(), totalBytes: z.int() }).optional(),
  disk: z.object({ usedBytes: z.int(), totalBytes: z.int() }).optional(),
  addresses: z.array(z.string()),
  diskAllocatedBytes: z.int().optional().describe("What the disk takes on the host"),
  cloudInit: z.object({ status: z.string(), errors: z.array(z.string()) }).optional(),
});
export type InstanceDetails = z.infer<typeof InstanceDetails>;
