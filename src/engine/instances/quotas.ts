/** The limits of projects, held against what their instances have and are about to have. */
import { DEFAULT_PROJECT, type Project, type ProjectLimits } from "../../api/access.ts";
import type { Operation } from "../../api/operation.ts";
import { EngineError } from "../../base/errors.ts";
import { excessOf, type Sized, usesOf } from "../access/limits.ts";
import type { Descriptor } from "../store/record.ts";
import type { Entry } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

type Member = Sized & { id: string; project?: string | undefined };

export type LimitsOf = () => ReadonlyMap<string, ProjectLimits>;

export class Quotas {
  readonly #keeper: Pick<Keeper, "entries">;
  readonly #limits: LimitsOf;
  /** What an operation that was accepted makes of an instance, by the instance's id: it counts from then on. */
  readonly #coming = new Map<string, { operation: string; after: Sized }>();

  constructor(keeper: Pick<Keeper, "entries">, limits: LimitsOf) {
    this.#keeper = keeper;
    this.#limits = limits;
  }

  /** Throws `no-resources` where its project may not have it. No wait from here to its acceptance. */
  check(after: Member, doing: string): void {
    const project = after.project ?? DEFAULT_PROJECT;
    const limits = this.#limits().get(project);
    if (!limits) return;
    const members = this.#membersOf(project);
    const before = members.find(({ record }) => record.descriptor.id === after.id);
    const others = members.filter((one) => one !== before).map((one) => this.#sizesOf(one));
    const excess = excessOf(limits, others, before && this.#sizesOf(before), after);
    if (excess === undefined) return;
    throw new EngineError("no-resources", `cannot ${doing}: project ${project}: ${excess}`, {
      hint: "Purge what is not needed, the trash included, or ask for a higher limit: berth projects",
    });
  }

  /** Accepted, and not yet so. */
  expect(id: string, operation: Pick<Operation, "id">, after: Sized): void {
    if (this.#limits().size > 0) this.#coming.set(id, { operation: operation.id, after });
  }

  list(): Project[] {
    const limits = this.#limits();
    const named = this.#keeper.entries().map(({ record }) => projectOf(record.descriptor));
    const names = new Set([DEFAULT_PROJECT, ...named, ...limits.keys()]);
    return [...names].sort().map((name) => ({
      name,
      limits: limits.get(name) ?? {},
      uses: usesOf(this.#membersOf(name).map((one) => this.#sizesOf(one))),
    }));
  }

  #membersOf(project: string): Entry[] {
    return this.#keeper.entries().filter(({ record }) => projectOf(record.descriptor) === project);
  }

  /** The larger of what it is and what it is about to be. */
  #sizesOf({ record, pending }: Entry): Sized {
    const { descriptor } = record;
    const coming = this.#coming.get(descriptor.id);
    if (!coming) return descriptor;
    if (pending?.id === coming.operation) return coming.after;
    this.#coming.delete(descriptor.id);
    return descriptor;
  }
}

function projectOf({ project }: Pick<Descriptor, "project">): string {
  return project ?? DEFAULT_PROJECT;
}
