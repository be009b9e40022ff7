/** How the tree of instances is arranged in this window: grouped by what, and which of them are shown. */
import { Emitter, type Event } from "../base/event.ts";
import type { GroupBy } from "./instance-rows.ts";

export class Arrangement {
  readonly #changed = new Emitter<void>();
  #groupBy: GroupBy;
  #others: boolean;
  #filter = "";
  readonly onDidChange: Event<void> = this.#changed.event;

  constructor(groupBy: GroupBy = "none", others = true) {
    this.#groupBy = groupBy;
    this.#others = others;
  }

  get groupBy(): GroupBy {
    return this.#groupBy;
  }

  set groupBy(value: GroupBy) {
    if (value === this.#groupBy) return;
    this.#groupBy = value;
    this.#changed.fire();
  }

  /** Words that must all occur in what is known of an instance. */
  get filter(): string {
    return this.#filter;
  }

  set filter(value: string) {
    if (value.trim() === this.#filter) return;
    this.#filter = value.trim();
    this.#changed.fire();
  }

  /** Whether containers that others have made are shown. */
  get others(): boolean {
    return this.#others;
  }

  set others(value: boolean) {
    if (value === this.#others) return;
    this.#others = value;
    this.#changed.fire();
  }

  dispose(): void {
    this.#changed.dispose();
  }
}
