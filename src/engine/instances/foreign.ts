/** Containers that others have made, as clients see them: all but those of instances. */
import type { ContainerRuntime } from "../../api/container.ts";
import type { ForeignContainer } from "../../api/foreign-container.ts";
import type { Operation } from "../../api/operation.ts";
import { EngineError } from "../../base/errors.ts";
import type { Driver } from "../drivers/driver.ts";
import type { FoundContainer } from "../drivers/foreign-containers.ts";
import type { ForeignContainersApi } from "../engine-core.ts";
import type { Operations } from "../operations.ts";
import { adoptEntryOf, adoption, foreignIn, isInstance, planAdoption } from "./adopt.ts";
import type { Keeper } from "./keeper.ts";
import type { InstanceManager } from "./manager.ts";

type Where = { runtime?: ContainerRuntime | undefined };

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
    const found = await this.#found("list containers", where, signal);
    return found.map(({ instance: _, ...one }) => one).sort((a, b) => a.name.localeCompare(b.name));
  }

  async adopt(
    { container, name, ...where }: Where & { container: string; name?: string | undefined },
    signal: AbortSignal,
  ): Promise<Operation> {
    const doing = `adopt ${container}`;
    const found = named(await this.#found(doing, where, signal), container);
    const driver = this.#driver;
    const known = await foreignIn(driver, doing).look({ signal }, found);
    const { keeper, manager, operations } = this.#parts;
    const input = planAdoption(keeper, driver as Driver, found, known, name);
    const { work, onAccepted } = adoption(keeper, manager, adoptEntryOf(input));
    return operations.begin({ kind: "adopt", target: input.adopt.name, input }, work, onAccepted);
  }

  async #found(doing: string, where: Where, signal: AbortSignal): Promise<FoundContainer[]> {
    const all = await foreignIn(this.#driver, doing).list({ signal }, where);
    return all.filter((one) => !isInstance(this.#parts.keeper, one));
  }

  get #driver(): Driver | undefined {
    return this.#parts.drivers.find(({ foreignContainers }) => foreignContainers);
  }
}

/** The one of that name, else the only one whose id begins so. Throws where there is none, or more. Pure. */
export function named(all: readonly FoundContainer[], wanted: string): FoundContainer {
  const called = all.filter(({ name }) => name === wanted);
  const isId = /^[0-9a-f]{4,64}$/.test(wanted);
  const fitting = called.length > 0 || !isId ? called : all.filter(({ id }) => id.startsWith(wanted));
  const [found, other] = fitting;
  if (!found) {
    const reason = `cannot adopt ${wanted}: there is no such container that is not Berth's already`;
    throw new EngineError("not-found", reason, { hint: "berth foreign shows all that are there." });
  }
  if (other) {
    const reason = `cannot adopt ${wanted}: there are ${fitting.length} containers that this may mean`;
    const hint = "Give its whole id, or say where it is: --runtime docker or --runtime podman.";
    throw new EngineError("invalid-argument", reason, { hint });
  }
  if (found.otherBerth) {
    const reason = `cannot adopt ${wanted}: it is an instance of another Berth's engine`;
    throw new EngineError("permission-denied", reason, { hint: "Release it there first: berth release." });
  }
  return found;
}
