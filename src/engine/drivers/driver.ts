/**
 * How one kind of instance is run. A driver knows neither HTTP nor the store nor the manager: it is given a
 * DriverInstance and an own directory, and reports what happens through what it returns. Every driver passes
 * `test/contract/driver.ts`.
 */
import type { Readable } from "node:stream";
import type { ContainerImage, ContainerRuntime, ContainerShape, ContainerSpec } from "../../api/container.ts";
import type { DriverInfo } from "../../api/engine-info.ts";
import type { Arch, Problem } from "../../api/instance.ts";
import type { FirmwareKind, GuestKind } from "../../api/machine.ts";
import type { Mount } from "../../api/mount.ts";
import type { HostNetwork, HostNic } from "../../api/network.ts";
import type { NetworkMode } from "../../api/network-mode.ts";
import type { PortForward } from "../../api/port.ts";
import type { Disposable } from "../../base/disposable.ts";
import type { Secret } from "../../base/secret.ts";
import type { Ctx } from "../ctx.ts";
import type { Login } from "../guest/keys.ts";
import type { Compose } from "./compose.ts";
import type { ContainerStore } from "./container-store.ts";
import type { ForeignContainers } from "./foreign-containers.ts";
import type { PointSupport } from "./points.ts";
import type { Running } from "./running.ts";
import type { TreeSupport, UnnamedVolume } from "./trees.ts";

/** What a machine needs of this host. */
export type MachineNeeds = Pick<DriverInstance, "arch" | "guest" | "firmware" | "tpm">;

/** A disk beside the first one. Its id never changes; nor does where it is plugged in, as long as it is there. */
export type DriverDisk = { id: string; name: string; sizeBytes: number; slot: number };

/** Everything a driver may know of an instance. Plain data; stable across engine runs. */
export type DriverInstance = {
  id: string;
  name: string;
  arch: Arch;
  /** Of these three, 0 is without a limit; a machine has none of that. */
  cpus: number;
  memoryBytes: number;
  diskBytes: number;
  /** IPv4 of its own in `subnet`; empty of a container. */
  address: string;
  subnet: Subnet;
  mac: string;
  /** What the guest reaches; this host reaches its ports in any case. */
  network: NetworkMode;
  /** NICs beside its own, on networks of this host. */
  networks: readonly HostNic[];
  /**
   * The instance's own directory (0700, exists): disk, seed, keys, the driver's run record, and the logs that clients
   * may read: `serial.log` (the guest's console) and `driver.log` (the hypervisor's own words).
   */
  directory: string;
  /** Where short-lived sockets go; paths in it stay below the socket path limit. */
  runDirectory: string;
  /** The cached image to stand on; undefined where its disk begins empty, and of a container. */
  image: { path: string; format: "qcow2"; sizeBytes: number; virtualBytes: number } | undefined;
  /** Present on a container. Its image is known by its id, whatever its reference means by now. */
  container?:
    | (ContainerSpec & {
        image: Pick<ContainerImage, "reference" | "id">;
        /** Id of the container, where that was made elsewhere: it is known by that, and never made anew. */
        adopted?: string | undefined;
      })
    | undefined;
  /** What is forwarded whenever it runs: some drivers can open ports only where they begin a run. */
  ports?: readonly PortForward[] | undefined;
  guest: GuestKind;
  firmware: FirmwareKind;
  tpm: boolean;
  /** It has a screen, a keyboard and a pointer; who is used by its screen always. */
  display: boolean;
  /** The ISO in its drive: the path of a file. */
  medium?: string | undefined;
  /** The user's cloud-init user-data, as it was given. */
  userData?: string | undefined;
  /** What its hypervisor shall offer of this host's directories, by the target of the mount. */
  shares: readonly { source: string; target: string }[];
  /** What it has beside its first disk. */
  disks: readonly DriverDisk[];
  /** How often something else than its guest has changed a disk, by the disk's id; absent: never. */
  generations?: Readonly<Record<string, number>> | undefined;
  /** Present on a clone: public keys that its source's disk lets in, and that it must not. */
  formerKeys?: readonly string[] | undefined;
  /** The guest's login that we made: user name, and OpenSSH-format keys. Private keys are secrets. */
  login: Login;
  /** Disks that are not whole yet: what they lack is read from these sockets (`nbd-server.ts`), which may come and go. */
  awaited?: readonly AwaitedDisk[] | undefined;
  /**
   * Present where its disks and its kept memory are encrypted: gives the key, 64 hexadecimal digits. Rejects with what to
   * do where that is not at hand, and then nothing of it may be done in plain text instead.
   */
  openKey?: (() => Promise<Secret>) | undefined;
};

export type AwaitedDisk = { id: string; socket: string };

/** The engine's network, in which every instance has an address of its own. */
export type Subnet = { cidr: string; gateway: string; dns: string; nat: NatNetwork };

/**
 * A part of the subnet of which no instance has an address: what a guest's way out is made of. Each guest is alone in
 * a network of its own with these addresses, so they are the same for all.
 */
export type NatNetwork = { cidr: string; gateway: string; dns: string; address: string };

/** The files of extra disks, of instances that do not run unless told otherwise. Every call may be repeated. */
export interface DiskSupport {
  /** How many an instance may have. */
  most(instance: Pick<DriverInstance, "arch" | "guest">): number;
  /**
   * Makes it, empty or with what `fill` writes: a qcow2 that needs no other file, at the path it is given. It may be the
   * first disk, of an instance that has none yet.
   */
  create(
    ctx: Ctx,
    instance: DriverInstance,
    disk: DriverDisk,
    fill?: (file: string) => Promise<void>,
  ): Promise<void>;
  /** At least that large. */
  resize(ctx: Ctx, instance: DriverInstance, disk: DriverDisk, sizeBytes: number): Promise<void>;
  /** For good; the instance may run without it. */
  remove(ctx: Ctx, instance: DriverInstance, disk: DriverDisk): Promise<void>;
  /** Bytes it takes on the host. */
  usage(instance: DriverInstance, disk: DriverDisk): Promise<number | undefined>;
}

/** The keys that open the disks of an encrypted instance, which does not run. Every call may be repeated. */
export interface EncryptionSupport {
  /** All its disks, those that were removed too, are opened by `added` as well from now on. */
  addKey(ctx: Ctx, instance: DriverInstance, key: Secret, added: Secret): Promise<void>;
  /** None of them is opened by `removed` any more. */
  removeKey(ctx: Ctx, instance: DriverInstance, key: Secret, removed: Secret): Promise<void>;
}

/** What a driver that can keep the disks of stopped instances does. Every call may be repeated. */
export interface SnapshotSupport {
  /** Taking one copies nothing, however much there is. */
  readonly isFree: boolean;
  /** Keeps all disks as they are now, under this id. */
  take(ctx: Ctx, instance: DriverInstance, id: string): Promise<void>;
  /**
   * Makes the disks that the instance is given with what they were, their sizes too. `unnamed`: of a container, the volumes
   * without a name that it gets in place of those that it has.
   */
  restore(ctx: Ctx, instance: DriverInstance, id: string, unnamed?: readonly UnnamedVolume[]): Promise<void>;
  /** Frees what only this one needs; no effect where there is none. */
  remove(ctx: Ctx, instance: DriverInstance, id: string): Promise<void>;
}

export interface ContainerImages {
  /** Pulls it where it is not there. Progress phases: `download`. Rejects with `not-found`, `unauthenticated`, … */
  resolve(
    ctx: Ctx,
    reference: string,
    options?: {
      runtime?: ContainerRuntime | undefined;
      arch?: Arch | undefined;
      shape?: ContainerShape | undefined;
    },
  ): Promise<ContainerImage>;
}

/** Which part of what an instance has printed, and whether what comes later is wanted too. */
export type LogRequest = {
  follow?: boolean | undefined;
  /** Nothing from before this moment, in milliseconds since 1970. */
  sinceMs?: number | undefined;
  /** At most that many lines of what there is. */
  tail?: number | undefined;
};

/** What of a launch decides on what it needs first. */
export type LaunchNeeds = {
  name: string;
  container?: ContainerSpec | undefined;
  mounts: readonly Mount[];
  ports: readonly PortForward[];
};

export interface Driver {
  readonly name: string;
  readonly kind: "vm" | "container";
  /** What this host offers; cached by the driver after the first call, looked up anew with `fresh`. Never rejects for an absent tool. */
  probe(ctx: Ctx, options?: { fresh?: boolean }): Promise<DriverInfo>;
  /** What keeps this host from running such a machine; left out where whatever is available runs. */
  check?(ctx: Ctx, machine: MachineNeeds): Promise<Problem[]>;
  /**
   * What a launch may need first, and what is no part of its own time: a VM to run containers in. What could not be had
   * there is refused before. Idempotent; absent where nothing is needed.
   */
  prepare?(ctx: Ctx, wanted: LaunchNeeds): Promise<void>;
  /** Makes the disk and the seed; does not boot. Idempotent: a half-made earlier attempt is completed. */
  create(ctx: Ctx, instance: DriverInstance): Promise<void>;
  /**
   * Boots. Resolves as soon as the hypervisor runs the guest (not when the guest is ready); rejects only if it did
   * not start, and then nothing is left running. Writes its run record before it resolves. A suspended guest goes on
   * with its memory; it stays suspended, and that is a `wrong-state`, where this host cannot do that.
   */
  start(ctx: Ctx, instance: DriverInstance): Promise<Running>;
  /** Adopts what an earlier engine started; undefined when it does not run. Never starts and never kills. */
  attach(ctx: Ctx, instance: DriverInstance): Promise<Running | undefined>;
  /**
   * Calls back whenever others than us may have started, made or removed what does not run, also while nobody listened.
   * Absent where nobody else can.
   */
  watch?(instance: DriverInstance, told: () => void): Disposable;
  /** Whether others have removed what an instance is made of. */
  isGone?(ctx: Pick<Ctx, "signal">, instance: DriverInstance): Promise<boolean>;
  /** Whether the guest's memory is kept, for a start to go on with. */
  isSuspended?(instance: DriverInstance): Promise<boolean>;
  /** Throws that memory away; the next start boots. Idempotent. */
  discardMemory?(instance: DriverInstance): Promise<void>;
  /** Ends whatever still runs and frees what lies outside the instance's directory. Idempotent. */
  delete(ctx: Ctx, instance: DriverInstance): Promise<void>;
  /** Makes the disk of an instance that does not run at least this large. Idempotent. */
  resizeDisk?(ctx: Ctx, instance: DriverInstance, diskBytes: number): Promise<void>;
  /** Writes anew what the guest reads at its next boot: its name, its NICs. Idempotent. */
  reseed?(ctx: Ctx, instance: DriverInstance): Promise<void>;
  /**
   * Makes the target's disk and seed from a source that does not run. When the target boots, its guest is another
   * one: machine-id, host keys and login keys are its own. Idempotent.
   */
  clone?(ctx: Ctx, source: DriverInstance, target: DriverInstance): Promise<void>;
  /** The image lies at `instance.image.path` now: the disk of an instance that does not run must say so. Idempotent. */
  rehome?(ctx: Ctx, instance: DriverInstance): Promise<void>;
  /** Absent where guests cannot be connected to networks of this host. */
  readonly hostNetworks?: {
    /** What keeps guests from this one; undefined where nothing does. */
    problemWith(ctx: Ctx, network: HostNetwork): Promise<Problem | undefined>;
  };
  /** Frees what was made for a private network in which no instance is. Absent where nothing is. */
  dropNetwork?(ctx: Ctx, network: string): Promise<void>;
  /** Bytes the instance's disks take on the host. */
  diskUsage(instance: DriverInstance): Promise<number | undefined>;
  /** Absent where instances have but one disk. */
  readonly disks?: DiskSupport;
  /**
   * What it printed by itself, both outputs as they came, whether it runs or has ended; the caller owns the stream.
   * Followed, that ends with the instance's run. Absent where it is in files of the instance's directory alone.
   */
  logs?(ctx: Pick<Ctx, "signal">, instance: DriverInstance, request: LogRequest): Promise<Readable>;
  /**
   * Its file system as a tar, whether it runs or not, without what is in volumes; the caller owns the stream. Absent where
   * it is a disk.
   */
  export?(ctx: Pick<Ctx, "signal">, instance: DriverInstance): Promise<Readable>;
  /** Present on a driver of containers: images are its runtime's, not ours. */
  readonly containerImages?: ContainerImages;
  /** The same images, for those who look after them. */
  readonly containerStore?: ContainerStore;
  /** What others have made in the same runtimes. */
  readonly foreignContainers?: ForeignContainers;
  /** The compose projects in the same runtimes. */
  readonly compose?: Compose;
  /** Absent where instances cannot be encrypted. */
  readonly encryption?: EncryptionSupport;
  /** Absent where the driver keeps no snapshots. */
  readonly snapshots?: SnapshotSupport;
  /** Whether a guest may run while its disks are not whole, and `fill` them meanwhile. */
  readonly fills?: boolean;
  /** Absent where there are no disks to read. */
  readonly points?: PointSupport;
  /** Present where instances have trees of files instead. */
  readonly trees?: TreeSupport;
}
