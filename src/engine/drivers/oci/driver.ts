/**
 * Containers of Docker or Podman, by the API that both speak. The container itself is the instance's disk: a stop keeps
 * it, a delete removes it and what was made of it. Named volumes are the user's, and stay.
 */
import { createHash } from "node:crypto";
import path from "node:path";
import type { Readable } from "node:stream";
import type { DriverInfo } from "../../../api/engine-info.ts";
import { type Disposable, DisposableStore } from "../../../base/disposable.ts";
import { EngineError } from "../../../base/errors.ts";
import { hostArch } from "../../../base/paths.ts";
import type { Ctx } from "../../ctx.ts";
import type { Compose } from "../compose.ts";
import type { ContainerStore } from "../container-store.ts";
import type {
  ContainerImages,
  Driver,
  DriverInstance,
  LaunchNeeds,
  LogRequest,
  SnapshotSupport,
} from "../driver.ts";
import type { ForeignContainers } from "../foreign-containers.ts";
import type { Running } from "../running.ts";
import type { TreeSupport } from "../trees.ts";
import type { RuntimeApi } from "./api.ts";
import { undefinedWhereAbsent } from "./api-errors.ts";
import { OciCompose } from "./compose.ts";
import { Containers, goneError, type Inspected, isUp } from "./containers.ts";
import { type ContainerInstance, containerOf } from "./create-body.ts";
import { infoOf } from "./driver-info.ts";
import { OciForeignContainers } from "./foreign.ts";
import { woken } from "./halting.ts";
import { dropHelper } from "./helper.ts";
import { findImage, inspectImage } from "./images.ts";
import { ContainerLibrary } from "./library.ts";
import { logsOf } from "./logs.ts";
import { Memory } from "./memory.ts";
import { baseOf, commit, dropImage, ownImages } from "./own-images.ts";
import { readPlace, writePlace } from "./place.ts";
import { ContainerRunning } from "./running.ts";
import { concerns, RuntimeWatch } from "./runtime-watch.ts";
import { Runtimes, type RuntimesOptions } from "./runtimes.ts";
import { createSnapshots } from "./snapshots.ts";
import { createTrees } from "./trees.ts";

export type OciOptions = RuntimesOptions & {
  /** The engine's data directory: its containers bear a mark of that, and the images that we have brought are listed there. */
  data: string;
};

const UNDO_MS = 60_000;
const START_MS = 120_000;

export function createOciDriver(options: OciOptions): Driver {
  return new OciDriver(options);
}

class OciDriver implements Driver {
  readonly name = "oci";
  readonly kind = "container" as const;
  readonly snapshots: SnapshotSupport;
  readonly trees: TreeSupport;
  readonly containerImages: ContainerImages;
  readonly containerStore: ContainerStore;
  readonly foreignContainers: ForeignContainers;
  readonly compose: Compose;
  readonly #runtimes: Runtimes;
  readonly #engine: string;
  readonly #memory = new Memory();
  readonly #watches = new Map<string, RuntimeWatch>();

  constructor(options: OciOptions) {
    this.#runtimes = new Runtimes(options);
    this.#engine = createHash("sha256").update(options.data).digest("hex").slice(0, 12);
    this.snapshots = createSnapshots((ctx, instance) => this.#containersOf(ctx, instance));
    this.trees = createTrees({
      containersOf: (ctx, instance) => this.#containersOf(ctx, instance),
      flush: (ctx, api) => this.#runtimes.flush(ctx, api),
    });
    const library = new ContainerLibrary({
      runtimes: (ctx) => this.#runtimes.answering(ctx),
      choose: (ctx, runtime) => this.#runtimes.choose(ctx, runtime),
      flush: (ctx, api) => this.#runtimes.flush(ctx, api),
      preferred: options.preferred,
      ledger: path.join(options.data, "container-images.json"),
    });
    this.containerImages = library;
    this.containerStore = library;
    this.foreignContainers = new OciForeignContainers({
      runtimes: (ctx) => this.#runtimes.answering(ctx),
      watchOf: (api) => this.#watchOf(api),
      engine: this.#engine,
    });
    this.compose = new OciCompose((ctx) => this.#runtimes.here(ctx));
  }

  async probe(ctx: Ctx, { fresh = false }: { fresh?: boolean } = {}): Promise<DriverInfo> {
    const detection = await this.#runtimes.detect(ctx, fresh);
    const unkept = detection.found.map(({ endpoint }) => this.#memory.whyNotKept(ctx, endpoint));
    const vms = this.#runtimes.withHost ? hostArch() : undefined;
    return infoOf(detection, await Promise.all(unkept), vms);
  }

  prepare(ctx: Ctx, wanted: LaunchNeeds): Promise<void> {
    return this.#runtimes.prepare(ctx, wanted);
  }

  async create(ctx: Ctx, given: DriverInstance): Promise<void> {
    const instance = containerOf(given);
    ctx.progress({ phase: "create" });
    const containers = await this.#containersOf(ctx, instance);
    const image = inspectImage(ctx, containers.api, instance.container.image.id);
    image.catch(() => {}); // What is there already needs it no more.
    const place = writePlace(instance, containers.api.endpoint);
    const [there] = await Promise.all([containers.settled(ctx, instance), place]);
    if (!there) await containers.make(ctx, instance, await image);
  }

  async start(ctx: Ctx, given: DriverInstance): Promise<Running> {
    const instance = containerOf(given);
    const containers = await this.#containersOf(ctx, instance);
    // Mostly the one that it stands on: it is looked at beside the container, not after it.
    const image = findImage(ctx, containers.api, instance.container.image.id);
    image.catch(() => {});
    const there = await containers.settled(ctx, instance);
    if (!there) throw goneError(instance.name);
    if (isUp(there)) return this.#running(ctx, containers, instance, there);
    const found = await containers.upToDate(ctx, instance, there, await image);
    const at = `/containers/${found.Id}`;
    try {
      await containers.api.json(ctx, "POST", `${at}/start`, {
        doing: `start ${instance.name}`,
        deadlineMs: START_MS,
      });
      const started = await containers.inspect(ctx, found.Id, instance.name);
      if (!started) throw goneError(instance.name);
      return await this.#running(ctx, containers, instance, started);
    } catch (error) {
      const undo = { signal: AbortSignal.timeout(UNDO_MS) };
      await containers.api
        .json(undo, "POST", `${at}/stop`, { doing: `stop ${instance.name}`, query: { t: "0" } })
        .catch((failure: unknown) => ctx.log.debug("what did not start was not stopped", { error: failure }));
      throw startError(error, instance);
    }
  }

  async attach(ctx: Ctx, given: DriverInstance): Promise<Running | undefined> {
    const instance = containerOf(given);
    for (const containers of await this.#places(instance, ctx)) {
      const found = await containers.find(ctx, instance).catch(undefinedWhereAway);
      if (found && isUp(found))
        return this.#running(ctx, containers, instance, await woken(ctx, containers, instance, found));
    }
    return undefined;
  }

  watch(instance: DriverInstance, told: () => void): Disposable {
    const owned = new DisposableStore();
    void readPlace(instance).then((place) => {
      if (!place || owned.disposed) return;
      owned.add(
        this.#at(this.#runtimes.at(place)).watch.listen((news) => concerns(news, instance) && told()),
      );
    });
    return owned;
  }

  async isGone(ctx: Pick<Ctx, "signal">, instance: DriverInstance): Promise<boolean> {
    const place = await readPlace(instance);
    return (
      place !== undefined && (await this.#at(this.#runtimes.at(place)).find(ctx, instance)) === undefined
    );
  }

  async delete(ctx: Ctx, instance: DriverInstance): Promise<void> {
    for (const containers of await this.#awake(ctx, instance)) {
      await dropHelper(ctx, containers.api, instance, "pack", { withVolumes: false });
      await containers.delete(ctx, instance);
      await dropHelper(ctx, containers.api, instance, "fill", { withVolumes: true });
      for (const reference of await ownImages(ctx, containers.api, instance))
        await dropImage(ctx, containers.api, reference);
    }
  }

  async dropNetwork(ctx: Ctx, network: string): Promise<void> {
    const { found } = await this.#runtimes.detect(ctx, true);
    for (const { endpoint } of found) await this.#at(this.#runtimes.at(endpoint)).dropNetwork(ctx, network);
  }

  /** Its container has its name from now on; what is in it sees that when it is started. */
  async reseed(ctx: Ctx, instance: DriverInstance): Promise<void> {
    const containers = await this.#containersOf(ctx, instance);
    const found = await containers.settled(ctx, instance);
    if (found) await containers.rename(ctx, instance, found);
  }

  async clone(ctx: Ctx, source: DriverInstance, given: DriverInstance): Promise<void> {
    const target = containerOf(given);
    const containers = await this.#containersOf(ctx, source);
    await writePlace(target, containers.api.endpoint);
    if (await containers.settled(ctx, target)) return;
    const found = await containers.settled(ctx, source);
    if (!found) throw goneError(source.name, "clone");
    await commit(ctx, containers.api, found.Id, baseOf(target), source.name);
    await containers.make(ctx, target, await inspectImage(ctx, containers.api, baseOf(target)));
  }

  /** What it has written since its image. */
  async diskUsage(instance: DriverInstance): Promise<number | undefined> {
    const ctx = { signal: AbortSignal.timeout(UNDO_MS) };
    const [containers] = await this.#places(instance, ctx);
    const found = await containers?.find(ctx, instance).catch(undefinedWhereAway);
    if (!containers || !found) return undefined;
    const sized = await containers.inspect(ctx, found.Id, instance.name, { size: "true" });
    const image = await inspectImage(ctx, containers.api, found.Image);
    const original = await findImage(ctx, containers.api, containerOf(instance).container.image.id);
    // Where that is gone, nobody can tell.
    const grown = original ? image.sizeBytes - original.sizeBytes : 0;
    return (sized?.SizeRw ?? 0) + Math.max(0, grown);
  }

  async logs(ctx: Pick<Ctx, "signal">, instance: DriverInstance, request: LogRequest): Promise<Readable> {
    const [containers] = await this.#places(instance, ctx);
    const found = await containers?.find(ctx, instance);
    if (!containers || !found) throw goneError(instance.name, "read the log of");
    return logsOf(ctx, containers.api, found, instance.name, request);
  }

  async export(ctx: Pick<Ctx, "signal">, instance: DriverInstance): Promise<Readable> {
    const [containers] = await this.#places(instance, ctx);
    const found = await containers?.find(ctx, instance);
    if (!containers || !found) throw goneError(instance.name, "export");
    const doing = `export ${instance.name}`;
    return containers.api.stream(ctx, "GET", `/containers/${found.Id}/export`, { doing });
  }

  async #running(
    ctx: Ctx,
    containers: Containers,
    instance: ContainerInstance,
    found: Inspected,
  ): Promise<Running> {
    const unkept = await this.#memory.whyNotKept(ctx, containers.api.endpoint);
    return new ContainerRunning({ containers, instance, found, unkept, log: ctx.log });
  }

  /** At the runtime that it was made at; where it is still to be made, at the one for new work. That answers. */
  async #containersOf(ctx: Ctx, instance: DriverInstance): Promise<Containers> {
    const place = await readPlace(instance);
    const api = place
      ? await this.#runtimes.awake(ctx, place)
      : await this.#runtimes.choose(ctx, instance.container?.runtime);
    return this.#at(api);
  }

  /** Wherever it may be. No VM is started for that. */
  async #places(instance: DriverInstance, ctx: Pick<Ctx, "signal">): Promise<Containers[]> {
    const place = await readPlace(instance);
    if (place) return [this.#at(this.#runtimes.at(place))];
    const { found } = await this.#runtimes.detect(ctx, true);
    return found.map(({ endpoint }) => this.#at(this.#runtimes.at(endpoint)));
  }

  /** As `#places`, and they answer. What was in a VM is gone with that. */
  async #awake(ctx: Ctx, instance: DriverInstance): Promise<Containers[]> {
    const place = await readPlace(instance);
    if (!place) return this.#places(instance, ctx);
    const api = await this.#runtimes.awake(ctx, place).catch(undefinedWhereAbsent);
    return api ? [this.#at(api)] : [];
  }

  #at(api: RuntimeApi): Containers {
    return new Containers(api, this.#watchOf(api), this.#engine);
  }

  /** One for each runtime, whoever listens. */
  #watchOf(api: RuntimeApi): RuntimeWatch {
    const where = JSON.stringify(api.endpoint.address);
    const watch = this.#watches.get(where) ?? new RuntimeWatch(api);
    this.#watches.set(where, watch);
    return watch;
  }
}

/** Its runtime does not run, and so neither does it. */
function undefinedWhereAway(error: unknown): undefined {
  if (error instanceof EngineError && error.code === "missing-dependency") return undefined;
  throw error;
}

function startError(error: unknown, { name }: DriverInstance): unknown {
  if (!(error instanceof EngineError) || error.code !== "already-exists") return error;
  return new EngineError("already-exists", error.message, {
    hint: `Another program has that port. Free it, or remove the forward: berth port list ${name}`,
    cause: error,
  });
}
