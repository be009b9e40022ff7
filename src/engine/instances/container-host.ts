/**
 * The VM that containers run in where nothing else runs them: an instance as any other, made when it is first needed. It
 * is known by its id, which is kept; where that is lost, by its name.
 */
import { availableParallelism } from "node:os";
import type { Duplex } from "node:stream";
import type { Settings } from "../../api/engine-info.ts";
import type { LaunchSpec } from "../../api/instance.ts";
import type { Operation } from "../../api/operation.ts";
import { EngineError } from "../../base/errors.ts";
import { formatBytes, parseSize } from "../../base/units.ts";
import { asEngine } from "../access/asking.ts";
import type { Ctx } from "../ctx.ts";
import { CONTAINER_HOST, type ContainerHost } from "../drivers/container-host.ts";
import { prepareRuntime } from "../drivers/oci/container-runtime.ts";
import type { Running } from "../drivers/running.ts";
import type { EventStream } from "../engine-core.ts";
import { flushDisk } from "../guest/flush.ts";
import type { TunnelEnd } from "../guest/guest.ts";
import { isRefused } from "../guest/ssh-guest.ts";
import type { Operations } from "../operations.ts";
import { SharedWork } from "../shared-work.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import type { InstanceManager } from "./manager.ts";

const KEY = "internal.container-host";
/** It is downloaded, booted, and given its runtime. */
const MAKE_MS = 30 * 60_000;

export type ContainerHostParts = {
  keeper: Keeper;
  manager: Pick<InstanceManager, "launch" | "start">;
  operations: Pick<Operations, "wait" | "interrupt">;
  events: EventStream;
  settings: () => Settings;
};

export class ContainerHostInstance implements ContainerHost {
  readonly #parts: () => ContainerHostParts;
  readonly #making = new SharedWork<Entry>();
  /** The run in which the runtime listens. */
  #prepared: Running | undefined;

  /** `parts` are there from the first call on: drivers are made before those who look after instances. */
  constructor(parts: () => ContainerHostParts) {
    this.#parts = parts;
  }

  get running(): string | undefined {
    const entry = hostIn(this.#parts().keeper);
    return entry?.running && entry.record.descriptor.id;
  }

  open(ctx: Ctx, id?: string): Promise<string> {
    return asEngine(() => this.#open(ctx, id));
  }

  async #open(ctx: Ctx, id: string | undefined): Promise<string> {
    const { keeper } = this.#parts();
    const entry = id === undefined ? await this.#made(ctx) : keeper.byId(id);
    if (!entry) throw goneError();
    await this.#ready(ctx, entry);
    return entry.record.descriptor.id;
  }

  async connect(ctx: Pick<Ctx, "signal">, id: string, to: TunnelEnd): Promise<Duplex> {
    const entry = this.#parts().keeper.byId(id);
    if (!entry) throw goneError();
    const guest = entry.running?.guest;
    if (!guest?.tunnel) throw absent(entry, "that VM does not run", `Start it: berth start ${nameOf(entry)}`);
    try {
      return await guest.tunnel(ctx, to);
    } catch (error) {
      if (!isRefused(error)) throw error;
      const hint = `Restart it: berth restart ${nameOf(entry)}`;
      throw absent(entry, "nothing answers in that VM", hint, error);
    }
  }

  async flush(ctx: Ctx, id: string): Promise<void> {
    const guest = this.#parts().keeper.byId(id)?.running?.guest;
    if (guest) await flushDisk(guest, ctx);
  }

  /** Whoever needs it while it is made gets the same. */
  async #made(ctx: Ctx): Promise<Entry> {
    const entry = hostIn(this.#parts().keeper);
    if (entry && entry.pending?.action !== "launch") return entry;
    return this.#making.run(CONTAINER_HOST, ctx, (work) => this.#make(work));
  }

  /** Called off, it is taken back: nobody waits for it any more. */
  async #make(ctx: Ctx): Promise<Entry> {
    const { keeper, operations } = this.#parts();
    const entry = hostIn(keeper) ?? (await this.#launch(ctx));
    const { pending } = entry;
    if (pending?.action !== "launch") return entry;
    try {
      await this.#follow(ctx, pending.id, true);
      return entry;
    } catch (error) {
      if (!ctx.signal.aborted) throw error;
      operations.interrupt(pending.id, new DOMException("cancelled", "AbortError"));
      await operations.wait(pending.id, new AbortController().signal);
      throw error;
    }
  }

  async #launch(ctx: Ctx): Promise<Entry> {
    const { keeper, manager, settings } = this.#parts();
    const spec = hostSpec(settings(), availableParallelism());
    ctx.progress({ phase: "container-host", message: costOf(spec) });
    await manager.launch(spec);
    const entry = keeper.find(CONTAINER_HOST, "use");
    keeper.store.writeSettings({ [KEY]: entry.record.descriptor.id });
    return entry;
  }

  /** After whatever is done to it now: a launch that fails has undone it, and nothing else may keep it from a start. */
  async #ready(ctx: Ctx, entry: Entry): Promise<void> {
    const { keeper, manager } = this.#parts();
    for (;;) {
      if (keeper.byId(entry.record.descriptor.id) !== entry) throw goneError();
      const { pending, running } = entry;
      if (pending) await this.#follow(ctx, pending.id, pending.action === "launch");
      else if (running) return this.#prepare(ctx, entry, running);
      else if (entry.record.state === "deleted") throw inTrash(entry);
      else await this.#follow(ctx, (await manager.start(nameOf(entry))).id, true);
    }
  }

  /** Once in each run of it. */
  async #prepare(ctx: Ctx, entry: Entry, running: Running): Promise<void> {
    if (this.#prepared === running) return;
    await running.guest.waitReady(ctx);
    await prepareRuntime(ctx, running.guest, nameOf(entry));
    this.#prepared = running;
  }

  /** What is told of the operation is told of the work that waits for it; that may leave without ending it. */
  async #follow(ctx: Ctx, id: string, mustSucceed: boolean): Promise<void> {
    const { operations, events } = this.#parts();
    const over = new AbortController();
    const told = tell(ctx, events.subscribe({}, AbortSignal.any([ctx.signal, over.signal])), id);
    try {
      const ended = await operations.wait(id, ctx.signal);
      if (mustSucceed && ended.status !== "succeeded") throw failureOf(ended);
    } finally {
      over.abort();
      await told;
    }
  }
}

async function tell(ctx: Ctx, events: ReturnType<EventStream["subscribe"]>, id: string): Promise<void> {
  for await (const event of events) {
    if (event.type !== "operation" || event.operation.id !== id || !event.operation.progress) continue;
    const { message, ...progress } = event.operation.progress;
    ctx.progress({ ...progress, message: message ? `${CONTAINER_HOST}: ${message}` : CONTAINER_HOST });
  }
}

/** What it is made of. Pure. */
export function hostSpec(settings: Settings, cpus: number): LaunchSpec {
  const image = settings["containers.vm-image"];
  return {
    name: CONTAINER_HOST,
    ...(image === "" ? {} : { image }),
    cpus: Math.min(settings["containers.vm-cpus"], cpus),
    memoryBytes: parseSize(settings["containers.vm-memory"]),
    diskBytes: parseSize(settings["containers.vm-disk"]),
    labels: { purpose: "runs containers" },
    timeoutMs: MAKE_MS,
  };
}

function costOf({ cpus, memoryBytes = 0, diskBytes = 0 }: LaunchSpec): string {
  return `${cpus} CPUs, ${formatBytes(memoryBytes)} of memory, up to ${formatBytes(diskBytes)} of disk`;
}

function hostIn(keeper: Keeper): Entry | undefined {
  const id = keeper.store.readSetting(KEY);
  const kept = typeof id === "string" ? keeper.byId(id) : undefined;
  return kept ?? keeper.entries().find((one) => nameOf(one) === CONTAINER_HOST);
}

/** The instances in that VM, those in the trash included; none of every other instance. */
function containersIn(keeper: Keeper, entry: Entry): Entry[] {
  if (hostIn(keeper) !== entry) return [];
  return keeper.entries().filter(({ record }) => record.descriptor.container?.runtime === "vm");
}

/** Throws `busy` where instances would be lost with it. */
export function refuseWhileHolding(keeper: Keeper, entry: Entry): void {
  const names = containersIn(keeper, entry).map(nameOf).sort();
  if (names.length === 0) return;
  const reason = `it holds ${names.length === 1 ? "the container" : "the containers"} ${names.join(", ")}`;
  throw new EngineError("busy", `cannot delete ${nameOf(entry)}: ${reason}`, {
    hint: `Delete what is in it first: berth delete --purge ${names.join(" ")}`,
  });
}

/** They end before it does, each as it is used to. */
export async function stopContainersIn(keeper: Keeper, entry: Entry, ctx: Ctx): Promise<void> {
  const running = containersIn(keeper, entry).flatMap((one) => one.running ?? []);
  await Promise.all(running.map((one) => one.stop(ctx, "graceful")));
}

/** An image whose layers were not on the disk when its plug is pulled is damaged for good. */
export async function flushContainersIn(keeper: Keeper, entry: Entry, ctx: Ctx): Promise<void> {
  const { running, ready } = entry;
  if (running && ready && hostIn(keeper) === entry) await flushDisk(running.guest, ctx);
}

function absent(entry: Entry, reason: string, hint: string, cause?: unknown): EngineError {
  const message = `cannot reach containers in ${nameOf(entry)}: ${reason}`;
  return new EngineError("missing-dependency", message, { hint, cause });
}

function goneError(): EngineError {
  return new EngineError("not-found", `cannot use containers in ${CONTAINER_HOST}: that VM is gone`, {
    hint: "What was in it is lost. Launch the container again.",
  });
}

function inTrash(entry: Entry): EngineError {
  const name = nameOf(entry);
  return new EngineError("wrong-state", `cannot use containers in ${name}: that VM is in the trash`, {
    hint: `Get it back: berth recover ${name}`,
  });
}

function failureOf({ kind, target, error }: Operation): EngineError {
  if (error) return EngineError.fromBody(error);
  return new EngineError("cancelled", `cannot ${kind} ${target}: it was cancelled`, { hint: "Try again." });
}
