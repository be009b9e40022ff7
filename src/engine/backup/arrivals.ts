/**
 * Instances whose guests run before their data is there. What a disk lacks is served from the backup as long as the guest
 * runs, and copied in beside it; that is an operation, which nobody waits for. A guest that ends before the end of that
 * goes on with it at its next start. The descriptor says from which backup, so that this is kept until all is there.
 */
import * as z from "zod";
import type { Operation } from "../../api/operation.ts";
import { abortable, sleep } from "../../base/async.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { AwaitedDisk } from "../drivers/driver.ts";
import type { Running } from "../drivers/running.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import type { Resumable } from "../instances/lanes.ts";
import type { InstanceManager } from "../instances/manager.ts";
import type { Arriving } from "../instances/serving.ts";
import type { Log } from "../log.ts";
import type { Operations, WorkCtx } from "../operations.ts";
import { ServedArrival } from "./files/served-arrival.ts";
import type { Repositories } from "./repositories.ts";

/** What is journaled of it. */
export const ArrivalInput = z.object({ id: z.uuid(), action: z.literal("await-data") });
export type ArrivalInput = z.infer<typeof ArrivalInput>;

/** After what kept the data from coming. */
const AGAIN_MS = 5_000;

export type ArrivalsParts = {
  keeper: Keeper;
  repositories: Repositories;
  manager: Pick<InstanceManager, "lanes">;
  operations: Operations;
  runDirectory: string;
  log: Log;
};

export class Arrivals implements Arriving {
  readonly #parts: ArrivalsParts;
  /** By the instance's id. What is here will be over when its guest has ended. */
  readonly #underway = new Map<string, Promise<void>>();

  constructor(parts: ArrivalsParts) {
    this.#parts = parts;
    parts.keeper.serving.arriving = this;
  }

  async begin(
    ctx: Ctx,
    entry: Entry,
    start: (awaited: readonly AwaitedDisk[]) => Promise<Running>,
  ): Promise<Running> {
    // Of the run before: its sockets are the same.
    const before = this.#underway.get(entry.record.descriptor.id);
    if (before) await abortable(before, ctx.signal);
    const served = this.#served(entry);
    try {
      ctx.progress({ phase: "open" });
      const running = await start(await served.open(ctx));
      this.#goOnWith(entry, running, served);
      return running;
    } catch (error) {
      await served.close();
      throw error;
    }
  }

  /** Goes on with what an earlier engine served. */
  resumed({ id }: ArrivalInput): Resumable {
    const entry = this.#parts.keeper.byId(id);
    return {
      work: async (ctx) => {
        if (!entry?.running || !entry.record.descriptor.awaited) throw endedBefore(entry);
        await this.#track(entry, this.#arrive(entry, entry.running, this.#served(entry), ctx));
      },
      onAccepted: () => {
        if (entry?.running) this.#underway.set(id, Promise.resolve());
      },
    };
  }

  /** All that run and await something, but those that are seen to already. */
  goOn(): void {
    for (const entry of this.#parts.keeper.entries()) {
      const { id, awaited } = entry.record.descriptor;
      if (awaited && entry.running && !this.#underway.has(id))
        this.#goOnWith(entry, entry.running, this.#served(entry));
    }
  }

  /** Never throws: the guest runs. An engine that leaves begins nothing any more, and the next one does. */
  #goOnWith(entry: Entry, running: Running, served: ServedArrival): void {
    try {
      this.#begin(entry, running, served);
    } catch (error) {
      void served.close();
      const message = `its guest waits for data of its backup: ${messageOf(error)}`;
      const trouble = { code: "data-unreachable", severity: "error", message, hint: "Restart it." } as const;
      entry.arrival = { done: 0, total: 0, trouble };
    }
  }

  #served(entry: Entry): ServedArrival {
    return new ServedArrival(this.#parts, entry);
  }

  #begin(entry: Entry, running: Running, served: ServedArrival): Operation {
    const { id } = entry.record.descriptor;
    const input: ArrivalInput = { id, action: "await-data" };
    const wanted = { kind: "restore-backup", target: nameOf(entry), input, cancellable: false } as const;
    return this.#parts.operations.begin(wanted, (ctx) =>
      this.#track(entry, this.#arrive(entry, running, served, ctx)),
    );
  }

  async #track(entry: Entry, work: Promise<void>): Promise<void> {
    const { id } = entry.record.descriptor;
    const over = work.catch(() => {});
    this.#underway.set(id, over);
    await work.finally(() => {
      if (this.#underway.get(id) === over) this.#underway.delete(id);
    });
  }

  async #arrive(entry: Entry, running: Running, served: ServedArrival, ctx: WorkCtx): Promise<void> {
    // An engine that is to leave does not wait for it.
    ctx.park(true);
    const ended = new AbortController();
    void running.exited.then(() => ended.abort());
    const signal = AbortSignal.any([ctx.signal, ended.signal]);
    const own = { ...ctx, signal };
    const serving = served.keep(own);
    try {
      await this.#bringIn(entry, running, own);
      const { lanes } = this.#parts.manager;
      const whole = lanes.inLane(entry, () => this.#parts.keeper.describe(entry, { awaited: undefined }));
      await abortable(whole(ctx), signal);
    } catch (error) {
      if (ended.signal.aborted && !ctx.signal.aborted) throw endedBefore(entry);
      throw error;
    } finally {
      ended.abort();
      await serving;
      entry.arrival = undefined;
      if (!ctx.abandoned) this.#parts.keeper.publish(entry);
    }
  }

  /** One disk after the other; ends early only with the signal. */
  async #bringIn(entry: Entry, running: Running, ctx: WorkCtx): Promise<void> {
    const { disks = [] } = entry.record.descriptor.awaited ?? {};
    const sizes = disks.map(({ id }) => sizeOf(entry, id));
    const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
    let before = 0;
    for (const [index, { id }] of disks.entries()) {
      const told: Ctx = { ...ctx, progress: ({ done = 0 }) => this.#tell(entry, ctx, before + done, total) };
      await this.#fill(entry, running, told, id);
      before += sizes[index] ?? 0;
      this.#tell(entry, ctx, before, total);
    }
  }

  async #fill(entry: Entry, running: Running, ctx: Ctx, disk: string): Promise<void> {
    for (;;) {
      try {
        if (!running.fill)
          throw new EngineError("not-supported", `cannot fill the disks of ${nameOf(entry)}`);
        return await running.fill(ctx, disk);
      } catch (error) {
        ctx.signal.throwIfAborted();
        ctx.log.warn("a disk that is not whole could not be filled further", { disk, error });
        await sleep(AGAIN_MS, ctx.signal);
      }
    }
  }

  #tell(entry: Entry, ctx: Ctx, done: number, total: number): void {
    ctx.progress({ phase: "restore-disk", done, total });
    entry.arrival = { ...entry.arrival, done, total };
    this.#parts.keeper.publish(entry);
  }
}

function sizeOf({ record }: Entry, disk: string): number {
  const { diskBytes, disks } = record.descriptor;
  return disks.find(({ id }) => id === disk)?.sizeBytes ?? diskBytes;
}

function endedBefore(entry: Entry | undefined): EngineError {
  const name = entry ? nameOf(entry) : "the instance";
  const reason = `cannot bring in the data of ${name}: its guest has ended before all of it was there`;
  return new EngineError("wrong-state", reason, { hint: "Start it: the rest comes then." });
}
