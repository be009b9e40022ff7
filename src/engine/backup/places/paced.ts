/** A place that is written to and read from no faster than it may be. */
import { sleep } from "../../../base/async.ts";
import type { Ctx } from "../../ctx.ts";
import type { Place } from "./place.ts";

export function pacedPlace(place: Place, bytesPerSecond: number): Place {
  const pace = new Pace(bytesPerSecond);
  return {
    name: place.name,
    connections: place.connections,
    create: (ctx) => place.create(ctx),
    save: async (ctx, file, bytes) => {
      await pace.spend(ctx, bytes.length);
      await place.save(ctx, file, bytes);
    },
    load: async (ctx, file, range, room) => {
      const bytes = await place.load(ctx, file, range, room);
      await pace.spend(ctx, bytes.length);
      return bytes;
    },
    stat: (ctx, file) => place.stat(ctx, file),
    list: (ctx, kind) => place.list(ctx, kind),
    remove: (ctx, file) => place.remove(ctx, file),
    sweep: (ctx) => place.sweep(ctx),
    dispose: () => place.dispose(),
  };
}

/** Whoever moves bytes waits for those before. What was not used of a second is not saved up. */
class Pace {
  readonly #bytesPerMs: number;
  #freeAt = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  async spend(ctx: Ctx, bytes: number): Promise<void> {
    const now = performance.now();
    const from = Math.max(now, this.#freeAt);
    this.#freeAt = from + bytes / this.#bytesPerMs;
    if (this.#freeAt > now) await sleep(this.#freeAt - now, ctx.signal);
  }
}
