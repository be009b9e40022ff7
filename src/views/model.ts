/**
 * The instances as the views show them: the engine's mirror, with the state that a request has just asked for laid
 * over the last known one until the engine's own event arrives. No vscode; the one source of every view.
 */
import type { EngineInfo } from "../api/engine-info.ts";
import type { Instance, InstanceState, Problem } from "../api/instance.ts";
import type { Operation, OperationKind } from "../api/operation.ts";
import { type Disposable, DisposableStore, toDisposable } from "../base/disposable.ts";
import { Emitter, type Event } from "../base/event.ts";
import { compareInstances } from "./items.ts";

/** The part of EngineMirror that the model needs. */
export type ModelSource = {
  readonly instances: ReadonlyMap<string, Instance>;
  readonly operations: ReadonlyMap<string, Operation>;
  readonly onDidChangeInstances: Event<readonly string[]>;
  readonly onDidChangeOperations: Event<readonly string[]>;
};

const OF_CONTAINER_IMAGES: ReadonlySet<OperationKind> = new Set([
  ...(["pull-container-image", "push-image", "load-image", "save-image"] as const),
]);

type Expected = { state: InstanceState; since: string };

export class Model implements Disposable {
  readonly #source: ModelSource;
  readonly #expected = new Map<string, Expected>();
  readonly #changed = new Emitter<readonly string[]>();
  readonly #store = new DisposableStore();
  #engine: EngineInfo | undefined;
  /** Sorted, until something changes. */
  #sorted: readonly Instance[] | undefined;

  /** Ids of instances that look different now; none when only the engine's own facts changed. */
  readonly onDidChange: Event<readonly string[]> = this.#changed.event;

  constructor(source: ModelSource) {
    this.#source = source;
    this.#store.add(source.onDidChangeInstances((ids) => this.#fire(ids)));
    this.#store.add(source.onDidChangeOperations((ids) => this.#operationsChanged(ids)));
    this.#store.add(this.#changed);
  }

  /** What the engine last said of itself and its host; undefined before the first connection. */
  get engine(): EngineInfo | undefined {
    return this.#engine;
  }

  set engine(info: EngineInfo | undefined) {
    this.#engine = info;
    this.#changed.fire([]);
  }

  /** True where no virtual machine can run on this host until something is installed. */
  get vmDriverMissing(): boolean {
    const drivers = this.#vmDrivers();
    return drivers.length > 0 && drivers.every(({ available }) => !available);
  }

  /** Why no virtual machine can run; none where one can. */
  get vmDriverProblems(): Problem[] {
    return this.vmDriverMissing ? this.#vmDrivers().flatMap(({ problems }) => problems) : [];
  }

  /** All, those in the trash included, as people sort them. */
  all(): readonly Instance[] {
    this.#sorted ??= [...this.#source.instances.values()]
      .map((one) => this.#overlay(one))
      .sort(compareInstances);
    return this.#sorted;
  }

  alive(): Instance[] {
    return this.all().filter((instance) => instance.state !== "deleted");
  }

  trash(): Instance[] {
    return this.all().filter((instance) => instance.state === "deleted");
  }

  get(id: string): Instance | undefined {
    const instance = this.#source.instances.get(id);
    return instance && this.#overlay(instance);
  }

  byName(name: string): Instance | undefined {
    for (const instance of this.#source.instances.values()) {
      if (instance.name === name) return this.#overlay(instance);
    }
    return undefined;
  }

  /** The operation that works on it now. */
  operationOf(instance: Instance): Operation | undefined {
    if (instance.operation === undefined) return undefined;
    const operation = this.#source.operations.get(instance.operation);
    return operation?.status === "running" ? operation : undefined;
  }

  /** Running operations on images, which belong to no row. */
  imageOperations(): Operation[] {
    return [...this.#source.operations.values()].filter(
      ({ kind, status }) => status === "running" && (kind === "pull-image" || kind === "build-image"),
    );
  }

  /** The same, of containers' images. */
  containerImageOperations(): Operation[] {
    return [...this.#source.operations.values()].filter(
      ({ kind, status }) => status === "running" && OF_CONTAINER_IMAGES.has(kind),
    );
  }

  /** Shows this state from now until the engine says something newer of the instance, or until disposed. */
  expect(id: string, state: InstanceState): Disposable {
    const instance = this.#source.instances.get(id);
    if (!instance) return toDisposable(() => {});
    const expected = { state, since: instance.updatedAt };
    this.#expected.set(id, expected);
    this.#fire([id]);
    return toDisposable(() => {
      if (this.#expected.get(id) !== expected) return;
      this.#expected.delete(id);
      this.#fire([id]);
    });
  }

  dispose(): void {
    this.#store.dispose();
  }

  #fire(ids: readonly string[]): void {
    this.#sorted = undefined;
    this.#changed.fire(ids);
  }

  #vmDrivers(): EngineInfo["drivers"] {
    return this.#engine?.drivers.filter(({ kind }) => kind === "vm") ?? [];
  }

  #overlay(instance: Instance): Instance {
    const expected = this.#expected.get(instance.id);
    if (!expected || instance.updatedAt !== expected.since || instance.operation !== undefined)
      return instance;
    return { ...instance, state: expected.state };
  }

  #operationsChanged(ids: readonly string[]): void {
    const touched = new Set(ids);
    const rows = [...this.#source.instances.values()]
      .filter(({ operation }) => operation !== undefined && touched.has(operation))
      .map(({ id }) => id);
    this.#changed.fire(rows);
  }
}
