/** The snapshots of instances whose rows were unfolded, asked for once and again when they have changed. */
import type { Operation } from "../api/operation.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { withDeadline } from "../base/async.ts";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import { Emitter, type Event } from "../base/event.ts";
import type { EngineMirror } from "../client/mirror.ts";
import type { Model } from "./model.ts";

/** The engine answers from memory; one that does not is not waited for. */
const WITHIN_MS = 10_000;
const KINDS: ReadonlySet<Operation["kind"]> = new Set([
  ...(["snapshot", "restore", "remove-snapshot", "update", "restore-backup"] as const),
]);

export class SnapshotCache implements Disposable {
  readonly #mirror: Pick<EngineMirror, "client" | "operations" | "onDidChangeOperations">;
  readonly #model: Pick<Model, "get" | "byName">;
  readonly #store = new DisposableStore();
  readonly #changed = this.#store.add(new Emitter<string>());
  readonly #known = new Map<string, { count: number; snapshots: Promise<Snapshot[]> }>();
  /** Id of the instance whose snapshots are others now. */
  readonly onDidChange: Event<string> = this.#changed.event;

  constructor(
    mirror: Pick<EngineMirror, "client" | "operations" | "onDidChangeOperations">,
    model: Pick<Model, "get" | "byName">,
  ) {
    this.#mirror = mirror;
    this.#model = model;
    this.#store.add(mirror.onDidChangeOperations((ids) => this.#forgetAfter(ids)));
  }

  /** Rejects where the engine does not answer; the next call asks again. */
  async of(id: string): Promise<Snapshot[]> {
    const instance = this.#model.get(id);
    if (!instance) return [];
    const known = this.#known.get(id);
    if (known && known.count === instance.snapshotCount) return known.snapshots;
    const snapshots = this.#ask(instance.name);
    this.#known.set(id, { count: instance.snapshotCount, snapshots });
    snapshots.catch(() => this.#known.delete(id));
    return snapshots;
  }

  dispose(): void {
    this.#store.dispose();
  }

  async #ask(instance: string): Promise<Snapshot[]> {
    const deadline = withDeadline(WITHIN_MS);
    try {
      const { api } = await this.#mirror.client();
      return (await api.snapshots.list({ instance }, { signal: deadline.signal })).items;
    } finally {
      deadline.done();
    }
  }

  /**
   * An instance does not tell that a snapshot of it has another name, comment or place, or that an automatic one has taken
   * the place of another; the operation's end does.
   */
  #forgetAfter(operations: readonly string[]): void {
    for (const one of operations) {
      const operation = this.#mirror.operations.get(one);
      if (!operation || operation.status === "running" || !KINDS.has(operation.kind)) continue;
      const id = this.#model.byName(operation.target.split(".")[0] ?? "")?.id;
      if (id !== undefined && this.#known.delete(id)) this.#changed.fire(id);
    }
  }
}
