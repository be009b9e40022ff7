/** The images as clients see them: slow work becomes operations, changes become events. */
import type { CachedImage, ImageEntry } from "../api/image.ts";
import type { Arch, Problem } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import type { Ctx } from "./ctx.ts";
import type { ImagesApi } from "./engine-core.ts";
import type { EventLog } from "./event-log.ts";
import type { Images } from "./images/images.ts";
import type { Log } from "./log.ts";
import type { Operations, Work } from "./operations.ts";
import type { JournalRow } from "./store/store.ts";

export class ImageWork implements ImagesApi {
  readonly #images: Images;
  readonly #operations: Operations;
  readonly #events: EventLog;
  readonly #log: Log;
  readonly #arch: Arch;

  constructor(images: Images, operations: Operations, events: EventLog, log: Log, arch: Arch) {
    this.#images = images;
    this.#operations = operations;
    this.#events = events;
    this.#log = log;
    this.#arch = arch;
  }

  find(
    query: { text: string; unsupported: boolean; arch?: Arch | undefined; refresh?: boolean | undefined },
    signal: AbortSignal,
  ): Promise<{ items: ImageEntry[]; problems: Problem[] }> {
    const ctx: Ctx = { signal, progress: () => {}, log: this.#log };
    return this.#images.find(ctx, { ...query, arch: query.arch ?? this.#arch });
  }

  cached(): Promise<CachedImage[]> {
    return this.#images.cached();
  }

  async pull(reference: string): Promise<Operation> {
    const wanted = { kind: "pull-image" as const, target: reference, input: {} };
    return this.#operations.begin(wanted, this.#pulling(reference));
  }

  async build(recipe: string): Promise<Operation> {
    const wanted = { kind: "build-image" as const, target: recipe, input: {} };
    return this.#operations.begin(wanted, this.#building(recipe));
  }

  /** Goes on with what an earlier engine began. */
  resume(row: JournalRow): void {
    const work = row.kind === "pull-image" ? this.#pulling(row.target) : this.#building(row.target);
    this.#operations.resume(row, work);
  }

  async remove(id: string): Promise<{ freedBytes: number }> {
    this.#operations.refuseWhileHeld(`remove image ${id}`);
    const freedBytes = await this.#images.remove(id);
    this.#changed();
    return { freedBytes };
  }

  async prune(): Promise<{ removed: string[]; freedBytes: number }> {
    this.#operations.refuseWhileHeld("prune images");
    const result = await this.#images.prune();
    if (result.removed.length > 0) this.#changed();
    return result;
  }

  #pulling(reference: string): Work {
    return async (ctx) => {
      await this.#images.acquire(ctx, reference, this.#arch);
      this.#changed();
    };
  }

  #building(recipe: string): Work {
    return async (ctx) => {
      await this.#images.build(ctx, recipe);
      this.#changed();
    };
  }

  #changed(): void {
    this.#events.publish({ type: "images" });
  }
}
