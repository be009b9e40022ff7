/** Files between this host and instances, or from one instance to another, through the engine's exec streams. */
import { glob, lstat, mkdir, readdir, stat } from "node:fs/promises";
import path from "node:path";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { EngineError } from "../../base/errors.ts";
import { bytesBeneath, packFiles } from "../../base/pack-files.ts";
import type { EngineClient } from "../engine-client.ts";
import {
  expand,
  type GuestEnd,
  type Kind,
  kindOf,
  makeDirectory,
  packing,
  reading,
  unpacking,
  writing,
} from "./in-guest.ts";
import { baseName, type Place } from "./places.ts";
import { unpackInto } from "./unpack.ts";

export type TransferOptions = {
  client: EngineClient;
  /** Directories with all that is in them. */
  recursive: boolean;
  /** Missing directories of the target are made. */
  parents: boolean;
  platform: NodeJS.Platform;
  /** What `-` stands for. They are not closed. */
  stdin: Readable;
  stdout: Writable;
  /** `total` is unknown where the guest would have to be asked file by file. */
  onProgress: (done: number, total: number | undefined) => void;
  onSkipped: (name: string) => void;
  signal: AbortSignal;
};

type GuestPlace = Extract<Place, { at: "guest" }>;
type HostPlace = Extract<Place, { at: "host" }>;
/** What somebody else reads: a tar whose entries are beneath its name, or one file's bytes. */
export type PackedPlace = { at: "packed"; path: string; tar: () => Readable; bytes: () => Readable };
type Source = GuestPlace | HostPlace | PackedPlace;
/** Whose bytes come in a stream. */
type Sent = GuestPlace | PackedPlace;

/** The ends have passed `checkPlaces`. Nothing half-written stays under its final name, however this ends. */
export async function transfer(
  sources: readonly (Place | PackedPlace)[],
  target: Place,
  options: TransferOptions,
): Promise<void> {
  const [first] = sources;
  if (!first) return;
  const moved = counting(options);
  if (target.at === "stream") return toStream(first as Sent, options, moved);
  if (first.at === "stream") return fromStream(target as GuestPlace, options, moved);
  const found = await findSources(sources as Source[], options);
  const into = await findTarget(target, found, options);
  if (target.at === "host") {
    for (const source of found) await download(source as Sent, into, options, moved);
    return;
  }
  const end = endOf(target, options);
  if (first.at === "host") return upload(found as HostPlace[], end, into, options, moved);
  for (const source of found) await across(source as Sent, end, into, options, moved);
}

/** `rename` where the target is the new name of the only source. */
type Into = { directory: string; rename?: string };

function endOf({ instance }: GuestPlace, { client, signal }: TransferOptions): GuestEnd {
  return { client, instance, signal };
}

function counting({ onProgress }: TransferOptions): {
  add: (bytes: number) => void;
  total: number | undefined;
} {
  let done = 0;
  const moved = {
    total: undefined as number | undefined,
    add: (bytes: number) => {
      done += bytes;
      onProgress(done, moved.total);
    },
  };
  return moved;
}

type Moved = ReturnType<typeof counting>;

/** Patterns unfolded; directories only where they are asked for. */
async function findSources(sources: readonly Source[], options: TransferOptions): Promise<Source[]> {
  const found: Source[] = [];
  for (const source of sources) {
    if (source.at === "packed") found.push(source);
    else if (source.at === "guest") {
      for (const name of await expand(endOf(source, options), source.path))
        found.push({ ...source, path: name });
    } else for (const name of await hostNames(source.path)) found.push({ at: "host", path: name });
  }
  for (const source of found) {
    if (options.recursive || source.at === "packed") break;
    const directory =
      source.at === "host"
        ? (await stat(source.path).catch(() => undefined))?.isDirectory()
        : (await kindOf(endOf(source, options), source.path)) === "directory";
    if (directory)
      throw refused(
        `${source.path} is a directory`,
        "Add --recursive to transfer it with all that is in it.",
      );
  }
  return found;
}

/** The shell unfolds patterns of this host, unless they were quoted. */
async function hostNames(pattern: string): Promise<string[]> {
  if (await lstat(pattern).catch(() => undefined)) return [pattern];
  const names: string[] = [];
  if (/[*?[]/.test(pattern)) for await (const name of glob(pattern)) names.push(name);
  if (names.length > 0) return names.sort();
  throw new EngineError("not-found", `cannot transfer ${pattern}: there is no such file on this host`);
}

async function findTarget(
  target: GuestPlace | HostPlace,
  sources: readonly Source[],
  options: TransferOptions,
): Promise<Into> {
  const p = target.at === "guest" ? path.posix : path;
  const look = (file: string) =>
    target.at === "guest" ? kindOf(endOf(target, options), file) : hostKind(file);
  const make = (file: string) =>
    target.at === "guest"
      ? makeDirectory(endOf(target, options), file)
      : mkdir(file, { recursive: true }).then(() => {});
  const kind = await look(target.path);
  const [only] = sources;
  const single = sources.length === 1 && only !== undefined && baseName(only) !== "";
  const asDirectory = /[/\\]$/.test(target.path) || !single;
  if (kind === "directory") return { directory: target.path };
  if (kind === "file" && asDirectory)
    throw refused(`${target.path} is not a directory`, "Several sources need a directory as their target.");
  if ((kind === "no-parent" || asDirectory) && kind !== "file") {
    if (!options.parents) {
      throw refused(
        `the directory ${asDirectory ? target.path : p.dirname(target.path)} does not exist`,
        "Add --parents to have it made.",
      );
    }
    await make(asDirectory ? target.path : p.dirname(target.path));
  }
  return asDirectory
    ? { directory: target.path }
    : { directory: p.dirname(target.path), rename: p.basename(target.path) };
}

async function hostKind(file: string): Promise<Kind> {
  const facts = await stat(file).catch(() => undefined);
  if (facts) return facts.isDirectory() ? "directory" : "file";
  const parent = await stat(path.dirname(path.resolve(file))).catch(() => undefined);
  return parent?.isDirectory() ? "absent" : "no-parent";
}

/** What is there does not allow it; the words alone did not tell. */
function refused(reason: string, hint: string): EngineError {
  return new EngineError("wrong-state", `cannot transfer: ${reason}`, { hint });
}

async function upload(
  sources: readonly HostPlace[],
  end: GuestEnd,
  { directory, rename }: Into,
  options: TransferOptions,
  moved: Moved,
): Promise<void> {
  let total = 0;
  for (const source of sources) total += await bytesBeneath(source.path);
  moved.total = total || undefined;
  // A source without a name of its own, such as `.`, gives what is in it.
  const files: { file: string; name: string }[] = [];
  for (const source of sources) {
    const name = baseName(source);
    if (name !== "") files.push({ file: source.path, name });
    else
      for (const child of await readdir(source.path))
        files.push({ file: path.join(source.path, child), name: child });
  }
  const { input, finish } = await unpacking(end, directory, rename);
  const { output, done } = packFiles(files, {
    onBytes: moved.add,
    onSkipped: options.onSkipped,
    signal: options.signal,
  });
  await whole([pipeline(output, input), done, finish()]);
}

async function download(source: Sent, into: Into, options: TransferOptions, moved: Moved): Promise<void> {
  const { output, finish } = await packedBy(source, options);
  const unpacked = unpackInto(into.directory, output, { ...options, onBytes: moved.add }, into.rename);
  await whole([unpacked, finish()]);
}

async function across(
  source: Sent,
  end: GuestEnd,
  into: Into,
  options: TransferOptions,
  moved: Moved,
): Promise<void> {
  const from = await packedBy(source, options);
  const to = await unpacking(end, into.directory, into.rename);
  from.output.on("data", (chunk: Buffer) => moved.add(chunk.length));
  await whole([pipeline(from.output, to.input), from.finish(), to.finish()]);
}

type Sending = { output: Readable; finish: () => Promise<void> };

async function packedBy(source: Sent, options: TransferOptions): Promise<Sending> {
  if (source.at === "guest") return packing(endOf(source, options), ...packed(source));
  return { output: source.tar(), finish: async () => {} };
}

/** Directory and entry for the guest's tar; a place without a name of its own gives what is in it. */
function packed(source: GuestPlace): [string, string[]] {
  const name = baseName(source);
  return name === "" ? [source.path, ["."]] : [path.posix.dirname(source.path), [name]];
}

async function toStream(source: Sent, options: TransferOptions, moved: Moved): Promise<void> {
  const { output, finish } = await readBy(source, options);
  output.on("data", (chunk: Buffer) => moved.add(chunk.length));
  await whole([pipeline(output, options.stdout, { end: false }), finish()]);
}

async function readBy(source: Sent, options: TransferOptions): Promise<Sending> {
  if (source.at === "packed") return { output: source.bytes(), finish: async () => {} };
  const [only, ...more] = await expand(endOf(source, options), source.path);
  if (only === undefined || more.length > 0) throw refused(`${source.path} is several files`, "Name one.");
  return reading(endOf(source, options), only);
}

async function fromStream(target: GuestPlace, options: TransferOptions, moved: Moved): Promise<void> {
  const end = endOf(target, options);
  const kind = await kindOf(end, target.path);
  if (kind === "directory")
    throw refused(`${target.path} is a directory`, "Name the file that standard input becomes.");
  if (kind === "no-parent") {
    const parent = path.posix.dirname(target.path);
    if (!options.parents)
      throw refused(`the directory ${parent} does not exist`, "Add --parents to have it made.");
    await makeDirectory(end, parent);
  }
  const { input, finish } = await writing(end, target.path);
  options.stdin.on("data", (chunk: Buffer) => moved.add(chunk.length));
  await whole([pipeline(options.stdin, input), finish()]);
}

/** The guest's own words say more than the broken pipe that follows from them, so those count where there are any. */
async function whole(parts: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(parts);
  const failures = results.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  if (failures.length > 0) throw failures.find((one) => one instanceof EngineError) ?? failures[0];
}
