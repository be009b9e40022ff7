/** What is kept of an instance, and the text forms it is kept in. Pure. */
import { createHash } from "node:crypto";
import * as z from "zod";
import { ProjectName } from "../../api/access.ts";
import { ContainerImage, ContainerSpec } from "../../api/container.ts";
import { DiskName } from "../../api/disk.ts";
import {
  Arch,
  AutostartPolicy,
  BroughtUpAs,
  ImageFacts,
  InstanceState,
  Labels,
  Problem,
} from "../../api/instance.ts";
import { InstanceName } from "../../api/instance-name.ts";
import { FirmwareKind, GuestKind } from "../../api/machine.ts";
import { Mount } from "../../api/mount.ts";
import { MoveMark } from "../../api/move.ts";
import { HostNic } from "../../api/network.ts";
import { NetworkMode } from "../../api/network-mode.ts";
import { PortForward } from "../../api/port.ts";
import { SnapshotOccasion } from "../../api/snapshot.ts";
import { EngineError, messageOf } from "../../base/errors.ts";

/** The image that the instance's disk stands on, remembered so that it is known even when the cache is gone. */
export const BaseImage = z.object({
  id: z.string().min(1),
  path: z.string().min(1),
  format: z.literal("qcow2"),
  sizeBytes: z.int().nonnegative(),
  virtualBytes: z.int().nonnegative(),
  user: z.string().min(1).describe("The login that the image expects"),
});
export type BaseImage = z.infer<typeof BaseImage>;

/** What makes an instance a container. Its image is absent until it is on this host. */
export const ContainerRecord = z.object({
  ...ContainerSpec.shape,
  image: ContainerImage.pick({ reference: true, id: true }).optional(),
  adopted: z.string().optional().describe("Id of the container, where that was made elsewhere"),
  ownVolumes: z.boolean().optional().describe("Its volumes with names go with it: nobody has asked for them"),
});
export type ContainerRecord = z.infer<typeof ContainerRecord>;

/** The ISO in a drive; without a path it lies in the instance's directory. */
export const MediumRecord = z.object({ reference: z.string(), path: z.string().optional() });
export type MediumRecord = z.infer<typeof MediumRecord>;

/** An extra disk. Those that were removed keep their content, and lose their slot. */
export const DiskRecord = z.object({
  id: z.uuid(),
  name: DiskName,
  sizeBytes: z.int().positive(),
  slot: z
    .int()
    .nonnegative()
    .describe("Where it is plugged in, so that the guest finds it there at every start"),
  removedAt: z.iso.datetime().optional(),
});
export type DiskRecord = z.infer<typeof DiskRecord>;

/** What a snapshot tells of a container: what it stood on, and which volumes it saw. What is in those is in no snapshot. */
const ContainerThen = z.object({
  image: ImageFacts,
  base: ContainerRecord.shape.image,
  volumes: ContainerSpec.shape.volumes,
  unnamed: z.array(z.object({ name: z.string(), target: z.string() })),
});

/** A snapshot as the instance's own directory keeps it. */
export const SnapshotRecord = z.object({
  id: z.uuid(),
  name: z.string().min(1),
  comment: z.string(),
  parent: z.uuid().optional(),
  createdAt: z.iso.datetime(),
  cpus: z.int().nonnegative(),
  memoryBytes: z.int().nonnegative(),
  diskBytes: z.int().nonnegative(),
  mounts: z.array(Mount).default([]),
  disks: z.array(DiskRecord).default([]).describe("What it keeps beside the first one"),
  usedBytes: z.int().nonnegative().describe("What the disk took on the host when it was taken"),
  before: SnapshotOccasion.optional().describe("Present where nobody has asked for it"),
  container: ContainerThen.optional(),
});
export type SnapshotRecord = z.infer<typeof SnapshotRecord>;

/** Whose data are not all here yet: they lie in a backup, which must stay until they are. */
export const Awaited = z.object({
  repository: z.uuid().describe("As the engine knows it, whatever it is called"),
  backup: z.string().min(1),
  disks: z.array(z.object({ id: z.string(), stored: z.string().describe("Its id in the backup") })),
});
export type Awaited = z.infer<typeof Awaited>;

const Fields = z.object({
  id: z.uuid(),
  name: InstanceName,
  project: ProjectName.optional().describe("Left out, the default one"),
  revision: z.int().nonnegative().describe("Grows with every write"),
  kind: z.enum(["vm", "container"]),
  driver: z.string().min(1),
  arch: Arch,
  cpus: z.int().nonnegative().describe("0, as of memory and disk: a container without that limit"),
  memoryBytes: z.int().nonnegative(),
  diskBytes: z.int().nonnegative(),
  image: ImageFacts,
  base: BaseImage.optional().describe("Absent until the image is on this host, and of a container"),
  container: ContainerRecord.optional(),
  address: z.union([z.ipv4(), z.literal("")]).describe("Empty of a container, whose runtime gives it one"),
  mac: z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/),
  zone: z.string().min(1).default("zone1"),
  networks: z.array(HostNic).default([]),
  booted: z.boolean().describe("Its guest has been started once: what its disk holds is the user's"),
  clonedFrom: z
    .object({ id: z.uuid(), keys: z.array(z.string()).describe("Public keys that the copied disk lets in") })
    .optional(),
  ports: z.array(PortForward).default([]),
  mounts: z.array(Mount).default([]),
  disks: z.array(DiskRecord).default([]),
  generations: z
    .record(z.string(), z.int().nonnegative())
    .optional()
    .describe("How often something else than its guest has changed a disk, by the disk's id"),
  guest: GuestKind.default("linux"),
  firmware: FirmwareKind.default("bios"),
  tpm: z.boolean().default(false),
  /** Beside what a guest that is used by its screen has anyway. */
  display: z.boolean().default(false),
  encrypted: z.boolean().default(false).describe("Its disks and its kept memory are, by a key of its own"),
  medium: MediumRecord.optional(),
  awaited: Awaited.optional().describe("Present while its disks are not whole"),
  move: MoveMark.optional().describe("Present while it is moved to another engine"),
  autostart: AutostartPolicy.default("off"),
  network: NetworkMode.default("default"),
  labels: Labels.default({}),
  broughtUpAs: BroughtUpAs.optional(),
  snapshots: z.array(SnapshotRecord).default([]),
  currentSnapshot: z.uuid().optional().describe("The last one taken or restored"),
  snapshotsTaken: z
    .int()
    .nonnegative()
    .default(0)
    .describe("Ever by the user, so that no default name comes twice"),
  createdAt: z.iso.datetime(),
  deletedAt: z.iso.datetime().optional().describe("Present while in the trash"),
});

/** What an instance is, without what it does at the moment. Lives in `instance.json` in its own directory. */
export const Descriptor = Fields.refine(
  ({ container, cpus, memoryBytes, diskBytes }) => container || cpus * memoryBytes * diskBytes > 0,
  { error: "cpus, memory and disk of a machine are never 0" },
).refine(({ container, address }) => container || address !== "", {
  error: "a machine is never without an address",
});
export type Descriptor = z.infer<typeof Descriptor>;

/** Whether its image is known: before that nothing of it is on disk. */
export function hasImage({ base, container }: Pick<Descriptor, "base" | "container">): boolean {
  return base !== undefined || container?.image !== undefined;
}

/** A row of the index: the descriptor and what was last true. */
export const InstanceRecord = z.object({
  descriptor: Descriptor,
  state: InstanceState,
  problems: z.array(Problem),
  startedAt: z.iso.datetime().optional(),
  updatedAt: z.iso.datetime(),
});
export type InstanceRecord = z.infer<typeof InstanceRecord>;

const KeyPair = z.object({ privateKey: z.string().min(1), publicKey: z.string().min(1) });

/** What only the instance's own directory holds (0600): keys, and user-data, which often holds passwords. */
export const InstanceSecrets = z.object({
  login: z.object({ user: z.string().min(1), client: KeyPair, host: KeyPair }),
  userData: z.string().optional(),
});
export type InstanceSecrets = z.infer<typeof InstanceSecrets>;

const SCHEMA = 1;
/** Of one that awaits data: an engine that did not know of that would start its guest on half a disk. */
const AWAITING_SCHEMA = 2;

const Envelope = z.object({ schema: z.int(), checksum: z.string(), instance: z.unknown() });

export function formatDescriptor(descriptor: Descriptor): string {
  const body = JSON.stringify(descriptor);
  const schema = descriptor.awaited ? AWAITING_SCHEMA : SCHEMA;
  return `{"schema":${schema},"checksum":"${checksumOf(body)}","instance":${body}}\n`;
}

/** Throws `internal` with the reason when the text is not a whole descriptor of a known schema. */
export function parseDescriptor(text: string): Descriptor {
  const bad = (reason: string, cause?: unknown) =>
    new EngineError("internal", `cannot read the instance's descriptor: ${reason}`, { cause });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw bad(messageOf(error), error);
  }
  const envelope = Envelope.safeParse(json);
  if (!envelope.success) throw bad(z.prettifyError(envelope.error));
  const { schema, checksum, instance } = envelope.data;
  if (schema > AWAITING_SCHEMA) throw bad(`it was written by a newer Berth (schema ${schema})`);
  if (checksum !== checksumOf(JSON.stringify(instance))) throw bad("its checksum does not match its content");
  const descriptor = Descriptor.safeParse(instance);
  if (!descriptor.success) throw bad(z.prettifyError(descriptor.error));
  return descriptor.data;
}

function checksumOf(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}
