/** Whether anything is served to a guest now, which an engine that leaves would take away: one that serves is not idle. */
import { Emitter } from "../../base/event.ts";

export class Serving {
  readonly #changed = new Emitter<boolean>();
  #count = 0;
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
