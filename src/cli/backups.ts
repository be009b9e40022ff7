/** backup: what instances were. */
import { type Command, Option } from "commander";
import type { Backup } from "../api/backup.ts";
import { EngineError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import { parseEnv } from "../client/container-text.ts";
import { addFileCommands } from "./backup-files.ts";
import { addPlanCommand } from "./backup-plans.ts";
import { type Format, json, table } from "./format.ts";
import { formatOption, repeated } from "./options.ts";
import type { Session } from "./session.ts";

type Where = { repository?: string };
type RestoreOptions = Where & {
  as?: string;
  env?: string[];
  inPlace?: boolean;
  disk?: string;
  live?: boolean;
};
type CreateOptions = Where & { full?: boolean; protect?: boolean };

const REPOSITORY = "-r, --repository <name>";

export function addBackupCommands(program: Command, session: Session): void {
  const backup = program.command("backup").description("Back instances up, and restore them");
  backup
    .command("create")
    .description("Back instances up as they run or rest")
    .argument("<instances...>")
    .option(REPOSITORY, "where to; needed where there are several")
    .option("--full", "read all of it, whatever is known to be as it was")
    .option("--protect", "keep it until that is taken from it")
    .action((names: string[], options: CreateOptions) => create(session, names, options));
  formatOption(
    backup
      .command("list")
      .alias("ls")
      .description("List backups, the oldest first")
      .argument("[instance]", "its name or id")
      .option(REPOSITORY, "only what lies there"),
  ).action(async (instance: string | undefined, { repository, format }: Where & { format: Format }) => {
    const { api } = await session.client();
    const { items, problems } = await api.backups.list(given({ instance, repository }));
    for (const { message } of problems) session.note(`warning: ${message}`);
    session.print(formatBackups(items, format));
  });
  addRestore(backup, session);
  addPlanCommand(backup, session);
  addUpkeep(backup, session);
  addFileCommands(backup, session, (id, repository) => found(session, id, repository));
}

async function create(session: Session, names: readonly string[], options: CreateOptions): Promise<void> {
  const { repository, full = false, protect: isProtected = false } = options;
  for (const name of names) {
    const wanted = { name, full, isProtected, ...given({ repository }) };
    const { progress } = await session.operate((api) => api.backups.create(wanted));
    session.print(`Backed up: ${name}${progress?.message ? ` (${progress.message})` : ""}`);
  }
}

function addRestore(backup: Command, session: Session): void {
  one(backup.command("restore").description("Make a new instance of a backup"))
    .option("--as <name>", "what it shall be called; left out, what it was called")
    .option(
      "-e, --env <variable>",
      "of a container: NAME=value, or NAME to take it from here; may be repeated",
      repeated,
    )
    .option("--live", "of a VM: start it at once; what it reads comes from the backup, and all else after it")
    .addOption(
      new Option(
        "--in-place",
        "make the stopped instance itself what it was; what it is now is kept in a snapshot",
      ).conflicts(["as", "env", "live"]),
    )
    .addOption(
      new Option(
        "--disk <name>",
        "only this disk of the stopped instance itself, in place; the first is called disk",
      ).conflicts(["as", "env", "live"]),
    )
    .action(async (id: string, options: RestoreOptions) => {
      const { as, env: variables, inPlace, disk, live, repository } = options;
      const env = variables && parseEnv(variables, process.env);
      const wanted = await found(session, id, repository);
      const isInPlace = inPlace || disk !== undefined;
      const { target } = await session.operate((api) =>
        isInPlace
          ? api.backups.revert({ ...wanted, ...given({ disk }) })
          : api.backups.restore({ ...wanted, ...given({ as, env, live }) }),
      );
      session.print(
        live
          ? `Restored: ${target}. It runs, and the rest of its data follows: berth info ${target}`
          : `Restored: ${target}`,
      );
    });
}

function addUpkeep(backup: Command, session: Session): void {
  one(backup.command("delete").alias("rm").description("Forget a backup")).action(
    async (id: string, { repository }: Where) => {
      const { api } = await session.client();
      const wanted = await found(session, id, repository);
      await api.backups.remove(wanted);
      session.print(`Deleted: ${id}. Its space is freed by: berth repository prune ${wanted.repository}`);
    },
  );
  one(backup.command("protect").description("Keep a backup whatever is forgotten"))
    .option("--off", "no longer")
    .action(async (id: string, { off = false, repository }: Where & { off?: boolean }) => {
      const { api } = await session.client();
      const wanted = await found(session, id, repository);
      const changed = await api.backups.update({ ...wanted, isProtected: !off });
      session.print(`${off ? "No longer protected" : "Protected"}: ${changed.id.slice(0, 8)}`);
    });
  one(backup.command("verify").description("Read all of a backup, and compare it with its sums")).action(
    async (id: string, { repository }: Where) => {
      const wanted = await found(session, id, repository);
      await session.operate((api) => api.backups.verify(wanted));
      session.print(`No errors in ${id}`);
    },
  );
  one(
    backup
      .command("drill")
      .description("Prove a backup: restore it aside, compare it, boot it, and remove that"),
  ).action(async (id: string, { repository }: Where) => {
    const wanted = await found(session, id, repository);
    const { progress } = await session.operate((api) => api.backups.drill(wanted));
    session.print(`Proven: ${id} can be restored, and boots. It is ${progress?.message ?? id} from now on.`);
  });
}

function one(command: Command): Command {
  return command
    .argument("<backup>", "the beginning of its id")
    .option(REPOSITORY, "where it lies; left out, it is looked for");
}

/** Where a backup lies. Throws `not-found` where there is none, or none that could be meant alone. */
async function found(
  session: Session,
  id: string,
  repository: string | undefined,
): Promise<{ repository: string; backup: string }> {
  if (repository !== undefined) return { repository, backup: id };
  const { api } = await session.client();
  const { items, problems } = await api.backups.list({});
  const where = [...new Set(items.filter((each) => each.id.startsWith(id)).map((each) => each.repository))];
  const [only] = where;
  if (only !== undefined && where.length === 1) return { repository: only, backup: id };
  for (const { message } of problems) session.note(`warning: ${message}`);
  const reason =
    only === undefined ? "there is none that begins so" : `there is one in ${where.join(" and in ")}`;
  throw new EngineError("not-found", `cannot find the backup ${id}: ${reason}`, {
    hint: only === undefined ? "berth backup list shows them all." : "Say which: --repository",
  });
}

/** What is not given is left out. */
function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const there = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** Pure. */
export function formatBackups(items: readonly Backup[], format: Format): string {
  if (format === "json") return json({ backups: items });
  if (items.length === 0) return "No backups found.\n";
  return table(
    ["Id", "Instance", "When", "As it", "Size", "Added", "Repository"],
    items.map((each) => [
      each.id.slice(0, 8),
      each.instance.name,
      each.at.slice(0, 16).replace("T", " "),
      CONSISTENCIES[each.consistency],
      formatBytes(each.sizeBytes),
      formatBytes(each.addedBytes),
      [each.repository, ...notesOf(each)].join(" "),
    ]),
  );
}

function notesOf({ isProtected, drilledAt }: Backup): string[] {
  return [
    ...(isProtected ? ["(protected)"] : []),
    ...(drilledAt === undefined ? [] : [`(proven ${drilledAt.slice(0, 10)})`]),
  ];
}

const CONSISTENCIES: Record<Backup["consistency"], string> = {
  frozen: "ran, its filesystems in order",
  crash: "ran",
  paused: "was paused",
  offline: "rested",
  live: "ran, file by file",
};
