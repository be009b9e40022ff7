import type { DriverInfo, EngineInfo } from "../api/engine-info.ts";
import type { Finding } from "../api/finding.ts";
import { PROTOCOL_VERSION } from "../api/protocol.ts";
import { DisposableStore } from "../base/disposable.ts";
import type { Event } from "../base/event.ts";
import { hostArch } from "../base/paths.ts";
import type { Access } from "./access/access.ts";
import { Audit } from "./access/audit.ts";
import { Aliases } from "./aliases.ts";
import type { Backups } from "./backup/backups.ts";
import type { Plans } from "./backup/plans.ts";
import type { Repositories } from "./backup/repositories.ts";
import type { RepositoryWork } from "./backup/repository-work.ts";
import { Scheduler } from "./backup/scheduler.ts";
import type { Transfers } from "./backup/transfers.ts";
import { Upkeep } from "./backup/upkeep.ts";
import { ComposeWork } from "./compose-work.ts";
import type { ContainerImageWork } from "./container-image-work.ts";
import type { Ctx } from "./ctx.ts";
import { examine } from "./doctor/examine.ts";
import type { Driver, Subnet } from "./drivers/driver.ts";
import { probeAll } from "./drivers/probe-all.ts";
import type { EngineCore } from "./engine-core.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { EventLog } from "./event-log.ts";
import type { ImageWork } from "./image-work.ts";
import { autostart } from "./instances/autostart.ts";
import type { HostFacts } from "./instances/check.ts";
import { Consoles } from "./instances/consoles.ts";
import { guestOf } from "./instances/details.ts";
import { Disks } from "./instances/disks.ts";
import type { Entry } from "./instances/entry.ts";
import { Foreign } from "./instances/foreign.ts";
import { type HostNetworks, HostNics } from "./instances/host-nics.ts";
import type { Keeper } from "./instances/keeper.ts";
import { Lan } from "./instances/lan.ts";
import { Listeners } from "./instances/listeners.ts";
import type { InstanceManager } from "./instances/manager.ts";
import { Media } from "./instances/media.ts";
import { MetricsFeeds } from "./instances/metrics.ts";
import { Mounts } from "./instances/mounts.ts";
import { OutsideWatch } from "./instances/outside.ts";
import { Ports } from "./instances/ports.ts";
import type { PrivateNetworks } from "./instances/private-networks.ts";
import { Reach } from "./instances/reach.ts";
import { Sessions } from "./instances/sessions.ts";
import { SnapshotKeeping } from "./instances/snapshot-keeping.ts";
import { SshHosts } from "./instances/ssh-hosts.ts";
import { Zones } from "./instances/zones.ts";
import { KeyWork } from "./key-work.ts";
import type { EngineKeys } from "./keys/engine-keys.ts";
import type { Operations } from "./operations.ts";
import { Passphrase } from "./passphrase.ts";
import type { EngineSettings } from "./settings.ts";
import type { Locations } from "./storage/locations.ts";
import type { Storage } from "./storage/storage.ts";
import type { Store } from "./store/store.ts";

export type Parts = {
  id: string;
  options: EngineOptions;
  now: () => Date;
  store: Store;
  access: Access;
  settings: EngineSettings;
  events: EventLog;
  operations: Operations;
  keeper: Keeper;
  keys: EngineKeys;
  manager: InstanceManager;
  book: Repositories;
  repositories: RepositoryWork;
  backups: Backups;
  plans: Plans;
  transfers: Transfers;
  drivers: readonly Driver[];
  hostFacts: () => Promise<HostFacts>;
  subnet: Subnet;
  networks: HostNetworks;
  locations: Locations;
  storage: Storage;
  images: ImageWork;
  containerImages: ContainerImageWork;
};

export class LiveEngine implements EngineCore {
  readonly id: string;
  readonly access: Access;
  readonly audit: Audit;
  readonly settings: EngineSettings;
  readonly events: EventLog;
  readonly instances: InstanceManager;
  readonly metrics: EngineCore["metrics"];
  readonly consoles: Consoles;
  readonly ports: Ports;
  readonly listeners: Listeners;
  readonly mounts: Mounts;
  readonly sessions: Sessions;
  readonly disks: Disks;
  readonly media: Media;
  readonly networks: HostNics;
  readonly reach: Reach;
  readonly privateNetworks: PrivateNetworks;
  readonly zones: Zones;
  readonly snapshots: SnapshotKeeping;
  readonly repositories: RepositoryWork;
  readonly backups: Backups;
  readonly backupPlans: Plans;
  readonly transfers: Transfers;
  readonly aliases: Aliases;
  readonly operations: Operations;
  readonly images: ImageWork;
  readonly containerImages: ContainerImageWork;
  readonly foreignContainers: Foreign;
  readonly compose: ComposeWork;
  readonly storage: Storage;
  readonly passphrase: Passphrase;
  readonly keys: KeyWork;
  readonly onDidDrain: Operations["onDidDrain"];
  readonly #parts: Parts;
  readonly #locations: Locations;
  readonly #lan: Lan;
  #outside: OutsideWatch | undefined;
  #scheduler: Scheduler | undefined;
  readonly #startedAt: string;
  readonly #ending = new AbortController();
  readonly onDidChangeIdle: Event<boolean> = (listener) => {
    const tell = () => listener(this.idle);
    const owned = new DisposableStore();
    owned.add(this.operations.onDidChangeIdle(tell));
    owned.add(this.#parts.keeper.serving.onDidChange(tell));
    owned.add(this.keys.onDidChange(tell));
    owned.add(this.backupPlans.onDidChange(tell));
    return owned;
  };
  #sshHosts: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.storage = parts.storage;
    this.#locations = parts.locations;
    this.id = parts.id;
    this.access = parts.access;
    this.audit = new Audit({ directory: parts.options.paths.audit, now: parts.now });
    this.settings = parts.settings;
    this.events = parts.events;
    this.instances = parts.manager;
    const { keeper } = parts;
    const names = {
      idOf: (name: string) => keeper.find(name, "alias").record.descriptor.id,
      nameOf: (id: string) => keeper.byId(id)?.record.descriptor.name,
    };
    this.aliases = new Aliases(parts.store, names, parts.options.log);
    const watched = (name: string) => guestOf(keeper.find(name, "watch"));
    this.metrics = new MetricsFeeds(watched, parts.now, (name) => {
      const { running } = keeper.find(name, "watch");
      return running?.stats?.bind(running);
    });
    this.listeners = new Listeners(watched);
    this.consoles = new Consoles(keeper);
    this.ports = new Ports(keeper, parts.manager);
    this.mounts = new Mounts(keeper, parts.manager);
    this.sessions = new Sessions(keeper);
    this.#lan = new Lan(keeper, parts.subnet);
    this.networks = new HostNics(keeper, parts.manager, parts.networks, parts.options.log);
    this.reach = new Reach(keeper, parts.manager);
    this.privateNetworks = keeper.privateNetworks;
    this.zones = new Zones(keeper, parts.manager, parts.operations);
    this.media = new Media(keeper, parts.manager);
    this.disks = new Disks(keeper, parts.manager, parts.hostFacts);
    this.snapshots = new SnapshotKeeping(parts.keeper, parts.manager);
    this.repositories = parts.repositories;
    this.backups = parts.backups;
    this.backupPlans = parts.plans;
    this.transfers = parts.transfers;
    this.operations = parts.operations;
    this.images = parts.images;
    this.containerImages = parts.containerImages;
    this.foreignContainers = new Foreign(parts);
    this.compose = new ComposeWork(parts.drivers, parts.options.log);
    this.passphrase = new Passphrase(parts.store);
    this.keys = new KeyWork({
      ...{ keys: parts.keys, keeper, log: parts.options.log },
      alsoSealed: parts.book.reseal,
    });
    this.onDidDrain = parts.operations.onDidDrain;
    this.#startedAt = parts.now().toISOString();
  }

  /** Begins to look for accelerators now, so that the first question about them need not wait. */
  warmUp(): void {
    const machines = this.#parts.drivers.filter(({ kind }) => kind === "vm");
    void probeAll(machines, this.#probing(this.#ending.signal), {});
  }

  /** A key rotation that an earlier engine did not finish goes on. */
  finishKeyRotation(): void {
    this.keys.finishRotation();
  }

  /** OpenSSH's view of the instances follows them while this engine runs. */
  keepSshHosts(): void {
    const { keeper, events, options } = this.#parts;
    const { log, paths } = options;
    const hosts = new SshHosts({ keeper, files: paths.ssh, log });
    this.#sshHosts = hosts.follow(events, this.#ending.signal);
  }

  /** What others do to containers is seen from now on. */
  watchOutside(): void {
    this.#outside = new OutsideWatch(this.#parts.keeper);
  }

  /** What is planned is backed up by itself from now on. */
  keepPlans(): void {
    const { plans, backups, book, keeper, operations, now, options, store } = this.#parts;
    this.#scheduler = new Scheduler({
      ...{ plans, backups, repositories: book, keeper, operations, now, log: options.log },
      ...{ repositoryWork: this.repositories, upkeep: new Upkeep(store) },
    });
  }

  /** Beside all else: nobody waits for it. */
  startByPolicy(endedUnseen: readonly Entry[], boot: string): void {
    const { keeper, manager, operations, options } = this.#parts;
    const { signal } = this.#ending;
    void autostart({ keeper, manager, operations, endedUnseen, boot, signal }).catch((error: unknown) =>
      options.log.error("instances could not be started by their policies", { error }),
    );
  }

  async info(): Promise<EngineInfo> {
    const { options, store, hostFacts } = this.#parts;
    const [host, drivers] = await Promise.all([hostFacts(), this.#probe(this.#ending.signal)]);
    return {
      id: this.id,
      version: options.version,
      protocol: PROTOCOL_VERSION,
      pid: process.pid,
      startedAt: this.#startedAt,
      dataDirectory: options.paths.data,
      logFile: options.paths.log,
      draining: this.draining,
      host: { ...host, arch: hostArch() },
      drivers,
      problems: [...store.problems, ...(await this.#locations.problems()), ...(await this.keys.problems())],
    };
  }

  async examine(): Promise<Finding[]> {
    const { options, keeper, subnet, now } = this.#parts;
    const entries = keeper.entries();
    const there = await this.#locations.isPresent("instances");
    const running = entries.filter((entry) => entry.running !== undefined);
    return examine({
      paths: options.paths,
      instances: there ? this.#locations.instances : undefined,
      subnet: subnet.cidr,
      running: new Set(running.map(({ record }) => record.descriptor.id)),
      latestMs: Math.max(0, ...entries.map(({ record }) => Date.parse(record.updatedAt))),
      nowMs: now().getTime(),
    });
  }

  probe(signal: AbortSignal): Promise<DriverInfo[]> {
    return this.#probe(signal, { fresh: true });
  }

  #probe(signal: AbortSignal, how: { fresh?: boolean } = {}): Promise<DriverInfo[]> {
    return probeAll(this.#parts.drivers, this.#probing(signal), how);
  }

  #probing(signal: AbortSignal): Ctx {
    return { signal, progress: () => {}, log: this.#parts.options.log };
  }

  get draining(): boolean {
    return this.operations.draining;
  }

  drain(): void {
    this.operations.drain();
  }

  get idle(): boolean {
    return (
      this.operations.idle && !this.#parts.keeper.serving.any && !this.keys.held && !this.backupPlans.any
    );
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.operations.close();
    await this.#scheduler?.close();
    await this.backups.close();
    await this.#sshHosts;
    this.#lan.dispose();
    this.#outside?.dispose();
    this.consoles.dispose();
    this.#parts.keeper.close();
    this.events.close();
    this.#parts.store.close();
  }
}
