/**
 * Containers of Docker or Podman, by the API that both speak. The container itself is the instance's disk: a stop keeps
 * it, a delete removes it and what was made of it. Named volumes are the user's, and stay.
 */
import { createHash } from "node:crypto";
import path from "node:path";
import type { Readable } from "node:stream";
import type { ContainerRuntime } from "../../../api/container.ts";
import type { DriverInfo } from "../../../api/engine-info.ts";
import { type Disposable, DisposableStore } from "../../../base/disposable.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { Compose } from "../compose.ts";
import type { ContainerStore } from "../container-store.ts";
import type {
  ContainerImages,
  Driver,
  DriverInstance,
  LogRequest,
  Running,
  SnapshotSupport,
} from "../driver.ts";
import type { ForeignContainers } from "../foreign-containers.ts";
import { RuntimeApi } from "./api.ts";
import { OciCompose } from "./compose.ts";
import { Containers, goneError, type Inspected, isUp } from "./containers.ts";
import { type ContainerInstance, containerOf } from "./create-body.ts";
import { type Detection, detectRuntimes, type KnownRuntimes } from "./detect.ts";
import { infoOf, noRuntime } from "./driver-info.ts";
import { type Endpoint, type EndpointInputs, whereOf } from "./endpoints.ts";
import { OciForeignContainers } from "./foreign.ts";
import { bothOutputs } from "./frames.ts";
import { endpointInputs } from "./host.ts";
import { inspectImage } from "./images.ts";
import { ContainerLibrary } from "./library.ts";
import { Memory } from "./memory.ts";
import { baseOf, commit, dropImage, ownImages } from "./own-images.ts";
import { readPlace, writePlace } from "./place.ts";
import { ContainerRunning } from "./running.ts";
import { concerns, RuntimeWatch } from "./runtime-watch.ts";
import { createSnapshots } from "./snapshots.ts";

export type OciOptions = {
  /** The engine's data directory: its containers bear a mark of that, and the images that we have brought are listed there. */
  data: string;
  /** Where runtimes are looked for. */
  inputs?: () => Promise<EndpointInputs>;
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
  readonly containerImages: ContainerImages;
  readonly containerStore: ContainerStore;
  readonly foreignContainers: ForeignContainers;
  readonly compose: Compose;
  readonly #options: OciOptions;
  readonly #engine: string;
  readonly #memory = new Memory();
  readonly #known: KnownRuntimes = new Map();
  readonly #watches = new Map<string, RuntimeWatch>();
  #detection: Promise<Detection> | undefined;

  constructor(options: OciOptions) {
    this.#options = options;
    this.#engine = createHash("sha256").update(options.data).digest("hex").slice(0, 12);
    this.snapshots = createSnapshots((ctx, instance) => this.#containersOf(ctx, instance));
    const library = new ContainerLibrary({
      runtimes: (ctx) => this.#runtimes(ctx),
      ledger: path.join(options.data, "container-images.json"),
    });
    this.containerImages = library;
    this.containerStore = library;
    this.foreignContainers = new OciForeignContainers({
      runtimes: (ctx) => this.#runtimes(ctx),
      engine: this.#engine,
    });
    this.compose = new OciCompose((ctx) => this.#runtimes(ctx));
  }

  async probe(ctx: Ctx, { fresh = false }: { fresh?: boolean } = {}): Promise<DriverInfo> {
    const detection = await this.#detect(ctx, fresh);
    const unkept = detection.found.map(({ endpoint }) => this.#memory.whyNotKept(ctx, endpoint));
    return infoOf(detection, await Promise.all(unkept));
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
    const there = await containers.settled(ctx, instance);
    if (!there) throw goneError(instance.name);
    if (isUp(there)) return this.#running(ctx, containers, instance, there);
    const found = await containers.upToDate(ctx, instance, there);
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
    for (const containers of await this.#places(ctx, instance)) {
      const found = await containers.find(ctx, instance).catch((error: unknown) => {
        if (!isAbsent(error)) throw error;
        ctx.log.debug("the runtime of a container does not run", { instance: instance.name, error });
      });
      if (found && isUp(found)) return this.#running(ctx, containers, instance, found);
    }
    return undefined;
  }

  watch(instance: DriverInstance, told: () => void): Disposable {
    const owned = new DisposableStore();
    void readPlace(instance).then((place) => {
      if (!place || owned.disposed) return;
      owned.add(this.#at(place).watch.listen((news) => concerns(news, instance) && told()));
    });
    return owned;
  }

  async isGone(ctx: Pick<Ctx, "signal">, instance: DriverInstance): Promise<boolean> {
    const place = await readPlace(instance);
    return place !== undefined && (await this.#at(place).find(ctx, instance)) === undefined;
  }

  async delete(ctx: Ctx, instance: DriverInstance): Promise<void> {
    for (const containers of await this.#places(ctx, instance)) {
      await containers.delete(ctx, instance);
      for (const reference of await ownImages(ctx, containers.api, instance))
        await dropImage(ctx, containers.api, reference);
    }
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
    const [containers] = await this.#places(ctx, instance);
    const found = await containers?.find(ctx, instance);
    if (!containers || !found) return undefined;
    const sized = await containers.inspect(ctx, found.Id, instance.name, { size: "true" });
    const image = await inspectImage(ctx, containers.api, found.Image);
    const original = await inspectImage(ctx, containers.api, containerOf(instance).container.image.id);
    return (sized?.SizeRw ?? 0) + Math.max(0, image.sizeBytes - original.sizeBytes);
  }

  async logs(ctx: Pick<Ctx, "signal">, instance: DriverInstance, request: LogRequest): Promise<Readable> {
    const containers = await this.#containersOf(ctx, instance);
    const found = await containers.find(ctx, instance);
    if (!found) throw goneError(instance.name, "read the log of");
    const { follow = false, sinceMs, tail } = request;
    const query = {
      ...{ stdout: "true", stderr: "true", follow: String(follow) },
      since: sinceMs === undefined ? undefined : String(sinceMs / 1000),
      tail: tail === undefined ? undefined : String(tail),
    };
    const doing = `read the log of ${instance.name}`;
    return bothOutputs(
      await containers.api.stream(ctx, "GET", `/containers/${found.Id}/logs`, { doing, query }),
    );
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

  /** At the runtime that it was made at; where it is still to be made, at the first that fits. */
  async #containersOf(ctx: Pick<Ctx, "signal">, instance: DriverInstance): Promise<Containers> {
    const place = await readPlace(instance);
    if (place) return this.#at(place);
    const endpoint = await this.#choose(ctx, instance.container?.runtime);
    return this.#at(endpoint);
  }

  /** Wherever it may be. */
  async #places(ctx: Pick<Ctx, "signal">, instance: DriverInstance): Promise<Containers[]> {
    const place = await readPlace(instance);
    if (place) return [this.#at(place)];
    const { found } = await this.#detect(ctx, true);
    return found.map(({ endpoint }) => this.#at(endpoint));
  }

  /** All that answer, best first. */
  async #runtimes(ctx: Pick<Ctx, "signal">): Promise<RuntimeApi[]> {
    const detection = await this.#detect(ctx, true);
    if (detection.found.length === 0) throw noRuntime(detection, undefined);
    return detection.found.map(({ endpoint }) => new RuntimeApi(endpoint));
  }

  #at(endpoint: Endpoint): Containers {
    const api = new RuntimeApi(endpoint);
    return new Containers(api, this.#watchOf(api), this.#engine);
  }

  /** One for each runtime, whoever listens. */
  #watchOf(api: RuntimeApi): RuntimeWatch {
    const where = whereOf(api.endpoint);
    const watch = this.#watches.get(where) ?? new RuntimeWatch(api);
    this.#watches.set(where, watch);
    return watch;
  }

  async #choose(ctx: Pick<Ctx, "signal">, runtime: ContainerRuntime | undefined): Promise<Endpoint> {
    const detection = await this.#detect(ctx, true);
    const chosen = detection.found.find(({ endpoint }) => !runtime || endpoint.runtime === runtime);
    if (chosen) return chosen.endpoint;
    throw noRuntime(detection, runtime);
  }

  async #detect(ctx: Pick<Ctx, "signal">, fresh: boolean): Promise<Detection> {
    if (this.#detection && !fresh) return this.#detection;
    const inputs = await (this.#options.inputs ?? endpointInputs)();
    const detection = detectRuntimes(ctx, inputs, this.#known);
    this.#detection = detection;
    detection.catch(() => {
      if (this.#detection === detection) this.#detection = undefined;
    });
    return detection;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof EngineError && error.code === "missing-dependency";
}

function startError(error: unknown, { name }: DriverInstance): unknown {
  if (!(error instanceof EngineError) || error.code !== "already-exists") return error;
  return new EngineError("already-exists", error.message, {
    hint: `Another program has that port. Free it, or remove the forward: berth port list ${name}`,
    cause: error,
  });
}
