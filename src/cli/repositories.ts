/** repository: where backups lie. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { BackupRepository, NewRepository, PlaceAccess } from "../api/backup.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { firstLine } from "./first-line.ts";
import { type Format, json, rows, table } from "./format.ts";
import { formatOption } from "./options.ts";
import { askSecret, confirm } from "./question.ts";
import { addRepositoryKeyCommands } from "./repository-keys.ts";
import type { Session } from "./session.ts";

type AddOptions = { passwordFile?: string; ca?: string; fingerprint?: string };

const PLACE =
  "a folder, sftp:me@host:/path, rest:https://user:password@host:8000/path or s3:host/bucket/path, whose keys are those of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

export function addRepositoryCommands(program: Command, session: Session): void {
  const repository = program.command("repository").description("Look after the places that backups lie in");
  addMaking(repository, session);
  formatOption(repository.command("list").alias("ls").description("List the repositories")).action(
    async ({ format }: { format: Format }) => {
      const { api } = await session.client();
      session.print(formatRepositories((await api.repositories.list()).items, format));
    },
  );
  addUpkeep(repository, session);
  addRepositoryKeyCommands(repository, session);
  addRemoval(repository, session);
}

function addMaking(repository: Command, session: Session): void {
  placeOptions(
    repository.command("init").description("Make a repository, with a password of its own"),
  ).action(async (name: string, place: string, options: AddOptions) => {
    await add(session, { ...(await wantedOf(session, name, place, options)), init: true });
    session.print(`Made: ${name}`);
    await printKit(session, name);
  });
  placeOptions(
    repository.command("add").description("Take in a repository that is there, restic's own as well"),
  ).action(async (name: string, place: string, options: AddOptions) => {
    const wanted = await wantedOf(session, name, place, options);
    const password = wanted.password ?? (await askSecret(session, "Please enter its password: "));
    await add(session, { ...wanted, password });
    session.print(`Added: ${name}`);
  });
  repository
    .command("kit")
    .description("Print what opens a repository anywhere, to be kept where nobody else comes")
    .argument("<name>")
    .action((name: string) => printKit(session, name));
}

function placeOptions(command: Command): Command {
  return command
    .argument("<name>", "what it shall be called")
    .argument("<place>", PLACE)
    .option("--password-file <file>", "take its password from the first line of a file, - for standard input")
    .option("--ca <file>", "certificates of authorities to trust besides this host's")
    .option("--fingerprint <sha256>", "of the server's own certificate");
}

async function wantedOf(
  session: Session,
  name: string,
  place: string,
  { passwordFile, ca, fingerprint }: AddOptions,
): Promise<NewRepository> {
  const password =
    passwordFile === undefined ? {} : { password: await firstLine(session, passwordFile, "a password") };
  const access: PlaceAccess = {
    ...(place.startsWith("s3:") ? s3Access(process.env) : {}),
    ...(ca === undefined ? {} : { ca: await pem(ca) }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
  return { name, place: placeOf(place, process.cwd()), access, ...password };
}

/** A folder may be given from here; the engine is elsewhere. Pure. */
export function placeOf(place: string, cwd: string): string {
  return /^[a-z][a-z0-9+.-]+:/i.test(place) ? place : path.resolve(cwd, place);
}

/** As every program takes them that speaks S3. Pure. */
export function s3Access(env: Readonly<Record<string, string | undefined>>): PlaceAccess {
  const named = {
    accessKeyId: env["AWS_ACCESS_KEY_ID"],
    secretAccessKey: env["AWS_SECRET_ACCESS_KEY"],
    sessionToken: env["AWS_SESSION_TOKEN"],
    region: env["AWS_DEFAULT_REGION"],
  };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value)) as PlaceAccess;
}

async function pem(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new EngineError("invalid-argument", `cannot read ${file}: ${messageOf(cause)}`, { cause });
  }
}

async function add(session: Session, wanted: NewRepository): Promise<void> {
  await session.operate((api) => api.repositories.add(wanted));
}

async function printKit(session: Session, name: string): Promise<void> {
  const { api } = await session.client();
  const { password } = await api.repositories.reveal({ name });
  const place = (await api.repositories.list()).items.find((one) => one.name === name)?.place ?? "";
  session.note("Keep this where nobody else comes. Without it no backup in the repository can be read:");
  session.print(
    rows([
      ["Repository", place],
      ["Password", password],
    ]),
  );
  session.note("restic reads it, too.");
}

function addUpkeep(repository: Command, session: Session): void {
  const said = async (words: string, begun: Parameters<Session["operate"]>[0]) => {
    const { progress } = await session.operate(begun);
    session.print(progress?.message === undefined ? words : `${words} (${progress.message})`);
  };
  repository
    .command("check")
    .description("Look whether a repository is whole")
    .argument("<name>")
    .option("--read <percent>", "read so much of its data, too; 100 is all", percent)
    .action((name: string, { read = 0 }: { read?: number }) =>
      said(`No errors in ${name}`, (api) => api.repositories.check({ name, readShare: read / 100 })),
    );
  repository
    .command("prune")
    .description("Remove what no backup needs any more")
    .argument("<name>")
    .action((name: string) => said(`Pruned: ${name}`, (api) => api.repositories.prune({ name })));
  repository
    .command("unlock")
    .description("Remove the locks of a repository: only where nothing works on it any more")
    .argument("<name>")
    .action(async (name: string) => {
      const { api } = await session.client();
      const { removed } = await api.repositories.unlock({ name });
      session.print(`Removed ${removed === 1 ? "1 lock" : `${removed} locks`}`);
    });
}

function addRemoval(repository: Command, session: Session): void {
  repository
    .command("remove")
    .alias("rm")
    .description("Forget a repository and its password; what lies in its place stays")
    .argument("<name>")
    .option("-y, --yes", "do not ask")
    .action(async (name: string, { yes = false }: { yes?: boolean }) => {
      const question = `Without its password the backups in ${name} cannot be read. Do you have its kit, and forget it?`;
      if (!yes && !(await confirm(session, question, { fallback: false })))
        throw new EngineError("cancelled", `cannot remove ${name}: nobody has agreed`, {
          hint: "With --yes it is done without asking.",
        });
      const { api } = await session.client();
      await api.repositories.remove({ name });
      session.print(`Removed: ${name}`);
    });
}

function percent(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) <= 100) return Number(text);
  throw new InvalidArgumentError(`${text} is no percentage.`);
}

/** Pure. */
export function formatRepositories(items: readonly BackupRepository[], format: Format): string {
  if (format === "json") return json({ repositories: items });
  if (items.length === 0) return "No repositories. Make one: berth repository init NAME PLACE\n";
  return table(
    ["Name", "Place", "Id"],
    items.map(({ name, place, id }) => [name, place, id.slice(0, 8)]),
  );
}
