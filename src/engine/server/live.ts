/**
 * What is open for others than the owner, each ended in the moment in which it would be refused. Grants and tokens that are taken
 * back are heard of, and a token's own end is waited for, so that nothing is asked again and again.
 */
import type { Disposable } from "../../base/disposable.ts";
import type { Access } from "../access/access.ts";
import type { Principal } from "../access/principal.ts";

/** An answer that is being sent, or a byte stream. */
export type Opened = { once(event: "close", listener: () => void): unknown; destroy(): unknown };

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Live implements Disposable {
  readonly #access: Access;
  readonly #open = new Set<() => void>();
  readonly #listening: Disposable;

  constructor(access: Access) {
    this.#access = access;
    this.#listening = access.onDidChange(() => {
      for (const look of [...this.#open]) look();
    });
  }

  /** Ends it when `check` throws from now on. */
  whileAllowed(principal: Principal, opened: Opened, check: () => void): void {
    if (principal.kind === "owner") return;
    let timer: NodeJS.Timeout | undefined;
    const look = () => {
      try {
        check();
      } catch {
        opened.destroy();
      }
    };
    const wait = () => {
      const end = this.#access.endOf(principal);
      if (!end) return;
      const leftMs = Math.max(0, end.getTime() - Date.now());
      timer = setTimeout(
        () => {
          look();
          if (leftMs > LONGEST_TIMER_MS) wait();
        },
        Math.min(leftMs, LONGEST_TIMER_MS),
      );
    };
    this.#open.add(look);
    wait();
    opened.once("close", () => {
      clearTimeout(timer);
      this.#open.delete(look);
    });
  }

  dispose(): void {
    this.#listening.dispose();
  }
}
