/** Whether anything is served to a guest now, which an engine that leaves would take away: one that serves is not idle. */
import { Emitter } from "../../base/event.ts";
import type { Ctx } from "../ctx.ts";
import type { AwaitedDisk } from "../drivers/driver.ts";
import type { Running } from "../drivers/running.ts";
import type { Entry } from "./entry.ts";

/** Serves what the disks of guests still lack, from before their start until they are whole. */
export interface Arriving {
  /** What `start` rejects with leaves nothing served. */
  begin(
    ctx: Ctx,
    entry: Entry,
    start: (awaited: readonly AwaitedDisk[]) => Promise<Running>,
  ): Promise<Running>;
}

export class Serving {
  readonly #changed = new Emitter<boolean>();
  #count = 0;
  /** Absent where this engine knows no backups. */
  arriving: Arriving | undefined;
  readonly onDidChange = this.#changed.event;

  get any(): boolean {
    return this.#count > 0;
  }

  begin(): void {
    this.#count += 1;
    if (this.#count === 1) this.#changed.fire(true);
  }

  end(): void {
    this.#count -= 1;
    if (this.#count === 0) this.#changed.fire(false);
  }
}
