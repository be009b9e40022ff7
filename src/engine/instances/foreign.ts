/** Containers that others have made, as clients see them: all but those of instances. */
import type { Readable } from "node:stream";
import type { ContainerRuntime } from "../../api/container.ts";
import type { ForeignContainer } from "../../api/foreign-container.ts";
import type { Operation } from "../../api/operation.ts";
import { abortable, deferred, sleep } from "../../base/async.ts";
import { DisposableStore } from "../../base/disposable.ts";
import { EngineError } from "../../base/errors.ts";
import type { ForeignContainersApi } from "../container-core.ts";
import type { Driver, LogRequest } from "../drivers/driver.ts";
import type { FoundContainer } from "../drivers/foreign-containers.ts";
import type { Operations } from "../operations.ts";
import { adoptEntryOf, adoption, foreignIn, isInstance, planAdoption } from "./adopt.ts";
import type { Keeper } from "./keeper.ts";
import type { InstanceManager } from "./manager.ts";

type Where = { runtime?: ContainerRuntime | undefined };

/** Who makes many at once is listed but a few times. */
const GATHER_MS = 200;

export type ForeignParts = {
  keeper: Keeper;
  manager: InstanceManager;
  operations: Operations;
  drivers: readonly Driver[];
};

export class Foreign implements ForeignContainersApi {
  readonly #parts: ForeignParts;

  constructor(parts: ForeignParts) {
    this.#parts = parts;
  }

  async list(where: Where, signal: AbortSignal): Promise<ForeignContainer[]> {
    return this.#shown(await foreignIn(this.#driver, "list containers").list({ signal }, where));
  }

  /** They are asked for when a runtime tells of something; an instance may be one of them, or not any more. */
  async *watch(signal: AbortSignal): AsyncGenerator<ForeignContainer[], void> {
    const foreign = foreignIn(this.#driver, "watch containers");
    const owned = new DisposableStore();
    let stale = false;
    let due = deferred<void>();
    const changed = () => due.resolve();
    owned.add(this.#parts.keeper.onDidChange(changed));
    owned.add(
      foreign.watch(() => {
        stale = true;
        changed();
      }),
    );
    try {
      let all = await foreign.list({ signal });
      for (let told = ""; ; ) {
        const items = this.#shown(all);
        if (JSON.stringify(items) !== told) yield items;
        told = JSON.stringify(items);
        await abortable(due.promise, signal);
        due = deferred();
        if (!stale) continue;
        await sleep(GATHER_MS, signal);
        stale = false;
        all = await foreign.list({ signal }).catch(noneWhereAway);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      owned.dispose();
    }
  }

  async logs(
    { container, ...where }: Where & { container: string },
    request: LogRequest,
    signal: AbortSignal,
  ): Promise<Readable> {
    const doing = `read the log of ${container}`;
    const found = named(await this.#found(doing, where, signal), container, doing);
    return foreignIn(this.#driver, doing).logs({ signal }, found, request);
  }

  async adopt(
    { container, name, ...where }: Where & { container: string; name?: string | undefined },
    signal: AbortSignal,
  ): Promise<Operation> {
    const doing = `adopt ${container}`;
    const found = named(await this.#found(doing, where, signal), container, doing);
    refuseOtherBerth(found, doing);
    const driver = this.#driver;
    const known = await foreignIn(driver, doing).look({ signal }, found);
    const { keeper, manager, operations } = this.#parts;
    const input = planAdoption(keeper, driver as Driver, found, known, name);
    const { work, onAccepted } = adoption(keeper, manager.lanes, adoptEntryOf(input));
    return operations.begin({ kind: "adopt", target: input.adopt.name, input }, work, onAccepted);
  }

  /** Without those of instances, as clients see them. */
  #shown(all: readonly FoundContainer[]): ForeignContainer[] {
    const others = all.filter((one) => !isInstance(this.#parts.keeper, one));
    return others.map(({ instance: _, ...one }) => one).sort((a, b) => a.name.localeCompare(b.name));
  }

  async #found(doing: string, where: Where, signal: AbortSignal): Promise<FoundContainer[]> {
    const all = await foreignIn(this.#driver, doing).list({ signal }, where);
    return all.filter((one) => !isInstance(this.#parts.keeper, one));
  }

  get #driver(): Driver | undefined {
    return this.#parts.drivers.find(({ foreignContainers }) => foreignContainers);
  }
}

/** The runtime that they were in has ended. When it is back, that is told. */
function noneWhereAway(error: unknown): [] {
  if (error instanceof EngineError && error.code === "missing-dependency") return [];
  throw error;
}

/** The one of that name, else the only one whose id begins so. Throws where there is none, or more. Pure. */
export function named(all: readonly FoundContainer[], wanted: string, doing: string): FoundContainer {
  const called = all.filter(({ name }) => name === wanted);
  const isId = /^[0-9a-f]{4,64}$/.test(wanted);
  const fitting = called.length > 0 || !isId ? called : all.filter(({ id }) => id.startsWith(wanted));
  const [found, other] = fitting;
  if (!found) {
    const reason = `cannot ${doing}: there is no such container that is not Berth's already`;
    throw new EngineError("not-found", reason, { hint: "berth foreign shows all that are there." });
  }
  if (other) {
    const reason = `cannot ${doing}: there are ${fitting.length} containers that this may mean`;
    const hint = "Give its whole id, or say where it is: --runtime docker or --runtime podman.";
    throw new EngineError("invalid-argument", reason, { hint });
  }
  return found;
}

function refuseOtherBerth({ otherBerth }: FoundContainer, doing: string): void {
  if (!otherBerth) return;
  const reason = `cannot ${doing}: it is an instance of another Berth's engine`;
  throw new EngineError("permission-denied", reason, { hint: "Release it there first: berth release." });
}
