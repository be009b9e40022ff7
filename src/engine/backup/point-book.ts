/**
 * Which point of each instance's disks every repository holds last: what has changed since is noted by the disks
 * themselves. Lost, it costs a full read and nothing else. The only writer of it.
 */
import * as z from "zod";
import type { Store } from "../store/store.ts";

const KEY = "internal.backup-points";

const KeptPoint = z.object({
  point: z.string(),
  generations: z.record(z.string(), z.int()),
  /** The backup that holds it. */
  snapshot: z.string(),
  /** How many before it have believed the disks' own notes, one after the other. */
  believed: z.int().nonnegative().default(0),
});
export type KeptPoint = z.infer<typeof KeptPoint>;

/** By the instance's id, then by the repository's key. */
const Kept = z.record(z.string(), z.record(z.string(), KeptPoint));
type Kept = z.infer<typeof Kept>;

export class PointBook {
  readonly #store: Pick<Store, "readSetting" | "writeSettings">;
  #kept: Kept;

  constructor(store: Pick<Store, "readSetting" | "writeSettings">) {
    this.#store = store;
    this.#kept = Kept.safeParse(store.readSetting(KEY) ?? {}).data ?? {};
  }

  get(instance: string, repository: string): KeptPoint | undefined {
    return this.#kept[instance]?.[repository];
  }

  /** The points of this instance that other repositories hold. */
  others(instance: string, repository: string): string[] {
    const all = Object.entries(this.#kept[instance] ?? {});
    return all.filter(([key]) => key !== repository).map(([, { point }]) => point);
  }

  note(instance: string, repository: string, kept: KeptPoint): void {
    this.#write({ ...this.#kept, [instance]: { ...this.#kept[instance], [repository]: kept } });
  }

  forgetRepository(repository: string): void {
    const kept = Object.entries(this.#kept).map(([instance, points]) => {
      const { [repository]: _gone, ...others } = points;
      return [instance, others] as const;
    });
    this.#write(Object.fromEntries(kept.filter(([, points]) => Object.keys(points).length > 0)));
  }

  #write(kept: Kept): void {
    this.#store.writeSettings({ [KEY]: kept });
    this.#kept = kept;
  }
}
