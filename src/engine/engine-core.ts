/**
 * The engine as its server sees it: what the procedures and byte streams call. Implemented by `live-engine.ts`; the
 * server translates and authorises, and decides nothing.
 */
import type { Duplex, Readable } from "node:stream";
import type { Project } from "../api/access.ts";
import type { Alias, AliasBook } from "../api/alias.ts";
import type { DiskDetails, NewDisk } from "../api/disk.ts";
import type { DriverInfo, EngineInfo, Settings } from "../api/engine-info.ts";
import type { EngineEvent } from "../api/event.ts";
import type { Finding } from "../api/finding.ts";
import type { CachedImage, ImageEntry } from "../api/image.ts";
import type { Arch, Instance, InstanceDetails, LaunchSpec, Problem, Screenshot } from "../api/instance.ts";
import type { SizeChange } from "../api/lifecycle.ts";
import type { Metrics } from "../api/metrics.ts";
import type { NewMount } from "../api/mount.ts";
import type { MoveMark } from "../api/move.ts";
import type { HostNetwork, NewHostNic } from "../api/network.ts";
import type { NetworkMode, PrivateNetwork } from "../api/network-mode.ts";
import type { Operation } from "../api/operation.ts";
import type { NewPortForward, PortForward, PortForwardChange, PortListener } from "../api/port.ts";
import type { ReachReport } from "../api/reach-test.ts";
import type { GuestSession, SessionRequest } from "../api/session.ts";
import type { Snapshot, SnapshotOccasion } from "../api/snapshot.ts";
import type { StorageMove, StoragePlace } from "../api/storage.ts";
import type { ConsoleOpen } from "../api/streams.ts";
import type { Zone } from "../api/zone.ts";
import type { Event } from "../base/event.ts";
import type { Access } from "./access/access.ts";
import type { Audit } from "./access/audit.ts";
import type { OperationOrigin } from "./access/origins.ts";
import type { BackupPlansApi, BackupsApi, RepositoriesApi, TransfersApi } from "./backup-core.ts";
import type { ComposeApi, ContainerImagesApi, ForeignContainersApi } from "./container-core.ts";
import type { LogRequest } from "./drivers/driver.ts";
import type { AttachRequest } from "./drivers/running.ts";
import type { ExecRequest, GuestAccess, GuestProcess } from "./guest/guest.ts";
import type { KeysApi, PassphraseApi } from "./key-core.ts";

export interface EngineCore {
  /** Of this run. */
  readonly id: string;
  info(): Promise<EngineInfo>;
  /** Looks the host over. */
  examine(): Promise<Finding[]>;
  /** Looks anew for drivers and accelerators. */
  probe(signal: AbortSignal): Promise<DriverInfo[]>;
  /** Who may do what. */
  readonly access: Access;
  /** What was decided. */
  readonly audit: Audit;
  readonly settings: { get(): Settings; set(patch: Partial<Settings>): Settings };
  readonly events: EventStream;
  readonly instances: InstancesApi;
  readonly metrics: MetricsApi;
  readonly consoles: ConsolesApi;
  readonly ports: PortsApi;
  readonly listeners: ListenersApi;
  readonly mounts: MountsApi;
  readonly sessions: SessionsApi;
  readonly disks: DisksApi;
  readonly media: MediaApi;
  readonly networks: NetworksApi;
  readonly reach: ReachApi;
  readonly privateNetworks: PrivateNetworksApi;
  readonly zones: ZonesApi;
  readonly snapshots: SnapshotsApi;
  readonly repositories: RepositoriesApi;
  readonly backups: BackupsApi;
  readonly backupPlans: BackupPlansApi;
  readonly transfers: TransfersApi;
  readonly operations: OperationsApi;
  readonly aliases: AliasesApi;
  readonly images: ImagesApi;
  readonly containerImages: ContainerImagesApi;
  readonly foreignContainers: ForeignContainersApi;
  readonly compose: ComposeApi;
  readonly storage: StorageApi;
  readonly passphrase: PassphraseApi;
  readonly keys: KeysApi;
  /** Refuses new operations from now on; `onDidDrain` fires when the last one has ended. */
  drain(): void;
  readonly draining: boolean;
  readonly onDidDrain: Event<void>;
  /** False while an operation runs or anything else needs the engine, clients aside. */
  readonly idle: boolean;
  readonly onDidChangeIdle: Event<boolean>;
  /** Lets go of running instances without stopping them, closes the store. */
  close(): Promise<void>;
}

export interface EventStream {
  /**
   * Every event after `since` of engine run `engine`, then live ones, until the signal aborts. Begins with `resync`
   * where that is impossible (other run, too old, not given).
   */
  subscribe(
    from: { engine?: string | undefined; since?: number | undefined },
    signal: AbortSignal,
  ): AsyncIterable<EngineEvent>;
}

export interface InstancesApi {
  list(): Instance[];
  /** `not-found` for an unknown name. */
  get(name: string): Instance;
  /** Undefined for an unknown name. */
  projectOf(name: string): string | undefined;
  projects(): Project[];
  details(name: string, signal: AbortSignal): Promise<InstanceDetails>;
  log(
    name: string,
    source: "serial" | "cloud-init" | "driver",
    signal: AbortSignal,
  ): Promise<{ text: string; file?: string }>;
  /** What a container prints, and has printed; the caller owns the stream. `not-supported` of a VM. */
  logs(name: string, request: LogRequest, signal: AbortSignal): Promise<Readable>;
  /** A container's main process; closing it leaves it. `wrong-state` where it does not run, `not-supported` of a VM. */
  attach(name: string, request: AttachRequest, signal: AbortSignal): Promise<GuestProcess>;
  check(spec: LaunchSpec): Promise<Problem[]>;
  launch(spec: LaunchSpec): Promise<Operation>;
  /** `cold`: a suspended instance boots anew. */
  start(name: string, options?: { cold?: boolean }): Promise<Operation>;
  /** With a delay the operation waits until then, and the instance runs on meanwhile. */
  stop(name: string, options: { force: boolean; delayMs?: number | undefined }): Promise<Operation>;
  cancelStop(name: string): Promise<Operation>;
  restart(name: string): Promise<Operation>;
  delete(name: string, options: { purge: boolean }): Promise<Operation>;
  recover(name: string): Promise<Operation>;
  purge(name: string): Promise<Operation>;
  /** `snapshot: false`: a disk that grows is not kept as it is before. */
  update(name: string, change: SizeChange, how?: { snapshot?: boolean }): Promise<Operation>;
  suspend(name: string): Promise<Operation>;
  pause(name: string): Promise<Operation>;
  unpause(name: string): Promise<Operation>;
  rename(name: string, to: string): Promise<Operation>;
  /** An encrypted one's clone is encrypted in any case, by a key of its own. */
  clone(name: string, as: string | undefined, how?: { encrypted?: boolean }): Promise<Operation>;
  /** `wrong-state` of what is not encrypted, or not stopped. */
  rotateKey(name: string): Promise<Operation>;
  /** Writes down how far it is moved; without a mark it is moved no longer. */
  markMove(name: string, move: MoveMark | undefined): Promise<Operation>;
  /** `not-supported` of a VM; `wrong-state` while it has snapshots, which would be lost. */
  release(name: string): Promise<Operation>;
  /** The guest of a running instance; `wrong-state` otherwise. */
  guest(name: string): GuestAccess;
  /**
   * A connection to the screen of a running instance, in RFB; the caller owns it. `wrong-state` where it does not run,
   * `not-supported` where it has none.
   */
  openDisplay(name: string, signal: AbortSignal): Promise<Duplex>;
  /** What that screen shows now. */
  screenshot(name: string, signal: AbortSignal): Promise<Screenshot>;
}

export interface MetricsApi {
  /** Until the guest's run ends or the signal aborts. `wrong-state` where it does not run. */
  watch(name: string, signal: AbortSignal): AsyncIterable<Metrics>;
}

export interface ConsolesApi {
  /**
   * A guest's serial console: reading it gives what the guest prints, writing types. Waits for an instance that is about
   * to start; `wrong-state` where it is not. Ends when the guest's run does. Destroy it to leave.
   */
  open(name: string, how: ConsoleOpen, signal: AbortSignal): Promise<Duplex>;
}

export interface PortsApi {
  add(instance: string, wanted: NewPortForward): Promise<Operation>;
  update(instance: string, forward: ForwardName, change: PortForwardChange): Promise<Operation>;
  remove(instance: string, forward: ForwardName): Promise<Operation>;
}

/** How a forward of an instance is known. */
export type ForwardName = Pick<PortForward, "protocol" | "hostPort">;

export interface ListenersApi {
  /** Now and after every change, until the guest's run ends or the signal aborts. `wrong-state` where it does not run. */
  watch(name: string, signal: AbortSignal): AsyncIterable<PortListener[]>;
  now(name: string, signal: AbortSignal): Promise<PortListener[]>;
}

export interface MountsApi {
  add(instance: string, wanted: NewMount): Promise<Operation>;
  /** All of them where no target is given. */
  remove(instance: string, target: string | undefined): Promise<Operation>;
  /** Where a directory of this host is in the guest; undefined where it is not mounted. */
  directoryIn(instance: string, directory: string): Promise<string | undefined>;
}

export interface SessionsApi {
  /**
   * Opens a process that outlives whoever asked for it, or joins one again; closing what it resolves with detaches.
   * `busy` where another is attached and stays, `not-found` where it has ended, `no-resources` where there are many.
   */
  open(
    instance: string,
    request: ExecRequest,
    session: SessionRequest,
    signal: AbortSignal,
  ): Promise<GuestProcess>;
  list(instance: string): GuestSession[];
  /** Resolves with those that are left. */
  end(instance: string, id: string): GuestSession[];
}

export interface NetworksApi {
  /** Of this host. */
  list(): Promise<HostNetwork[]>;
  attach(instance: string, wanted: NewHostNic): Promise<Operation>;
  detach(instance: string, mac: string): Promise<Operation>;
}

export interface ReachApi {
  /** Where that needs another run, the operation warns, and the instance tells what holds until then. */
  change(instance: string, mode: NetworkMode): Promise<Operation>;
  /** `wrong-state` where it does not run; `internet` is a host and a port beyond this host. */
  test(instance: string, internet: string | undefined, signal: AbortSignal): Promise<ReachReport>;
}

export interface PrivateNetworksApi {
  list(): PrivateNetwork[];
  /** `not-found` for an unknown name. */
  get(name: string): PrivateNetwork;
  create(name: string): PrivateNetwork;
  /** `wrong-state` while an instance is in it, be it in the trash. */
  delete(name: string): Promise<void>;
}

export interface ZonesApi {
  list(): Zone[];
  /** `not-found` for an unknown name. */
  disable(zone: string): Promise<Operation>;
  enable(zone: string): Promise<Operation>;
}

export interface MediaApi {
  /** `not-supported` where the guest has no drive. */
  insert(instance: string, reference: string): Promise<Operation>;
  eject(instance: string): Promise<Operation>;
}

/** A disk is named by its name, or by its id. */
export interface DisksApi {
  list(instance: string): Promise<DiskDetails[]>;
  add(instance: string, wanted: NewDisk): Promise<Operation>;
  resize(instance: string, disk: string, sizeBytes: number): Promise<Operation>;
  remove(instance: string, disk: string, options: { force: boolean }): Promise<Operation>;
  recover(instance: string, disk: string): Promise<Operation>;
  purge(instance: string, disk: string): Promise<Operation>;
}

/** One without a name gets one; `before` makes it an automatic one. */
export type SnapshotWish = {
  name?: string | undefined;
  comment: string;
  before?: SnapshotOccasion | undefined;
};

/** Whether what the instance is now is lost, and if not, whether it is kept for a while only. */
export type RestoreHow = { destructive: boolean; automatic?: boolean | undefined };

export interface SnapshotsApi {
  /** Of one instance, or of all but the deleted. */
  list(instance?: string): Snapshot[];
  take(instance: string, wanted: SnapshotWish): Promise<Operation>;
  restore(instance: string, snapshot: string, how: RestoreHow): Promise<Operation>;
  update(
    instance: string,
    snapshot: string,
    words: { name?: string | undefined; comment?: string | undefined },
  ): Promise<Operation>;
  remove(instance: string, snapshot: string): Promise<Operation>;
}

export interface AliasesApi {
  list(): AliasBook;
  /** Into the active context where none is named. */
  add(alias: string, facts: Alias, context?: string): AliasBook;
  remove(alias: string, context?: string): AliasBook;
  prefer(context: string): AliasBook;
}

export interface OperationsApi {
  list(): Operation[];
  get(id: string): Operation;
  /** Undefined for one that is unknown. */
  originOf(id: string): OperationOrigin | undefined;
  wait(id: string, signal: AbortSignal): Promise<Operation>;
  /** `wrong-state` when it cannot be cancelled any more; no effect when it has ended. */
  cancel(id: string): Operation;
}

export interface StorageApi {
  show(signal: AbortSignal): Promise<StoragePlace[]>;
  move(wanted: StorageMove): Promise<Operation>;
}

export interface ImagesApi {
  find(
    query: { text: string; unsupported: boolean; arch?: Arch | undefined; refresh?: boolean | undefined },
    signal: AbortSignal,
  ): Promise<{ items: ImageEntry[]; problems: Problem[] }>;
  cached(): Promise<CachedImage[]>;
  pull(reference: string): Promise<Operation>;
  build(recipe: string): Promise<Operation>;
  remove(id: string): Promise<{ freedBytes: number }>;
  prune(): Promise<{ removed: string[]; freedBytes: number }>;
}
