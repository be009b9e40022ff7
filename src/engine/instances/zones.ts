/**
 * Disabling a zone takes the power from all that runs in it, as the loss of a part of a cloud would; enabling it
 * starts what ran. From the moment that it is asked for, nothing in the zone can be used.
 */
import type { Operation, OperationKind } from "../../api/operation.ts";
import type { Zone } from "../../api/zone.ts";
import { abortable, KeyedQueue } from "../../base/async.ts";
import { EngineError, messageOf, toEngineError } from "../../base/errors.ts";
import type { ZonesApi } from "../engine-core.ts";
import type { Operations, Work, WorkCtx } from "../operations.ts";
import type { JournalRow } from "../store/store.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import type { InstanceManager } from "./manager.ts";
import { zoneReason } from "./transitions.ts";
import { unknownZone } from "./zone-book.ts";

type Kind = Extract<OperationKind, "disable-zone" | "enable-zone">;

const VERBS: Record<Kind, string> = { "disable-zone": "disable", "enable-zone": "enable" };

/** A booting guest takes all that a CPU and a disk have. */
const AT_ONCE = 2;

export function isZoneRow(row: JournalRow): boolean {
  return row.kind in VERBS;
}

export class Zones implements ZonesApi {
  readonly #keeper: Keeper;
  readonly #manager: InstanceManager;
  readonly #operations: Operations;
  readonly #lanes = new KeyedQueue();
  readonly #pending = new Map<string, { id: string; kind: Kind }>();

  constructor(keeper: Keeper, manager: InstanceManager, operations: Operations) {
    this.#keeper = keeper;
    this.#manager = manager;
    this.#operations = operations;
  }

  list(): Zone[] {
    return this.#keeper.zones.list();
  }

  async disable(zone: string): Promise<Operation> {
    return this.#begin("disable-zone", zone);
  }

  async enable(zone: string): Promise<Operation> {
    return this.#begin("enable-zone", zone);
  }

  /** Goes on with what an earlier engine began. */
  resume(row: JournalRow): void {
    const kind = row.kind as Kind;
    this.#operations.resume(row, this.#work(kind, row.target), (operation) => this.#accept(kind, operation));
  }

  #begin(kind: Kind, zone: string): Operation {
    const { zones } = this.#keeper;
    if (!zones.has(zone)) {
      const { message, hint } = unknownZone(zone);
      throw new EngineError("not-found", `cannot ${VERBS[kind]} ${zone}: ${message}`, { hint });
    }
    const before = this.#pending.get(zone);
    if (before?.kind === kind) return this.#operations.get(before.id);
    if (!before && this.#isSo(kind, zone)) return this.#operations.already({ kind, target: zone });
    const wanted = { kind, target: zone, input: {}, cancellable: false };
    const operation = this.#operations.begin(wanted, this.#work(kind, zone), (begun) =>
      this.#accept(kind, begun),
    );
    if (before) this.#operations.interrupt(before.id, overtaken(before.kind, zone, kind));
    return operation;
  }

  /** From here on it is so for everything that is asked; the work makes it so for what runs. */
  #accept(kind: Kind, operation: Operation): void {
    const { zones } = this.#keeper;
    const { target: zone, id } = operation;
    this.#pending.set(zone, { id, kind });
    if (kind === "enable-zone") zones.enable(zone);
    else {
      const up = this.#keeper.entriesIn(zone).filter(shallRunAgain);
      zones.disable(
        zone,
        up.map(({ record }) => record.descriptor.id),
      );
    }
    this.#keeper.zoneChanged(zone);
  }

  #isSo(kind: Kind, zone: string): boolean {
    const { zones } = this.#keeper;
    const { available } = zones.of(zone);
    if (kind === "enable-zone") return available && zones.ranIn(zone).length === 0;
    return !available && !this.#keeper.entriesIn(zone).some(isUp);
  }

  #work(kind: Kind, zone: string): Work {
    return (ctx) =>
      this.#lanes.run(zone, async () => {
        try {
          if (kind === "disable-zone") await this.#switchOffAll(zone, ctx);
          else await this.#startAll(zone, ctx);
        } finally {
          if (this.#pending.get(zone)?.id === ctx.operationId) this.#pending.delete(zone);
        }
      });
  }

  async #switchOffAll(zone: string, ctx: WorkCtx): Promise<void> {
    ctx.progress({ phase: "stop" });
    const work = this.#keeper.entriesIn(zone).map((entry) => this.#switchOff(entry, ctx));
    const settled = await Promise.allSettled(work);
    ctx.signal.throwIfAborted();
    const failed = settled.flatMap((one) => (one.status === "rejected" ? [messageOf(one.reason)] : []));
    if (failed.length === 0) return;
    throw new EngineError("driver-failed", `cannot disable ${zone}: ${failed.join("; ")}`, {
      hint: "Nothing can be started there. Disable it again to stop what still runs.",
    });
  }

  async #switchOff(entry: Entry, ctx: WorkCtx): Promise<void> {
    const wait = (id: string) => this.#operations.wait(id, ctx.signal);
    while (isUp(entry)) {
      const { pending } = entry;
      if (pending && entry.record.state === "creating") {
        // Nothing runs yet; the launch takes back what it has made.
        this.#operations.interrupt(pending.id, disabledMeanwhile(entry));
        await wait(pending.id);
        continue;
      }
      try {
        const { error } = await wait(this.#manager.act(nameOf(entry), "force-stop").id);
        if (error && isUp(entry) && !entry.pending) throw EngineError.fromBody(error);
      } catch (error) {
        const { code } = toEngineError(error);
        if (code === "engine-unavailable") await leaveToNext(ctx);
        if (ctx.signal.aborted || !pending || code !== "busy") throw error;
        await wait(pending.id);
      }
    }
  }

  async #startAll(zone: string, ctx: WorkCtx): Promise<void> {
    ctx.progress({ phase: "start" });
    const waiting = [...this.#keeper.zones.ranIn(zone)];
    const lane = async () => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        const entry = this.#keeper.byId(id);
        if (entry) await this.#start(entry, zone, ctx);
        else this.#keeper.zones.noLongerWaits(zone, id);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  }

  /** One that cannot be started does not keep the zone from being available. */
  async #start(entry: Entry, zone: string, ctx: WorkCtx): Promise<void> {
    const { zones } = this.#keeper;
    const { id } = entry.record.descriptor;
    try {
      while (entry.pending) await this.#operations.wait(entry.pending.id, ctx.signal);
      if (["deleted", "failed"].includes(entry.record.state)) return zones.noLongerWaits(zone, id);
      const { id: started } = await this.#manager.start(nameOf(entry));
      zones.noLongerWaits(zone, id);
      const { error } = await this.#operations.wait(started, ctx.signal);
      if (error) ctx.warn(error.message);
    } catch (error) {
      ctx.signal.throwIfAborted();
      if (toEngineError(error).code === "engine-unavailable") await leaveToNext(ctx);
      zones.noLongerWaits(zone, id);
      ctx.warn(messageOf(error));
    }
  }
}

/** An engine that is leaving begins nothing more: the next one goes on with this operation. */
function leaveToNext(ctx: WorkCtx): Promise<never> {
  ctx.park(true);
  return abortable(new Promise<never>(() => {}), ctx.signal);
}

/** Something of it runs, or is about to. */
function isUp({ running, pending, record }: Entry): boolean {
  if (running !== undefined || record.state === "unknown") return true;
  return pending !== undefined && ["launch", "start", "restart", "force-stop"].includes(pending.action);
}

/** Not what its user is ending already, nor what has never been up. */
function shallRunAgain(entry: Entry): boolean {
  const { pending, record } = entry;
  if (!isUp(entry) || record.state === "creating") return false;
  return pending === undefined || !["stop", "force-stop", "suspend", "delete"].includes(pending.action);
}

function disabledMeanwhile(entry: Entry): EngineError {
  const { name, zone } = entry.record.descriptor;
  return new EngineError("wrong-state", `cannot launch ${name}: ${zoneReason(zone)}`);
}

function overtaken(before: Kind, zone: string, now: Kind): EngineError {
  return new EngineError("cancelled", `cannot ${VERBS[before]} ${zone}: it is ${VERBS[now]}d meanwhile`);
}
