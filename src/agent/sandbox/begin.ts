/** A throw-away instance with a copy of a folder in it: isolated, and kept in a snapshot before anything is done. */
import { constants, copyFile, lstat, mkdir, readlink, realpath, stat, symlink } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import type { LaunchSpec } from "../../api/instance.ts";
import type { Operation, Progress } from "../../api/operation.ts";
import { withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import { packFiles } from "../../base/pack-files.ts";
import type { EngineApi, EngineClient } from "../../client/engine-client.ts";
import { makeDirectory, unpacking } from "../../client/transfer/in-guest.ts";
import type { FileEntry } from "./changes.ts";
import { entryOf, refusalOf } from "./entry.ts";
import { projectFiles } from "./project-files.ts";
import { baseFile, forget, keep, newPlace, type Sandbox, type SandboxRecord } from "./record.ts";

/** What the snapshot is called that a sandbox can be rolled back to. */
export const BEGIN = "begin";
const UNDO_MS = 120_000;

export type BeginOptions = {
  client: EngineClient;
  folder: string;
  sandboxes: string;
  platform: NodeJS.Platform;
  /** Name, image and sizes; the rest is the sandbox's own. */
  spec: Pick<
    LaunchSpec,
    "name" | "image" | "cpus" | "memoryBytes" | "diskBytes" | "display" | "network" | "timeoutMs" | "userData"
  >;
  signal: AbortSignal;
  onProgress?: ((target: string, progress: Progress) => void) | undefined;
  onWarning?: ((text: string) => void) | undefined;
};

/** A failure, or the end of patience, takes everything back. */
export async function beginSandbox(options: BeginOptions): Promise<Sandbox> {
  const { client, sandboxes, signal } = options;
  const folder = await directoryOf(options.folder);
  const place = await newPlace(sandboxes);
  let name: string | undefined;
  try {
    const entries = await copyBase(folder, place, options);
    const spec = { network: "isolated" as const, ...options.spec };
    const launched = await follow(
      options,
      (api) => api.instances.launch(spec),
      (target) => {
        name = target;
      },
    );
    name = launched.target;
    const directory = directoryName(folder);
    await copyIn(options, name, directory, place, entries);
    const instance = await keepBeginning(options, name);
    const createdAt = new Date().toISOString();
    const record: SandboxRecord = {
      ...{ schema: 1, instanceId: instance.id, folder, directory, snapshot: BEGIN, createdAt, entries },
    };
    return { instance, record, place: await keep(sandboxes, place, record) };
  } catch (error) {
    await forget(place);
    if (name !== undefined) await takeBack(client, name, options);
    signal.throwIfAborted();
    throw error;
  }
}

/** Stopped for as long as it takes: a running disk cannot be kept yet. */
async function keepBeginning(options: BeginOptions, name: string) {
  await follow(options, (api) => api.instances.stop({ name }));
  const comment = "As the sandbox began";
  await follow(options, (api) => api.snapshots.take({ name, snapshot: BEGIN, comment }));
  await follow(options, (api) => api.instances.start({ name }));
  return options.client.api.instances.get({ name });
}

async function takeBack({ api, watchOperation }: EngineClient, name: string, options: BeginOptions) {
  const deadline = withDeadline(UNDO_MS);
  try {
    const operation = await api.instances.delete({ name, purge: true }, { signal: deadline.signal });
    await watchOperation.call(options.client, operation, { signal: deadline.signal });
  } catch (error) {
    // A launch that failed before its guest has started takes itself back.
    if (error instanceof EngineError && error.code === "not-found") return;
    options.onWarning?.(`${name} could not be removed: ${(error as Error).message}`);
  } finally {
    deadline.done();
  }
}

async function follow(
  { client, signal, onProgress }: BeginOptions,
  begin: (api: EngineApi) => Promise<Operation>,
  begun?: (target: string) => void,
): Promise<Operation> {
  signal.throwIfAborted();
  const operation = await begin(client.api);
  begun?.(operation.target);
  return client.watchOperation(operation, {
    signal,
    onProgress: (progress) => onProgress?.(operation.target, progress),
  });
}

async function directoryOf(folder: string): Promise<string> {
  const facts = await stat(folder).catch(() => undefined);
  if (facts?.isDirectory()) return realpath(folder);
  throw new EngineError("not-found", `cannot make a sandbox of ${folder}: there is no such directory`);
}

/** What the folder is called in the guest. Pure. */
export function directoryName(folder: string): string {
  const plain = path
    .basename(folder)
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[-.]+/, "");
  return plain === "" ? "project" : plain;
}

/** The copy that later changes are told from is made first: the guest gets just that, whatever is written meanwhile. */
async function copyBase(folder: string, place: string, options: BeginOptions): Promise<FileEntry[]> {
  const entries: FileEntry[] = [];
  for (const name of await projectFiles(folder, options.signal)) {
    options.signal.throwIfAborted();
    const from = path.join(folder, ...name.split("/"));
    const facts = await lstat(from).catch(() => undefined); // git still knows files that are gone.
    if (!facts || facts.isDirectory()) continue;
    const reason = refusalOf(name, options.platform);
    if (reason !== undefined || !(facts.isFile() || facts.isSymbolicLink())) {
      options.onWarning?.(`${name} was left out: ${reason ?? "it is no file, directory or link"}`);
      continue;
    }
    const to = baseFile(place, name);
    await mkdir(path.dirname(to), { recursive: true });
    if (facts.isSymbolicLink()) await symlink(await readlink(from), to);
    else await copyFile(from, to, constants.COPYFILE_FICLONE);
    const entry = await entryOf(to, name);
    if (entry) entries.push(entry);
  }
  return entries;
}

async function copyIn(
  options: BeginOptions,
  instance: string,
  directory: string,
  place: string,
  entries: readonly FileEntry[],
): Promise<void> {
  const { client, signal, onProgress, onWarning } = options;
  const end = { client, instance, signal };
  await makeDirectory(end, directory);
  if (entries.length === 0) return;
  const { input, finish } = await unpacking(end, directory);
  let done = 0;
  const { output } = packFiles(
    entries.map(({ path: name }) => ({ file: baseFile(place, name), name })),
    {
      signal,
      onSkipped: (file) => onWarning?.(`${file} was left out`),
      onBytes: (bytes) => {
        done += bytes;
        onProgress?.(instance, { phase: "transfer", done });
      },
    },
  );
  // Where the guest's side ends early, its own words say why.
  const sent = pipeline(output, input, { signal }).catch((error: unknown) => error);
  await finish();
  const failure = await sent;
  if (failure) throw failure;
}
