/**
 * Moving instances and images to another place, and telling where they lie. A move first makes a second copy, whole;
 * then one durable write switches to it; the first copy goes when this engine, or after a crash the next one, has found
 * everything at the new place. At every moment the place that is pointed to is whole. Nothing else is done meanwhile.
 */
import { rm, statfs } from "node:fs/promises";
import * as z from "zod";
import type { Operation } from "../../api/operation.ts";
import { StorageMove, type StoragePlace, Stored } from "../../api/storage.ts";
import { exists, privateDirectory } from "../../base/durable.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { StorageApi } from "../engine-core.ts";
import type { Images } from "../images/images.ts";
import type { Entry } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import type { InstanceManager } from "../instances/manager.ts";
import type { Operations, Work, WorkCtx } from "../operations.ts";
import type { JournalRow } from "../store/store.ts";
import { bytesIn, copyTree, namesIn } from "./copy-tree.ts";
import type { Locations, Place } from "./locations.ts";
import { checkPlace, claim, release } from "./new-place.ts";
import { rehome } from "./rehome.ts";

/** What is journaled of a move. */
const MoveInput = z.object({
  what: z.array(Stored).min(1),
  /** Left out: where it was at first. */
  place: z.string().optional(),
  /** The directory of the place is the move's own. */
  makes: z.boolean(),
  /** Instances to be ended first and started afterwards, by id, and how they are ended. */
  ends: z.array(z.uuid()),
  how: z.enum(["suspend", "stop"]),
});
type MoveInput = z.infer<typeof MoveInput>;

export type StorageParts = {
  locations: Locations;
  keeper: Keeper;
  manager: InstanceManager;
  operations: Operations;
  images: Images;
  /** Takes in what is at a place that was not there before. */
  takeIn: () => Promise<void>;
};

export class Storage implements StorageApi {
  readonly #parts: StorageParts;

  constructor(parts: StorageParts) {
    this.#parts = parts;
  }

  async show(signal: AbortSignal): Promise<StoragePlace[]> {
    const { locations, takeIn } = this.#parts;
    await takeIn();
    const places: StoragePlace[] = [];
    for (const what of Stored.options) {
      signal.throwIfAborted();
      const moved = locations.placeOf(what) !== undefined;
      const facts = { moved, present: await locations.isPresent(what) };
      const trash = what === "instances" && facts.present ? await bytesIn(locations.trash) : 0;
      places.push(await placeOf(what, locations[what], facts, trash));
    }
    const within = places.filter(({ what, moved }) => what === "instances" && !moved);
    const beside = -within.reduce((sum, one) => sum + one.usedBytes, 0);
    return [await placeOf("data", locations.owner, { moved: false, present: true }, beside), ...places];
  }

  async move(wanted: StorageMove): Promise<Operation> {
    const { locations, operations } = this.#parts;
    const { what: asked, directory, running } = StorageMove.parse(wanted);
    const target = directory ?? "its first place";
    operations.refuseWhileDraining(`move to ${target}`);
    const what = asked.filter((one) => locations.placeOf(one) !== directory);
    const unfinished = locations.former.length > 0;
    if (what.length === 0 && !unfinished) return operations.already({ kind: "move-storage", target });
    for (const one of what) await locations.require(one);
    this.#refuseBroken(target, what);
    const { place, makes } = await checkPlace(locations, what, directory);
    const moving = what.filter((one) => locations.placeOf(one) !== place);
    if (moving.length === 0 && !unfinished) return operations.already({ kind: "move-storage", target });
    const ends = this.#toBeEnded(target, running);
    operations.refuseWhileBusy(`move to ${target}`);
    const how = running === "stop" ? "stop" : "suspend";
    const input: MoveInput = {
      ...{ what: moving.length > 0 ? moving : asked, makes, how },
      ...(place === undefined ? {} : { place }),
      ends: ends.map(({ record }) => record.descriptor.id),
    };
    return operations.begin({ kind: "move-storage", target, input }, this.#moving(input));
  }

  /** Goes on with what an earlier engine began. */
  resume(row: JournalRow): void {
    const input = MoveInput.safeParse(row.input);
    const error = new EngineError("internal", "cannot resume the move: its journal entry cannot be read");
    const failing: Work = () => Promise.reject(error);
    this.#parts.operations.resume(row, input.success ? this.#moving(input.data, true) : failing);
  }

  /** Disks stand on images by their paths: one that cannot be looked at would be left standing on nothing. */
  #refuseBroken(target: string, what: readonly Stored[]): void {
    const broken = this.#parts.keeper.entries().find((entry) => entry.broken);
    if (!broken || !what.includes("images")) return;
    const { name } = broken.record.descriptor;
    throw new EngineError("wrong-state", `cannot move the images to ${target}: ${name} cannot be read`, {
      hint: `Its disk stands on one of them. Put its files right, or purge it. The instances alone can be moved.`,
    });
  }

  #toBeEnded(target: string, running: StorageMove["running"]): Entry[] {
    const entries = this.#parts.keeper.entries();
    const unclear = entries.find(({ record }) => record.state === "unknown");
    const up = entries.filter((entry) => entry.running !== undefined);
    const names = (unclear ? [unclear] : up).map(({ record }) => record.descriptor.name).join(", ");
    if (unclear) {
      throw new EngineError("wrong-state", `cannot move to ${target}: whether ${names} runs is not known`, {
        hint: "Force stop it first.",
      });
    }
    if (up.length === 0 || running !== "refuse") return up;
    throw new EngineError(
      "wrong-state",
      `cannot move to ${target}: ${names} run${up.length === 1 ? "s" : ""}`,
      {
        hint: "Stop first; or have them ended and started again: --suspend, or --stop.",
      },
    );
  }

  #moving(input: MoveInput, resumed = false): Work {
    return async (ctx) => {
      const { operations } = this.#parts;
      try {
        await this.#end(ctx, input);
        const letGo = await operations.holdAll(ctx, "data is being moved");
        try {
          if (resumed) await this.#refuseVanished(input.place);
          await this.#move(ctx, input);
        } finally {
          letGo();
        }
      } finally {
        if (!ctx.abandoned) await this.#startAgain(ctx, input);
      }
    };
  }

  /** What an earlier engine had begun to fill must not be begun anew in the empty directory beneath it. */
  async #refuseVanished(place: Place): Promise<void> {
    if (place === undefined || (await this.#parts.locations.markerAt(place))) return;
    throw new EngineError("no-resources", `cannot move to ${place}: it is not there any more`, {
      hint: "Everything is where it was. Mount its disk, then move again.",
    });
  }

  async #end(ctx: WorkCtx, { ends, how }: MoveInput): Promise<void> {
    const { keeper, manager, operations } = this.#parts;
    for (const id of ends) {
      const entry = keeper.byId(id);
      if (!entry?.running) continue;
      ctx.progress({ phase: "stop", message: entry.record.descriptor.name });
      const { name } = entry.record.descriptor;
      const begun = how === "stop" ? await manager.stop(name, { force: false }) : await manager.suspend(name);
      const ended = await operations.wait(begun.id, ctx.signal);
      if (ended.status !== "succeeded") {
        throw new EngineError(
          "wrong-state",
          `cannot move: ${name} could not be ended: ${ended.error?.message}`,
        );
      }
    }
  }

  /** However the move has ended. Nobody waits for the guests: a start that fails shows on its instance. */
  async #startAgain(ctx: WorkCtx, { ends }: MoveInput): Promise<void> {
    const { keeper, manager } = this.#parts;
    for (const id of ends) {
      const entry = keeper.byId(id);
      if (!entry || entry.running) continue;
      const { name } = entry.record.descriptor;
      await manager
        .start(name)
        .catch((error: unknown) => ctx.warn(`${name} was not started: ${messageOf(error)}`));
    }
  }

  async #move(ctx: WorkCtx, input: MoveInput): Promise<void> {
    const { locations, keeper } = this.#parts;
    const up = keeper.entries().find((entry) => entry.running !== undefined);
    if (up) throw new EngineError("busy", `cannot move: ${up.record.descriptor.name} was started meanwhile`);
    const what = input.what.filter((one) => locations.placeOf(one) !== input.place);
    try {
      if (input.place !== undefined) {
        await claim(locations, input.place, { operation: ctx.operationId, makes: input.makes });
      }
      await this.#copy(ctx, what, input.place);
      ctx.commit();
    } catch (error) {
      if (!ctx.abandoned) await this.#undo(ctx, what, input);
      throw ctx.signal.aborted ? ctx.signal.reason : error;
    }
    if (what.length > 0) await locations.point(what, input.place);
    ctx.log.info("data lies elsewhere now", { what, place: input.place ?? "first" });
    await rehome(ctx, this.#parts, input.what);
    await this.#clearFormer(ctx);
  }

  async #copy(ctx: WorkCtx, what: readonly Stored[], place: Place): Promise<void> {
    const { locations } = this.#parts;
    const sources = what.map((one) => ({ from: locations[one], to: locations.directoryAt(one, place) }));
    let [done, total] = [0, 0];
    for (const { from } of sources) total += await bytesIn(from);
    const show = () => ctx.progress({ phase: "copy", done, ...(total > 0 ? { total } : {}) });
    show();
    const onBytes = (bytes: number) => {
      done += bytes;
      show();
    };
    for (const { from, to } of sources) {
      await privateDirectory(from);
      await copyTree(from, to, { signal: ctx.signal, onBytes });
      await refuseDifference(from, to);
    }
    if (what.includes("instances")) await privateDirectory(locations.trashAt(place));
  }

  /** The new place is as it was before; what is pointed to has not been touched. */
  async #undo(ctx: WorkCtx, what: readonly Stored[], { place }: MoveInput): Promise<void> {
    const { locations } = this.#parts;
    try {
      for (const one of what) await rm(locations.directoryAt(one, place), { recursive: true, force: true });
      if (what.includes("instances")) await rm(locations.trashAt(place), { recursive: true, force: true });
      const used = Stored.options.some((one) => locations.placeOf(one) === place);
      if (place !== undefined && !used) await release(locations, place);
    } catch (error) {
      ctx.warn(`What had been copied to ${place} could not be removed: ${messageOf(error)}`);
    }
  }

  /** Everything has been found at the new place: what lay before goes. */
  async #clearFormer(ctx: WorkCtx): Promise<void> {
    const { locations } = this.#parts;
    for (const { what, place } of [...locations.former]) {
      if (locations.placeOf(what) === place) continue;
      ctx.progress({ phase: "remove" });
      try {
        await rm(locations.directoryAt(what, place), { recursive: true, force: true });
        if (what === "instances") await rm(locations.trashAt(place), { recursive: true, force: true });
      } catch (error) {
        ctx.warn(`Everything is at the new place; the old one could not be cleared: ${messageOf(error)}`);
        continue;
      }
      await locations.forgetFormer(what);
      const used = Stored.options.some((one) => locations.placeOf(one) === place);
      const left = locations.former.some((one) => one.place === place);
      if (place !== undefined && !used && !left) await release(locations, place);
    }
  }
}

async function refuseDifference(from: string, to: string): Promise<void> {
  // Catalogs may be read anew at any time; whatever is missing of them is fetched again.
  const lasting = async (directory: string) =>
    (await namesIn(directory)).filter((name) => !name.startsWith("catalogs/"));
  const [before, after] = await Promise.all([lasting(from), lasting(to)]);
  const other = before.find((name, index) => after[index] !== name) ?? after[before.length];
  if (other === undefined) return;
  throw new EngineError("driver-failed", `cannot move ${from}: its copy differs at ${other}`, {
    hint: "Something else writes to one of the two directories. Nothing has been moved.",
  });
}

async function placeOf(
  what: StoragePlace["what"],
  directory: string,
  facts: { moved: boolean; present: boolean },
  moreBytes: number,
): Promise<StoragePlace> {
  if (!facts.present || !(await exists(directory))) return { what, directory, ...facts, usedBytes: 0 };
  const { bavail, bsize, blocks } = await statfs(directory);
  const usedBytes = Math.max(0, (await bytesIn(directory)) + moreBytes);
  return { what, directory, ...facts, usedBytes, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
