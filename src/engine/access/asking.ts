/**
 * Who asks, inside the engine. It travels with the asynchronous flow of a request, so that no way into the engine can forget
 * to hand it on; where there is none, the owner asks, or the engine does its own work. The owner's requests set nothing,
 * so that an engine of one person pays nothing for it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Privilege } from "../../api/access.ts";
import { EngineError } from "../../base/errors.ts";
import type { User } from "./principal.ts";

export type Asking = {
  readonly principal: User;
  /** What the procedure needs. */
  readonly privilege: Privilege;
  /** What it needs that on; absent where it touches several things. */
  readonly path?: string | undefined;
  /** Whether it may, as things are granted now. */
  may(privilege: Privilege, path: string): boolean;
};

const flow = new AsyncLocalStorage<Asking | undefined>();

export function asking(): Asking | undefined {
  return flow.getStore();
}

/** Runs what a request asks for as the one who asks; undefined: as the owner. */
export function askedBy<T>(who: Asking | undefined, run: () => T): T {
  return who ? flow.run(who, run) : run();
}

/** What the engine needs for itself while somebody asks for something else. */
export function asEngine<T>(run: () => T): T {
  return asking() ? flow.run(undefined, run) : run();
}

/** Whether what lies at the path may be seen by who asks. */
export function sees(privilege: Privilege, path: string): boolean {
  const who = asking();
  return who === undefined || who.may(privilege, path);
}

/** Throws where who asks may not do it there as well. `doing` completes `cannot …`. */
export function permitOn(path: string, doing: string): void {
  const who = asking();
  if (who === undefined || who.may(who.privilege, path)) return;
  const { principal, privilege } = who;
  throw new EngineError(
    "permission-denied",
    `cannot ${doing}: ${principal.name} lacks ${privilege} on ${path}`,
  );
}
