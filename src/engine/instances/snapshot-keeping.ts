/** The API over snapshots: what is asked for becomes an action on the instance. */
import { randomUUID } from "node:crypto";
import type { Operation } from "../../api/operation.ts";
import type { Snapshot } from "../../api/snapshot.ts";
import type { RestoreHow, SnapshotsApi, SnapshotWish } from "../engine-core.ts";
import { nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import type { InstanceManager } from "./manager.ts";
import { planSnapshot, snapshotNamed, taken } from "./snapshot-plans.ts";
import { findSnapshot, toSnapshots } from "./snapshot-tree.ts";
import { supportOf } from "./snapshots.ts";

export class SnapshotKeeping implements SnapshotsApi {
  readonly #keeper: Keeper;
  readonly #manager: InstanceManager;

  constructor(keeper: Keeper, manager: InstanceManager) {
    this.#keeper = keeper;
    this.#manager = manager;
  }

  list(instance?: string): Snapshot[] {
    if (instance !== undefined)
      return toSnapshots(this.#keeper.find(instance, "list snapshots of").record.descriptor);
    const entries = this.#keeper.entries().filter(({ record }) => record.state !== "deleted");
    return entries
      .sort((a, b) => nameOf(a).localeCompare(nameOf(b)))
      .flatMap(({ record }) => toSnapshots(record.descriptor));
  }

  async take(instance: string, wanted: SnapshotWish): Promise<Operation> {
    const entry = this.#keeper.find(instance, "snapshot");
    supportOf(this.#keeper, entry);
    const take = planSnapshot(entry, randomUUID(), wanted);
    return this.#manager.act(instance, "snapshot", { take }, `${instance}.${take.name}`);
  }

  async restore(instance: string, snapshot: string, how: RestoreHow): Promise<Operation> {
    const entry = this.#keeper.find(instance, "restore");
    const { id } = snapshotNamed(entry, snapshot, "restore");
    const comment = `Before restoring ${snapshot}`;
    const before = how.automatic ? ("restore" as const) : undefined;
    const take = how.destructive ? undefined : planSnapshot(entry, randomUUID(), { comment, before });
    return this.#manager.act(instance, "restore", { snapshot: id, take }, `${instance}.${snapshot}`);
  }

  async update(
    instance: string,
    snapshot: string,
    words: { name?: string | undefined; comment?: string | undefined },
  ): Promise<Operation> {
    const entry = this.#keeper.find(instance, "update");
    const { id } = snapshotNamed(entry, snapshot, "update");
    const { name } = words;
    if (name !== undefined && name !== snapshot && findSnapshot(entry.record.descriptor, name)) {
      throw taken(entry, name, "update");
    }
    return this.#manager.act(instance, "update-snapshot", { snapshot: id, words }, `${instance}.${snapshot}`);
  }

  async remove(instance: string, snapshot: string): Promise<Operation> {
    const entry = this.#keeper.find(instance, "delete");
    const { id } = snapshotNamed(entry, snapshot, "delete");
    return this.#manager.act(instance, "remove-snapshot", { snapshot: id }, `${instance}.${snapshot}`);
  }
}
