/** backup files, backup get: single files of a backup. */
import { Readable } from "node:stream";
import type { Command } from "commander";
import { EngineError } from "../base/errors.ts";
import { hostPlatform } from "../base/paths.ts";
import { withoutControls } from "../base/plain-text.ts";
import type { FileFacts } from "../client/files/guest-files.ts";
import type { RootedFiles } from "../client/files/rooted-files.ts";
import type { Sftp } from "../client/files/sftp.ts";
import type { Place } from "../client/transfer/places.ts";
import type { PackedPlace } from "../client/transfer/transfer.ts";
import { type Format, json, table } from "./format.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

type Where = { repository?: string };
type In = Where & { volume?: string };
type Found = (id: string, repository: string | undefined) => Promise<{ repository: string; backup: string }>;

const REPOSITORY = "-r, --repository <name>";
const VOLUME = "--volume <name>";

export function addFileCommands(backup: Command, session: Session, found: Found): void {
  formatOption(
    backup
      .command("files")
      .description("List files of a backup")
      .argument("<backup>", "the beginning of its id")
      .argument("[path]", "as the instance had it", "/")
      .option(REPOSITORY, "where it lies; left out, it is looked for")
      .option(VOLUME, "a file system by its device, where it has no place in the machine's tree"),
  ).action(async (id: string, path: string, { repository, volume, format }: In & { format: Format }) => {
    const wanted = await found(id, repository);
    await withFiles(session, wanted, volume, async (files) => {
      const facts = await files.stat(path);
      const entries =
        facts.kind === "directory" ? await files.list(path) : [[path, facts] as [string, FileFacts]];
      session.print(formatFiles(entries, format));
    });
  });
  backup
    .command("get")
    .description("Copy a file or a directory out of a backup")
    .argument("<backup>", "the beginning of its id")
    .argument("<path>", "as the instance had it")
    .argument("<target>", "a path of this host, <instance>:<path>, or - for a stream")
    .option(REPOSITORY, "where it lies; left out, it is looked for")
    .option(VOLUME, "a file system by its device, where it has no place in the machine's tree")
    .action(async (id: string, path: string, target: string, { repository, volume }: In) => {
      const wanted = await found(id, repository);
      await withFiles(session, wanted, volume, async (files, source) =>
        get(session, await source(await files.real(path)), target),
      );
    });
}

async function get(session: Session, source: Place | PackedPlace, target: string): Promise<void> {
  const [client, { transfer }, { placeOf }] = await Promise.all([
    session.client(),
    import("../client/transfer/transfer.ts"),
    import("../client/transfer/places.ts"),
  ]);
  const row = session.track(target);
  try {
    await transfer([source], placeOf(target, hostPlatform()), {
      ...{ client, recursive: true, parents: false, platform: hostPlatform(), signal: session.signal },
      ...{ stdin: session.io.stdin, stdout: session.io.stdout },
      onProgress: (done, total) => row.show({ phase: "transfer", done, ...(total ? { total } : {}) }),
      onSkipped: (name) => skipped(session, name),
    });
  } finally {
    row.end();
  }
}

function skipped(session: Session, name: string): void {
  session.note(`warning: ${withoutControls(name)} is no file, directory or link: left out`);
}

/** What lies at a path of the connection, for a transfer. */
type Source = (path: string) => Promise<Place | PackedPlace>;

/** An instance that shows them stays for a while: the next question is answered at once. */
async function withFiles(
  session: Session,
  wanted: { repository: string; backup: string },
  volume: string | undefined,
  work: (files: RootedFiles, source: Source) => Promise<void>,
): Promise<void> {
  const [client, { Sftp }, { GuestFiles }, { filesOfBackup, isStored }] = await Promise.all([
    session.client(),
    import("../client/files/sftp.ts"),
    import("../client/files/guest-files.ts"),
    import("../client/files/backup-files.ts"),
  ]);
  const { signal } = session;
  const stored = await isStored(client.api, wanted);
  const instance = stored ? undefined : (await session.operate((api) => api.backups.browse(wanted))).target;
  const sftp = await Sftp.on(
    await (instance === undefined
      ? client.backupFiles(wanted, { signal })
      : client.sftp(instance, { signal })),
  );
  const source: Source = async (path) =>
    instance === undefined ? packedAt(session, sftp, path) : { at: "guest", instance, path };
  try {
    await work(await filesOfBackup(new GuestFiles(sftp), volume), source);
  } catch (error) {
    throw await inWords(error);
  } finally {
    sftp.close();
  }
}

async function packedAt(session: Session, sftp: Sftp, path: string): Promise<PackedPlace> {
  const [{ bytesOf, packTree }, { baseName }] = await Promise.all([
    import("../client/files/pack-tree.ts"),
    import("../client/transfer/places.ts"),
  ]);
  const place = { at: "packed" as const, path };
  const packing = { sftp, onSkipped: (name: string) => skipped(session, name) };
  return {
    ...place,
    tar: () => Readable.from(packTree(packing, path, baseName(place) || ".")),
    bytes: () => Readable.from(bytesOf(sftp, path)),
  };
}

/** Of a file of the backup, as every command tells what is wrong. */
async function inWords(error: unknown): Promise<unknown> {
  const [{ FileProblem }, { SftpError }] = await Promise.all([
    import("../client/files/problem.ts"),
    import("../client/files/sftp-channel.ts"),
  ]);
  if (error instanceof SftpError)
    return new EngineError("driver-failed", `cannot read the backup: ${error.message}`, { cause: error });
  if (!(error instanceof FileProblem)) return error;
  const code = error.kind === "not-found" ? "not-found" : "wrong-state";
  return new EngineError(code, `cannot read the backup: ${error.message}`, { cause: error });
}

/** Pure. */
export function formatFiles(entries: readonly [string, FileFacts][], format: Format): string {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  if (format === "json") return json({ files: sorted.map(([name, facts]) => ({ name, ...facts })) });
  if (sorted.length === 0) return "No files found.\n";
  return table(
    ["Size", "Modified", "Name"],
    sorted.map(([name, { kind, link, size, modifiedMs }]) => [
      kind === "file" ? String(size) : "",
      new Date(modifiedMs).toISOString().slice(0, 16).replace("T", " "),
      `${withoutControls(name)}${link ? "@" : kind === "directory" ? "/" : ""}`,
    ]),
  );
}
