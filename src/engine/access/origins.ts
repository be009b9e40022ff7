/** Where operations work and who has begun them, so that each is seen by those who may see that. */
import type { Operation } from "../../api/operation.ts";
import { asking } from "./asking.ts";
import { operationPath } from "./paths.ts";

/** `by` is undefined of what the owner, or the engine itself, has begun. */
export type OperationOrigin = { path: string; by: string | undefined };

/** Of an instance; undefined where there is none of that name. */
export type ProjectOf = (instance: string) => string | undefined;

export class Origins {
  readonly #projectOf: ProjectOf;
  /** Where each works does not change with what becomes of its instance. */
  readonly #known = new Map<string, OperationOrigin>();

  constructor(projectOf: ProjectOf) {
    this.#projectOf = projectOf;
  }

  note(operation: Operation): void {
    this.#known.set(operation.id, { ...this.#found(operation), by: asking()?.principal.name });
  }

  of(operation: Operation): OperationOrigin {
    return this.#known.get(operation.id) ?? this.#found(operation);
  }

  forget(id: string): void {
    this.#known.delete(id);
  }

  #found(operation: Operation): OperationOrigin {
    return { path: operationPath(operation, this.#projectOf), by: undefined };
  }
}
