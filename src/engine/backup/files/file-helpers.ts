/**
 * Single files of backups: a small VM that reaches nothing beyond itself is given the disks of a backup, mounts what is on them,
 * and is asked for files as any instance is. There is one for a backup; it goes when nobody has asked it for a while. What
 * is on the disks is another's, and no driver of this host's kernel ever reads it.
 */
import * as z from "zod";
import { MOST_DISKS } from "../../../api/disk-rules.ts";
import type { Settings } from "../../../api/engine-info.ts";
import type { LaunchSpec } from "../../../api/instance.ts";
import type { Operation } from "../../../api/operation.ts";
import { EngineError, toEngineError } from "../../../base/errors.ts";
import type { OneBackup } from "../../backup-core.ts";
import { type Entry, nameOf } from "../../instances/entry.ts";
import type { Keeper } from "../../instances/keeper.ts";
import type { Resumable } from "../../instances/lanes.ts";
import { entryOf, LaunchInput, launch, takeBack } from "../../instances/launch.ts";
import type { InstanceManager } from "../../instances/manager.ts";
import { reasonOf } from "../../instances/power.ts";
import type { Log } from "../../log.ts";
import type { Operations, WorkCtx } from "../../operations.ts";
import type { JournalRow } from "../../store/store.ts";
import { definedIn, machineIn } from "../defined.ts";
import { disksOf } from "../definition.ts";
import { endMade, madeOf, making } from "../made.ts";
import type { Repositories } from "../repositories.ts";
import { projectIn } from "../tags.ts";
import { FileHelper } from "./file-helper.ts";
import { showFiles } from "./found-files.ts";
import { LentBackup } from "./lent-backup.ts";

const KEY = "internal.backup-helpers";

/** What is journaled of a helper that is made. */
const HelperInput = z.object({
  /** Of the helper. */
  id: z.uuid(),
  action: z.literal("browse-backup"),
  repository: z.uuid(),
  backup: z.string(),
  disks: z.array(z.string()),
  encrypted: z.boolean(),
  launch: LaunchInput,
});
type HelperInput = z.infer<typeof HelperInput>;

export type FileHelpersParts = {
  keeper: Keeper;
  manager: InstanceManager;
  operations: Operations;
  repositories: Repositories;
  settings: () => Settings;
  runDirectory: string;
  log: Log;
};

/** Root sees every file of the backup, whoever it belongs to; nobody else is there. */
const USER_DATA = "#cloud-config\ndisable_root: false\nsystem_info: {default_user: {name: root}}\n";
const MEMORY_BYTES = 2 ** 30;

export class FileHelpers {
  readonly #parts: FileHelpersParts;
  /** By the id of the backup. */
  readonly #making = new Map<string, string>();
  readonly #helpers = new Map<string, FileHelper>();

  constructor(parts: FileHelpersParts) {
    this.#parts = parts;
  }

  /** Its target is the instance that shows the files, in `BACKUP_FILES`. */
  async open({ repository, backup }: OneBackup, signal: AbortSignal): Promise<Operation> {
    const { repositories, manager, operations } = this.#parts;
    const doing = "show the files of the backup";
    const record = repositories.find(repository, doing);
    const { snapshot, definition } = await definedIn(this.#parts, record, backup, doing, signal);
    const { id } = snapshot;
    await this.#helpers.get(id)?.ending;
    const there = this.#there(id);
    if (there) return there;
    const machine = machineIn(definition, doing, "Its files are read without an instance.");
    const disks = disksOf(machine);
    if (disks.length > MOST_DISKS)
      throw new EngineError("not-supported", `cannot ${doing}: it has more than ${MOST_DISKS} disks`);
    return manager.planned({ ...this.#spec(id), ...projectIn(snapshot) }, "make", (launch) => {
      // Another may have asked for it meanwhile.
      const now = this.#there(id);
      if (now) return now;
      const input: HelperInput = {
        ...{ id: launch.id, action: "browse-backup", repository: record.key, backup: id, disks, launch },
        encrypted: machine.encrypted,
      };
      const { work, onAccepted } = making(manager, entryOf(launch), (entry, ctx) =>
        this.#make(entry, ctx, input),
      );
      const operation = operations.begin(
        { kind: "browse-backup", target: launch.name, input },
        work,
        onAccepted,
      );
      this.#making.set(id, operation.id);
      return operation;
    });
  }

  #there(backup: string): Operation | undefined {
    const { operations } = this.#parts;
    const helper = this.#helpers.get(backup);
    if (helper) {
      helper.touch();
      return operations.already({ kind: "browse-backup", target: helper.name });
    }
    const making = this.#making.get(backup);
    return making === undefined ? undefined : operations.get(making);
  }

  #spec(backup: string): LaunchSpec {
    const image = this.#parts.settings()["backups.files-image"];
    return {
      name: `backup-${backup.slice(0, 8)}`,
      ...(image === "" ? {} : { image }),
      ...{ cpus: 1, memoryBytes: MEMORY_BYTES, network: "isolated", userData: USER_DATA },
      labels: { purpose: "shows the files of a backup" },
    };
  }

  async #make(entry: Entry, ctx: WorkCtx, input: HelperInput): Promise<void> {
    const { keeper, repositories, manager, operations, log, runDirectory } = this.#parts;
    const doing = `show the files of the backup ${input.backup.slice(0, 8)}`;
    let lent: LentBackup | undefined;
    try {
      const record = repositories.byKey(input.repository);
      if (!record) throw new EngineError("not-found", `cannot ${doing}: its repository is no longer known`);
      ctx.progress({ phase: "open" });
      const sockets = { directory: runDirectory, prefix: input.id.slice(0, 8) };
      const { backup, disks } = input;
      lent = await LentBackup.open(repositories, ctx, { record, backup, disks, sockets });
      await launch(keeper, entry, ctx, input.launch);
      for (const warning of await lend(entry, ctx, lent, !input.encrypted)) ctx.warn(warning);
      ctx.commit();
      const end = () => this.#forget(input.backup);
      this.#helpers.set(
        input.backup,
        new FileHelper({ keeper, manager, operations, entry, lent, log, onEnd: end }),
      );
      this.#write();
    } catch (error) {
      await lent?.close();
      if (ctx.abandoned) throw error;
      const failure = toEngineError(reasonOf(ctx, error), doing);
      await takeBack(keeper, entry, ctx, failure);
      throw failure;
    } finally {
      this.#making.delete(input.backup);
    }
  }

  /** What an engine died in is not gone on with: who wanted to see files asks again. */
  resumed(row: JournalRow): Resumable | undefined {
    const { keeper, manager } = this.#parts;
    const { data } = HelperInput.safeParse(row.input);
    if (!data) return undefined;
    const doing = `show the files of the backup ${data.backup.slice(0, 8)}`;
    return making(manager, madeOf(keeper, data.launch), (entry, ctx) => endMade(keeper, entry, ctx, doing));
  }

  /** Helpers whose disks went with the engine before. */
  async removeLeft(): Promise<void> {
    const { keeper, manager, log } = this.#parts;
    const ids = z.array(z.uuid()).safeParse(keeper.store.readSetting(KEY) ?? []).data ?? [];
    for (const id of ids) {
      const entry = keeper.byId(id);
      if (!entry || entry.pending) continue;
      await manager.delete(nameOf(entry), { purge: true }).catch((error: unknown) => {
        log.warn("a helper that showed files of a backup could not be removed", { error });
      });
    }
    this.#write();
  }

  /** Lets go of what they show; the next engine removes them. */
  async close(): Promise<void> {
    await Promise.all([...this.#helpers.values()].map((helper) => helper.leave()));
  }

  #forget(backup: string): void {
    this.#helpers.delete(backup);
    this.#write();
  }

  #write(): void {
    const ids = [...this.#helpers.values()].map(({ id }) => id);
    this.#parts.keeper.store.writeSettings({ [KEY]: ids });
  }
}

/** Resolves with what could not be opened. */
async function lend(entry: Entry, ctx: WorkCtx, { disks }: LentBackup, isWhole: boolean): Promise<string[]> {
  const { running } = entry;
  if (!running?.lend)
    throw new EngineError("not-supported", `cannot lend disks to ${nameOf(entry)}: its driver cannot`);
  for (const disk of disks) await running.lend(ctx, { ...disk, isSealed: !isWhole });
  const serials = disks.map(({ name }) => name);
  const { warnings } = await showFiles(ctx, { name: nameOf(entry), guest: running.guest, serials, isWhole });
  return warnings;
}
