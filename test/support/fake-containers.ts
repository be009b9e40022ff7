/**
 * A driver of containers whose runtime is an object, over the same fake guests as the driver of VMs: what outlives an
 * engine is in the FakeRuntime. An image's name tells what it is: `machine:…` has an init, `nonesuch` is nowhere.
 */
import { createHash } from "node:crypto";
import { PassThrough, Readable } from "node:stream";
import type { ContainerImage, Health } from "../../src/api/container.ts";
import type { DriverInfo } from "../../src/api/engine-info.ts";
import type { Metrics } from "../../src/api/metrics.ts";
import { sleep } from "../../src/base/async.ts";
import type { Disposable } from "../../src/base/disposable.ts";
import { EngineError } from "../../src/base/errors.ts";
import { Emitter } from "../../src/base/event.ts";
import { hostArch } from "../../src/base/paths.ts";
import type { Ctx } from "../../src/engine/ctx.ts";
import { type ContainerHost, refuseInHost } from "../../src/engine/drivers/container-host.ts";
import type {
  ContainerImages,
  Driver,
  DriverInstance,
  LaunchNeeds,
  LogRequest,
} from "../../src/engine/drivers/driver.ts";
import type { ForeignContainers, FoundContainer } from "../../src/engine/drivers/foreign-containers.ts";
import type { Running } from "../../src/engine/drivers/running.ts";
import { tarOf } from "./container-image.ts";
import { FakeDriver, FakeHost } from "./fake-driver.ts";
import type { FakeWorld } from "./fake-engine.ts";
import { fakeForeignContainers, idOf } from "./fake-foreign-containers.ts";
import { fakeMainProcess } from "./fake-main-process.ts";
import { type FakeTrees, fakeTreeSnapshots, fakeTrees } from "./fake-trees.ts";

const ADDRESS = "172.17.0.2";
const STATS_MS = 5;

/** What a runtime knows, whoever asks it. */
export class FakeRuntime {
  readonly host = new FakeHost();
  readonly paused = new Set<string>();
  /** Every image that was asked for, with what it was asked for. */
  readonly pulls: string[] = [];
  /** What each container was made of, the last time. */
  readonly made = new Map<string, DriverInstance>();
  /** Those that it has of instances, by the id of these. */
  readonly containers = new Map<string, DriverInstance>();
  /** What the check of each says, by id. */
  readonly health = new Map<string, Health>();
  /** Somebody has done something to the container of this instance. */
  readonly outside = new Emitter<string>();
  /** What the containers of instances hold, by the id of these. */
  readonly trees = new Map<string, FakeTrees>();
  /** Those that were made of such, by id. */
  readonly images = new Map<string, { root: Buffer; config: Record<string, unknown> }>();
  /** Volumes by their names, and what containers held when a snapshot of them was taken, by its id. */
  readonly volumes = new Map<string, FakeTrees["volumes"][number]>();
  readonly kept = new Map<string, FakeTrees>();
  /** What becomes of one that is made of such. */
  makes: (held: FakeTrees) => FakeTrees | Promise<FakeTrees> = (held) => held;
  /** None of them can be halted while it is read. */
  cannotHalt = false;
  /** Where new ones lie. */
  place: string | undefined;
  /** What others have made, by id. */
  readonly others = new Map<string, FoundContainer>();
  /** There is another container than before, or one less, whosever it is. */
  readonly listed = new Emitter<void>();
  readonly #printed = new Map<string, { at: number; text: string }[]>();
  readonly #news = new Emitter<string>();
  available = true;

  /** Others do to a container what they may. */
  changed(id: string, health?: Health): void {
    if (health) this.health.set(id, health);
    this.outside.fire(id);
  }

  /** The container's program prints a line. */
  print(id: string, text: string): void {
    this.#printed.set(id, [...(this.#printed.get(id) ?? []), { at: Date.now(), text: `${text}\n` }]);
    this.#news.fire(id);
  }

  log(id: string, { follow = false, sinceMs = 0, tail }: LogRequest, over: AbortSignal): Readable {
    const out = new PassThrough();
    let told = 0;
    const tell = (lines: { at: number; text: string }[]) => {
      for (const { text } of lines) out.write(text);
    };
    const all = () => this.#printed.get(id) ?? [];
    const before = all().filter(({ at }) => at >= sinceMs);
    tell(tail === undefined ? before : before.slice(before.length - tail));
    told = all().length;
    if (!follow || over.aborted) return out.end();
    const listener = this.#news.event((changed) => {
      if (changed !== id) return;
      tell(all().slice(told));
      told = all().length;
    });
    const end = () => {
      listener.dispose();
      out.end();
    };
    over.addEventListener("abort", end, { once: true });
    out.once("close", () => listener.dispose());
    return out;
  }
}

export class FakeContainerDriver implements Driver {
  readonly name = "fake-oci";
  readonly kind = "container" as const;
  readonly runtime: FakeRuntime;
  readonly #guests: FakeDriver;
  /** As it was when it was last looked. */
  #available: boolean | undefined;
  readonly snapshots: NonNullable<Driver["snapshots"]>;
  readonly foreignContainers: ForeignContainers;
  readonly trees: NonNullable<Driver["trees"]>;
  readonly #vm: ContainerHost | undefined;

  /** `vm`: where those run that ask for the runtime of that name. */
  constructor(runtime: FakeRuntime = new FakeRuntime(), vm?: ContainerHost) {
    this.runtime = runtime;
    this.#vm = vm;
    this.#guests = new FakeDriver(runtime.host);
    this.snapshots = fakeTreeSnapshots(runtime, this.#guests.snapshots);
    this.trees = fakeTrees(runtime, (ctx, instance) => this.create(ctx, instance));
    this.foreignContainers = fakeForeignContainers(runtime, this.#guests);
  }

  async probe(_ctx: Ctx, { fresh = false }: { fresh?: boolean } = {}): Promise<DriverInfo> {
    if (fresh || this.#available === undefined) this.#available = this.runtime.available;
    const available = this.#available;
    const hint = "Start Docker, or install Podman.";
    const message = "neither Docker nor Podman runs here";
    return {
      ...{ name: this.name, kind: this.kind, available, version: "1.0" },
      ...{ arches: [hostArch()], features: ["docker"] },
      problems: available ? [] : [{ code: "no-runtime", severity: "info", message, hint }],
    };
  }

  readonly containerImages: ContainerImages = {
    resolve: async (ctx, reference, options = {}): Promise<ContainerImage> => {
      this.runtime.pulls.push(`${reference} ${JSON.stringify(options)}`);
      ctx.progress({ phase: "download", done: 1, total: 2 });
      if (reference === "nonesuch")
        throw new EngineError("not-found", `cannot pull ${reference}: there is no such image`);
      ctx.signal.throwIfAborted();
      const sha256 = createHash("sha256").update(reference).digest("hex");
      return {
        runtime: options.runtime ?? "docker",
        reference: `docker.io/library/${reference}`,
        ...{ id: `sha256:${sha256}`, digest: `sha256:${sha256}`, os: "linux", arch: "amd64", sizeBytes: 1 },
        shape: reference.startsWith("machine:") ? "machine" : "application",
        exposedPorts: [80],
      };
    },
  };

  async prepare(ctx: Ctx, { name, container, ...wanted }: LaunchNeeds): Promise<void> {
    if (container?.runtime !== "vm") return;
    refuseInHost(name, wanted);
    await this.#vm?.open(ctx);
  }

  async create(ctx: Ctx, instance: DriverInstance): Promise<void> {
    this.runtime.containers.set(instance.id, instance);
    this.runtime.made.set(instance.name, instance);
    this.runtime.listed.fire();
    await this.#guests.create(ctx, instance);
  }

  async start(ctx: Ctx, instance: DriverInstance): Promise<Running> {
    this.runtime.made.set(instance.name, instance);
    if (instance.container?.runtime === "vm") await this.#vm?.open(ctx);
    const running = await this.#guests.start(ctx, instance);
    this.runtime.print(instance.id, `started ${instance.name}`);
    return this.#running(instance, running);
  }

  async attach(ctx: Ctx, instance: DriverInstance): Promise<Running | undefined> {
    const running = await this.#guests.attach(ctx, instance);
    return running && this.#running(instance, running);
  }

  watch({ id }: DriverInstance, told: () => void): Disposable {
    told();
    return this.runtime.outside.event((changed) => changed === id && told());
  }

  async isGone(_ctx: Pick<Ctx, "signal">, { id, container }: DriverInstance): Promise<boolean> {
    const { containers, others } = this.runtime;
    return !containers.has(id) && !others.has(container?.adopted ?? "");
  }

  delete(ctx: Ctx, instance: DriverInstance): Promise<void> {
    const { containers, others, listed } = this.runtime;
    const { adopted } = instance.container ?? {};
    containers.delete(instance.id);
    this.runtime.trees.delete(instance.id);
    others.delete(adopted ?? "");
    for (const { id, name } of containers.values()) if (idOf(name) === adopted) containers.delete(id);
    listed.fire();
    return this.#guests.delete(ctx, instance);
  }

  clone(ctx: Ctx, source: DriverInstance, target: DriverInstance): Promise<void> {
    this.runtime.containers.set(target.id, target);
    return this.#guests.clone(ctx, source, target);
  }

  diskUsage(): Promise<number | undefined> {
    return this.#guests.diskUsage();
  }

  async logs(ctx: Pick<Ctx, "signal">, instance: DriverInstance, request: LogRequest): Promise<Readable> {
    const guest = this.runtime.host.guests.get(instance.id);
    const over = guest ? AbortSignal.any([guest.over, ctx.signal]) : AbortSignal.abort();
    return this.runtime.log(instance.id, request, over);
  }

  async export(_ctx: Pick<Ctx, "signal">, { name }: DriverInstance): Promise<Readable> {
    return Readable.from([await tarOf([{ name: "etc/hostname", body: Buffer.from(`${name}\n`) }])]);
  }

  #running(instance: DriverInstance, running: Running): Running {
    const { id } = instance;
    const { paused, host, health, outside } = this.runtime;
    const over = host.guests.get(id)?.over ?? AbortSignal.abort();
    const { exited, guest, startedAt, problems, ports } = running;
    return {
      ...{ exited, guest, startedAt, problems, ssh: undefined, accelerator: undefined, address: ADDRESS },
      ...(ports ? { ports } : {}),
      onDidChange: (listener) => outside.event((changed) => changed === id && listener()),
      get health() {
        return health.get(id);
      },
      get paused() {
        return paused.has(id);
      },
      whyNoSuspend: "its memory cannot be kept: CRIU is not installed",
      pause: async () => void paused.add(id),
      unpause: async () => void paused.delete(id),
      attach: async (_ctx, request) => fakeMainProcess(this.runtime, instance, request),
      stats: ({ signal }) => stats(AbortSignal.any([signal, over])),
      stop: (ctx, how) => running.stop(ctx, how),
      release: () => running.release(),
    };
  }
}

async function* stats(signal: AbortSignal): AsyncGenerator<Metrics, void> {
  while (!signal.aborted) {
    yield { at: new Date().toISOString(), cpu: 0.25, memory: { usedBytes: 2 ** 20, totalBytes: 2 ** 30 } };
    await sleep(STATS_MS, signal).catch(() => {});
  }
}

/** An engine of that world's VMs and this runtime's containers. */
export function openWithContainers(world: FakeWorld, runtime: FakeRuntime) {
  return world.open({ drivers: () => [new FakeDriver(world.host), new FakeContainerDriver(runtime)] });
}
