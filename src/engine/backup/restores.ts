/** What clients may make of backups: new instances, what one was, and the proof that it can be done. */
import { randomUUID } from "node:crypto";
import type { Backup } from "../../api/backup.ts";
import type { Operation } from "../../api/operation.ts";
import { EngineError } from "../../base/errors.ts";
import { permitOn } from "../access/asking.ts";
import { instancePath } from "../access/paths.ts";
import type { OneBackup, RestoreHow } from "../backup-core.ts";
import { refuseOfAdopted } from "../instances/adopt.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import type { Resumable } from "../instances/lanes.ts";
import { entryOf, takeBack } from "../instances/launch.ts";
import type { InstanceManager } from "../instances/manager.ts";
import { mayRun } from "../instances/permits.ts";
import { planSnapshot } from "../instances/snapshot-plans.ts";
import { supportOf } from "../instances/snapshots.ts";
import type { Log } from "../log.ts";
import type { Operations } from "../operations.ts";
import type { JournalRow } from "../store/store.ts";
import { ArrivalInput, Arrivals } from "./arrivals.ts";
import { definedIn, machineIn } from "./defined.ts";
import { DrillInput, drill, drillSpec } from "./drill-work.ts";
import { endMade, madeOf, making } from "./made.ts";
import { RestoreInput, type RestoreParts, restoreNew, specOf } from "./restore-work.ts";
import { planOf, RevertInput, revert } from "./revert-work.ts";
import { backupOf, projectIn } from "./tags.ts";

export type RestoresParts = RestoreParts & {
  manager: InstanceManager;
  operations: Operations;
  runDirectory: string;
  log: Log;
};

export class Restores {
  readonly #parts: RestoresParts;
  readonly arrivals: Arrivals;

  constructor(parts: RestoresParts) {
    this.#parts = parts;
    this.arrivals = new Arrivals(parts);
  }

  async restore(
    { repository, backup }: OneBackup,
    as: string | undefined,
    signal: AbortSignal,
    { env, live }: RestoreHow,
  ): Promise<Operation> {
    const { repositories, manager, operations } = this.#parts;
    const doing = "restore the backup";
    const record = repositories.find(repository, doing);
    const { snapshot, definition } = await definedIn(this.#parts, record, backup, doing, signal);
    if (live) machineIn(definition, doing, "Restore all of it: leave out --live");
    const spec = { ...specOf(definition, as, env), ...projectIn(snapshot) };
    return manager.planned(spec, "restore", (launch) => {
      if (live) this.#refuseLive(entryOf(launch));
      const input: RestoreInput = {
        ...{ id: launch.id, action: "restore-backup", repository: record.key, backup: snapshot.id },
        ...{ launch, live },
      };
      const { work, onAccepted } = making(manager, entryOf(launch), (entry, ctx) =>
        restoreNew(this.#parts, entry, ctx, input),
      );
      return operations.begin({ kind: "restore-backup", target: launch.name, input }, work, onAccepted);
    });
  }

  #refuseLive(entry: Entry): void {
    if (this.#parts.keeper.driverOf(entry).fills) return;
    const reason = `cannot restore ${nameOf(entry)}: its guest cannot start before its data is there on this host`;
    throw new EngineError("not-supported", reason, { hint: "Restore all of it: leave out --live" });
  }

  async revert(
    { repository, backup }: OneBackup,
    disk: string | undefined,
    signal: AbortSignal,
  ): Promise<Operation> {
    const { keeper, repositories, operations } = this.#parts;
    const doing = "restore the backup";
    const record = repositories.find(repository, doing);
    const { snapshot, definition } = await definedIn(this.#parts, record, backup, doing, signal);
    const { instance } = backupOf(snapshot, record.name) as Backup;
    const entry = keeper.byId(instance.id);
    if (!entry)
      throw new EngineError("not-found", `cannot ${doing}: ${instance.name} is no longer there`, {
        hint: "Make a new instance of it, which may have the same name.",
      });
    const name = nameOf(entry);
    permitOn(instancePath(entry.record.descriptor), doing);
    mayRun(keeper, entry, "restore", name);
    refuseOfAdopted(entry, "restore", doing);
    supportOf(keeper, entry);
    const only = planOf(definition, entry.record.descriptor, disk, doing);
    const comment = `Before restoring the backup ${snapshot.id.slice(0, 8)}`;
    const input: RevertInput = {
      ...{ id: instance.id, action: "revert", repository: record.key, backup: snapshot.id },
      ...(only === undefined ? {} : { disk: only }),
      take: planSnapshot(entry, randomUUID(), { comment, before: "restore" }),
    };
    const { work, onAccepted } = this.#reverting(entry, input);
    return operations.begin({ kind: "restore-backup", target: name, input }, work, onAccepted);
  }

  #reverting(entry: Entry, input: RevertInput): Resumable {
    const { lanes } = this.#parts.manager;
    return {
      work: lanes.inLane(entry, (ctx) => revert(this.#parts, entry, ctx, input)),
      onAccepted: (operation) => lanes.take(entry, "restore", operation),
    };
  }

  async drill({ repository, backup }: OneBackup, signal: AbortSignal): Promise<Operation> {
    const { repositories, manager, operations } = this.#parts;
    const doing = "prove the backup";
    const record = repositories.find(repository, doing);
    const { snapshot, definition } = await definedIn(this.#parts, record, backup, doing, signal);
    const spec = { ...drillSpec(definition, snapshot.id), ...projectIn(snapshot) };
    return manager.planned(spec, "restore", (launch) => {
      const input: DrillInput = {
        ...{ id: launch.id, action: "drill-backup", repository: record.key, backup: snapshot.id },
        launch,
      };
      const target = `${record.name}.${snapshot.id.slice(0, 8)}`;
      const { work, onAccepted } = making(manager, entryOf(launch), (entry, ctx) =>
        drill(this.#parts, entry, ctx, input),
      );
      return operations.begin({ kind: "drill-backup", target, input }, work, onAccepted);
    });
  }

  /** Undefined where it is none of these, or the instance is no longer what it would go on with. */
  resumed(row: JournalRow): Resumable | undefined {
    const { keeper, manager } = this.#parts;
    const arriving = ArrivalInput.safeParse(row.input);
    if (arriving.success) return this.arrivals.resumed(arriving.data);
    const reverting = RevertInput.safeParse(row.input);
    if (reverting.success) {
      const entry = keeper.byId(reverting.data.id);
      return entry && !entry.broken ? this.#reverting(entry, reverting.data) : undefined;
    }
    const restore = RestoreInput.safeParse(row.input);
    if (restore.success) return this.#restoringAgain(row, restore.data);
    const { data } = DrillInput.safeParse(row.input);
    if (!data) return undefined;
    // Its guest may have written meanwhile: it proves nothing any more.
    const doing = `prove the backup ${data.backup.slice(0, 8)}`;
    return making(manager, madeOf(keeper, data.launch), (entry, ctx) => endMade(keeper, entry, ctx, doing));
  }

  #restoringAgain(row: JournalRow, input: RestoreInput): Resumable {
    const { keeper, manager } = this.#parts;
    const failure = row.error && EngineError.fromBody(row.error);
    return making(manager, madeOf(keeper, input.launch), async (entry, ctx) => {
      if (!failure) return restoreNew(this.#parts, entry, ctx, input);
      await takeBack(keeper, entry, ctx, failure);
      throw failure;
    });
  }
}
