/** Composes the engine behind `engine-core.ts`: store, operations, instances, images. The server calls the result. */
import { randomUUID } from "node:crypto";
import type { DriverInfo, EngineInfo } from "../api/engine-info.ts";
import type { Finding } from "../api/finding.ts";
import { PROTOCOL_VERSION } from "../api/protocol.ts";
import { DisposableStore } from "../base/disposable.ts";
import { privateDirectory } from "../base/durable.ts";
import type { Event } from "../base/event.ts";
import { hostArch } from "../base/paths.ts";
import { hostBoot } from "../base/process-identity.ts";
import { Aliases } from "./aliases.ts";
import { ComposeWork } from "./compose-work.ts";
import { ContainerImageWork, isContainerImageRow } from "./container-image-work.ts";
import type { Ctx } from "./ctx.ts";
import { examine } from "./doctor/examine.ts";
import type { Driver, Subnet } from "./drivers/driver.ts";
import { probeAll } from "./drivers/probe-all.ts";
import type { EngineCore } from "./engine-core.ts";
import type { EngineContext, EngineOptions } from "./engine-options.ts";
import { EventLog } from "./event-log.ts";
import { generateLogin } from "./guest/keys.ts";
import { checkUserData } from "./guest/user-data.ts";
import { factsOf } from "./host-facts.ts";
import { ImageWork } from "./image-work.ts";
import type { ImageUsers } from "./images/images.ts";
import { autostart } from "./instances/autostart.ts";
import type { HostFacts } from "./instances/check.ts";
import { Consoles } from "./instances/consoles.ts";
import { ContainerHostInstance } from "./instances/container-host.ts";
import { guestOf } from "./instances/details.ts";
import { Disks } from "./instances/disks.ts";
import type { Entry } from "./instances/entry.ts";
import { Foreign } from "./instances/foreign.ts";
import { type HostNetworks, HostNics } from "./instances/host-nics.ts";
import { usersOf, usersOfContainerImages } from "./instances/image-users.ts";
import { Keeper } from "./instances/keeper.ts";
import { Lan } from "./instances/lan.ts";
import { Listeners } from "./instances/listeners.ts";
import { InstanceManager } from "./instances/manager.ts";
import { Media } from "./instances/media.ts";
import { MetricsFeeds } from "./instances/metrics.ts";
import { Mounts } from "./instances/mounts.ts";
import { OutsideWatch } from "./instances/outside.ts";
import { Ports } from "./instances/ports.ts";
import { recoverInstances, takeInInstances } from "./instances/recover.ts";
import { Sessions } from "./instances/sessions.ts";
import { SnapshotKeeping } from "./instances/snapshot-keeping.ts";
import { SshHosts } from "./instances/ssh-hosts.ts";
import { ZoneBook } from "./instances/zone-book.ts";
import { isZoneRow, Zones } from "./instances/zones.ts";
import { hostNetworks } from "./networks/interfaces.ts";
import { Operations } from "./operations.ts";
import { Passphrase } from "./passphrase.ts";
import { EngineSettings } from "./settings.ts";
import { Locations } from "./storage/locations.ts";
import { Storage } from "./storage/storage.ts";
import { InstanceFiles } from "./store/instance-files.ts";
import { openStore, type Store } from "./store/store.ts";
import { subnetOf } from "./subnet.ts";

/**
 * Opens the store, shows every instance, adopts those that run and goes on with interrupted operations. The caller
 * holds the data directory's lock. Deletes nothing.
 */
export async function openEngine(options: EngineOptions): Promise<EngineCore> {
  const { paths, log } = options;
  const now = options.now ?? (() => new Date());
  for (const directory of [paths.data, paths.cache, paths.run]) await privateDirectory(directory);
  const locations = options.locations ?? (await Locations.read(paths));
  await locations.prepare();
  const store = options.store ?? (await openStore(paths.database, now));
  const files = options.files ?? new InstanceFiles(locations);
  const settings = new EngineSettings(store, log, options.env);
  log.setLevel?.(settings.get()["engine.log-level"]);
  settings.onDidChange((next) => log.setLevel?.(next["engine.log-level"]));
  const id = randomUUID();
  const events = new EventLog(id, { now });
  const operations = new Operations({ store, events, log, now });
  let users: ImageUsers = () => [];
  const containerHost = new ContainerHostInstance(() => ({
    ...{ keeper, manager, operations, events },
    settings: () => settings.get(),
  }));
  const context: EngineContext = {
    ...{ paths, locations, log, settings, containerHost },
    imageUsers: (image) => users(image),
  };
  const drivers = options.drivers(context);
  const images = options.images(context);
  const subnet = await subnetOf(store, files);
  const makeLogin = options.makeLogin ?? generateLogin;
  const keeper = new Keeper({
    ...{ store, files, events, drivers, images, subnet, log, now, makeLogin },
    zones: new ZoneBook(store, subnet),
    runDirectory: paths.run,
    mountsAllowed: () => settings.get()["local.privileged-mounts"],
  });
  users = (image) => usersOf(keeper, image);
  const hostFacts = options.hostFacts ?? (() => factsOf(paths, locations));
  const arch = hostArch();
  const networks = {
    list: options.hostNetworks ?? (() => hostNetworks()),
    bridged: () => settings.get()["local.bridged-network"],
  };
  const plan = { drivers, arch, log, hostFacts, networks, checkUserData };
  const manager = new InstanceManager(keeper, operations, plan);
  const fallback = {
    arch,
    driver: drivers[0]?.name ?? "none",
    kind: "vm" as const,
    now: now().toISOString(),
  };
  const takeIn = async () => {
    if (await locations.isPresent("instances")) await takeInInstances(keeper, fallback);
  };
  const storage = new Storage({ ...{ locations, keeper, manager, operations, images, takeIn } });
  const imageWork = new ImageWork(images, operations, events, log, arch);
  const containerUsers = () => usersOfContainerImages(keeper);
  const containerImages = new ContainerImageWork({ drivers, operations, events, log, users: containerUsers });
  const core = new Engine(
    {
      ...{ id, options, now, store, settings, events, operations, keeper, manager, drivers },
      ...{ hostFacts, subnet, networks },
    },
    { images: imageWork, containerImages },
    { storage, locations },
  );
  core.warmUp();

  const rows = store.interruptedOperations();
  const isImageRow = (row: (typeof rows)[number]) => row.kind === "pull-image" || row.kind === "build-image";
  const isMove = (row: (typeof rows)[number]) => row.kind === "move-storage";
  const others = [isImageRow, isContainerImageRow, isZoneRow, isMove];
  const interrupted = rows.filter((row) => !others.some((is) => is(row)));
  const boot = await (options.hostBoot ?? hostBoot)();
  const endedUnseen = await recoverInstances({ keeper, manager, operations, fallback, interrupted });
  for (const row of rows.filter(isImageRow)) imageWork.resume(row);
  for (const row of rows.filter(isContainerImageRow)) containerImages.resume(row);
  for (const row of rows.filter(isZoneRow)) core.zones.resume(row);
  for (const row of rows.filter(isMove)) storage.resume(row);
  core.keepSshHosts();
  core.watchOutside();
  core.startByPolicy(endedUnseen, boot);
  return core;
}

type Parts = {
  id: string;
  options: EngineOptions;
  now: () => Date;
  store: Store;
  settings: EngineSettings;
  events: EventLog;
  operations: Operations;
  keeper: Keeper;
  manager: InstanceManager;
  drivers: readonly Driver[];
  hostFacts: () => Promise<HostFacts>;
  subnet: Subnet;
  networks: HostNetworks;
};

class Engine implements EngineCore {
  readonly id: string;
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
  readonly zones: Zones;
  readonly snapshots: SnapshotKeeping;
  readonly aliases: Aliases;
  readonly operations: Operations;
  readonly images: ImageWork;
  readonly containerImages: ContainerImageWork;
  readonly foreignContainers: Foreign;
  readonly compose: ComposeWork;
  readonly storage: Storage;
  readonly passphrase: Passphrase;
  readonly onDidDrain: Operations["onDidDrain"];
  readonly onDidChangeIdle: Event<boolean>;
  readonly #parts: Parts;
  readonly #locations: Locations;
  readonly #lan: Lan;
  #outside: OutsideWatch | undefined;
  readonly #startedAt: string;
  readonly #ending = new AbortController();
  #sshHosts: Promise<void> | undefined;

  constructor(
    parts: Parts,
    images: { images: ImageWork; containerImages: ContainerImageWork },
    places: { storage: Storage; locations: Locations },
  ) {
    this.#parts = parts;
    this.storage = places.storage;
    this.#locations = places.locations;
    this.id = parts.id;
    this.settings = parts.settings;
    this.events = parts.events;
    this.instances = parts.manager;
    const { keeper } = parts;
    this.aliases = new Aliases(
      parts.store,
      {
        idOf: (name) => keeper.find(name, "alias").record.descriptor.id,
        nameOf: (id) => keeper.byId(id)?.record.descriptor.name,
      },
      parts.options.log,
    );
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
    this.zones = new Zones(keeper, parts.manager, parts.operations);
    this.media = new Media(keeper, parts.manager);
    this.disks = new Disks(keeper, parts.manager, parts.hostFacts);
    this.snapshots = new SnapshotKeeping(parts.keeper, parts.manager);
    this.operations = parts.operations;
    this.images = images.images;
    this.containerImages = images.containerImages;
    this.foreignContainers = new Foreign(parts);
    this.compose = new ComposeWork(parts.drivers, parts.options.log);
    this.passphrase = new Passphrase(parts.store);
    this.onDidDrain = parts.operations.onDidDrain;
    this.onDidChangeIdle = (listener) => {
      const tell = () => listener(this.idle);
      const owned = new DisposableStore();
      owned.add(parts.operations.onDidChangeIdle(tell));
      owned.add(keeper.serving.onDidChange(tell));
      return owned;
    };
    this.#startedAt = parts.now().toISOString();
  }

  /** Begins to look for accelerators now, so that the first question about them need not wait. */
  warmUp(): void {
    const machines = this.#parts.drivers.filter(({ kind }) => kind === "vm");
    void probeAll(machines, this.#probing(this.#ending.signal), {});
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
      problems: [...store.problems, ...(await this.#locations.problems())],
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
    return this.operations.idle && !this.#parts.keeper.serving.any;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.operations.close();
    await this.#sshHosts;
    this.#lan.dispose();
    this.#outside?.dispose();
    this.consoles.dispose();
    this.#parts.keeper.close();
    this.events.close();
    this.#parts.store.close();
  }
}
