import { type Disposable, DisposableStore } from "../../base/disposable.ts";
import type { Event } from "../../base/event.ts";

export type IdleOptions = {
  isIdle: () => boolean;
  /** Fire whenever `isIdle` may answer otherwise than before. */
  changes: readonly Event<unknown>[];
  /** How long it must stay idle; asked each time the wait begins. */
  afterMs: () => number;
  leave: () => void;
};

/** Calls `leave` once, after an uninterrupted idle time. One timer, armed by what happens; nothing polls. */
export function leaveWhenIdle({ isIdle, changes, afterMs, leave }: IdleOptions): Disposable {
  const owned = new DisposableStore();
  let timer: NodeJS.Timeout | undefined;
  const check = () => {
    if (!isIdle()) {
      clearTimeout(timer);
      timer = undefined;
    } else
      timer ??= setTimeout(() => {
        owned.dispose();
        leave();
      }, afterMs());
  };
  for (const change of changes) owned.add(change(check));
  owned.defer(() => clearTimeout(timer));
  check();
  return owned;
}
