/** Composes the engine behind `engine-core.ts`: store, operations, instances, images. The server calls the result. */
import { randomUUID } from "node:crypto";
import { privateDirectory } from "../base/durable.ts";
import { hostArch, hostPlatform } from "../base/paths.ts";
import { hostBoot } from "../base/process-identity.ts";
import { Access } from "./access/access.ts";
import { Backups, isBackupRow } from "./backup/backups.ts";
import { Plans } from "./backup/plans.ts";
import { PointBook } from "./backup/point-book.ts";
import { limitsOf, Repositories } from "./backup/repositories.ts";
import { isRepositoryRow, RepositoryWork } from "./backup/repository-work.ts";
import { isTransferRow, Transfers } from "./backup/transfers.ts";
import { ContainerImageWork, isContainerImageRow } from "./container-image-work.ts";
import type { EngineCore } from "./engine-core.ts";
import type { EngineContext, EngineOptions } from "./engine-options.ts";
import { EventLog } from "./event-log.ts";
import { generateLogin } from "./guest/keys.ts";
import { checkUserData } from "./guest/user-data.ts";
import { factsOf } from "./host-facts.ts";
import { ImageWork } from "./image-work.ts";
import type { Images, ImageUsers } from "./images/images.ts";
import { ContainerHostInstance } from "./instances/container-host.ts";
import { usersOf, usersOfContainerImages } from "./instances/image-users.ts";
import { Keeper } from "./instances/keeper.ts";
import { InstanceManager } from "./instances/manager.ts";
import { recoverInstances, takeInInstances } from "./instances/recover.ts";
import { ZoneBook } from "./instances/zone-book.ts";
import { isZoneRow } from "./instances/zones.ts";
import { EngineKeys } from "./keys/engine-keys.ts";
import { InstanceKeys } from "./keys/instance-keys.ts";
import { osKeychain } from "./keys/keychain.ts";
import { LiveEngine, type Parts } from "./live-engine.ts";
import { hostNetworks } from "./networks/interfaces.ts";
import { Operations } from "./operations.ts";
import { EngineSettings } from "./settings.ts";
import { Locations } from "./storage/locations.ts";
import { Storage } from "./storage/storage.ts";
import { InstanceFiles } from "./store/instance-files.ts";
import { openStore } from "./store/store.ts";
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
  const subnet = await subnetOf(store, files);
  const access = await Access.open({ file: paths.access, now });
  const parts = compose({ options, now, locations, store, files, settings, subnet, access });
  const engine = new LiveEngine(parts);
  engine.warmUp();
  await goOn(engine, parts);
  return engine;
}

type Ground = Pick<Parts, "options" | "now" | "locations" | "store" | "settings" | "subnet" | "access"> & {
  files: InstanceFiles;
};

/** Each of them knows those that it needs, and begins nothing yet. */
function compose({ files, ...ground }: Ground): Parts {
  const { options, now, locations, store, settings, subnet, access } = ground;
  const { paths, log } = options;
  const id = randomUUID();
  const events = new EventLog(id, { now });
  const projectOf = (name: string) => keeper.projectOf(name);
  const operations = new Operations({ store, events, log, now, projectOf });
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
  const makeLogin = options.makeLogin ?? generateLogin;
  const keychain = options.keychain ?? osKeychain(hostPlatform(), paths.keys);
  const keys = new EngineKeys({ directory: paths.keys, keychain, now });
  const keeper = new Keeper({
    ...{ store, files, events, drivers, images, subnet, log, now, makeLogin },
    keys: new InstanceKeys(keys, files),
    zones: new ZoneBook(store, subnet),
    runDirectory: paths.run,
    limits: () => access.limits,
    settings: () => settings.get(),
  });
  users = (image) => usersOf(keeper, image);
  const hostFacts = options.hostFacts ?? (() => factsOf(paths, locations));
  const arch = hostArch();
  const networks = {
    list: options.hostNetworks ?? (() => hostNetworks()),
    bridged: () => settings.get()["local.bridged-network"],
  };
  const encryptsByDefault = () => settings.get()["instances.encrypted"];
  const plan = { drivers, arch, log, hostFacts, networks, checkUserData, keys, encryptsByDefault };
  const manager = new InstanceManager(keeper, operations, plan);
  const own = { ...ground, id, events, operations, keeper, keys, manager, drivers, hostFacts, networks };
  return { ...own, ...backupWork(own), ...slowWork({ ...own, images }) };
}

type Kept = "book" | "repositories" | "backups" | "plans" | "transfers";
type Slow = "storage" | "images" | "containerImages";

/** What is done with backups, and with where they lie. */
function backupWork(parts: Omit<Parts, Slow | Kept>): Pick<Parts, Kept> {
  const { options, store, keys, keeper, manager, operations, events, settings, now } = parts;
  const { log } = options;
  const book = new Repositories({
    ...{ store, keys, repository: options.repository, now },
    limits: () => limitsOf(settings.get()),
    onChanged: () => events.publish({ type: "backups" }),
  });
  const points = new PointBook(store);
  return {
    book,
    repositories: new RepositoryWork({ repositories: book, keeper, points, operations, log }),
    backups: new Backups({
      ...{ keeper, manager, operations, log, points, repositories: book },
      ...{ settings: () => settings.get(), runDirectory: options.paths.run },
    }),
    plans: new Plans({ store, keeper, repositories: book, now }),
    transfers: new Transfers({ keeper, manager, operations, points }),
  };
}

/** What is done with images, and with the place where everything lies. */
function slowWork(parts: Omit<Parts, Slow | Kept> & { images: Images }): Pick<Parts, Slow> {
  const { options, locations, keeper, manager, operations, events, drivers, images } = parts;
  const { log } = options;
  const fallback = fallbackOf(parts);
  const takeIn = async () => {
    if (await locations.isPresent("instances")) await takeInInstances(keeper, fallback);
  };
  const users = () => usersOfContainerImages(keeper);
  return {
    storage: new Storage({ ...{ locations, keeper, manager, operations, images, takeIn } }),
    images: new ImageWork(images, operations, events, log, hostArch()),
    containerImages: new ContainerImageWork({ drivers, operations, events, log, users }),
  };
}

/** For what a descriptor that cannot be read does not tell. */
function fallbackOf({ drivers, now }: Pick<Parts, "drivers" | "now">) {
  const driver = drivers[0]?.name ?? "none";
  return { arch: hostArch(), driver, kind: "vm" as const, now: now().toISOString() };
}

/** Takes up what an earlier engine has left: instances, operations, and what is done by itself. */
async function goOn(engine: LiveEngine, parts: Parts): Promise<void> {
  const { store, options, keeper, manager, operations, images, containerImages, storage } = parts;
  const rows = store.interruptedOperations();
  const isImageRow = (row: (typeof rows)[number]) => row.kind === "pull-image" || row.kind === "build-image";
  const isMove = (row: (typeof rows)[number]) => row.kind === "move-storage";
  const ofImages = [isImageRow, isContainerImageRow];
  const others = [...ofImages, isZoneRow, isMove, isRepositoryRow, isBackupRow, isTransferRow];
  const interrupted = rows.filter((row) => !others.some((is) => is(row)));
  const boot = await (options.hostBoot ?? hostBoot)();
  const fallback = fallbackOf(parts);
  const endedUnseen = await recoverInstances({ keeper, manager, operations, fallback, interrupted, rows });
  for (const row of rows.filter(isImageRow)) images.resume(row);
  for (const row of rows.filter(isContainerImageRow)) containerImages.resume(row);
  for (const row of rows.filter(isZoneRow)) engine.zones.resume(row);
  for (const row of rows.filter(isMove)) storage.resume(row);
  for (const row of rows.filter(isRepositoryRow)) parts.repositories.resume(row);
  for (const row of rows.filter(isBackupRow)) parts.backups.resume(row);
  for (const row of rows.filter(isTransferRow)) parts.transfers.resume(row);
  parts.backups.goOnArriving();
  void parts.backups.removeLeft().catch((error: unknown) => {
    options.log.error("what showed files of backups could not be removed", { error });
  });
  engine.finishKeyRotation();
  engine.keepSshHosts();
  engine.watchOutside();
  engine.startByPolicy(endedUnseen, boot);
  engine.keepPlans();
}
