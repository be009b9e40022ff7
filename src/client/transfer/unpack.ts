/**
 * A tar stream from a guest as files of this host. The guest is not trusted: whatever it sends lands inside a fresh
 * directory of ours, in directories that we made ourselves, and takes its place only when all of it has come.
 */
import { chmod, cp, lstat, mkdir, mkdtemp, open, readdir, rm, symlink, utimes } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import tar, { type Headers } from "tar-stream";
import { exists, moveDurable } from "../../base/durable.ts";
import { EngineError } from "../../base/errors.ts";

export type UnpackOptions = {
  /** Called with bytes written. */
  onBytes: (bytes: number) => void;
  onSkipped: (name: string) => void;
  platform: NodeJS.Platform;
  signal: AbortSignal;
};

/** Zeros in pieces of this size are left out of the file, which so stays sparse. */
const HOLE_BYTES = 64 * 1024;
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i;

/** The path of an entry below the root, taken apart. Throws where it would lie anywhere else. Pure. */
export function partsOf(name: string, platform: NodeJS.Platform): string[] {
  const parts = name
    .replace(/^(\.\/)+/, "")
    .replace(/\/+$/, "")
    .split("/");
  const hostile = (part: string) =>
    part === "" ||
    part === "." ||
    part === ".." ||
    part.includes("\0") ||
    (platform === "win32" && (/[\\:<>"|?*]/.test(part) || /[. ]$/.test(part) || RESERVED.test(part)));
  if (!parts.some(hostile)) return parts;
  throw new EngineError(
    "permission-denied",
    `cannot transfer ${JSON.stringify(name)}: that name leads out of the target`,
    {
      hint: "The guest has sent it; nothing of this transfer is kept.",
    },
  );
}

/** Into `directory`, which exists. With `rename`, the one entry at the top gets that name. */
export async function unpackInto(
  directory: string,
  source: Readable,
  options: UnpackOptions,
  rename?: string,
): Promise<void> {
  const work = await mkdtemp(path.join(directory, ".berth-"));
  try {
    await unpack(work, source, options);
    for (const name of await readdir(work))
      await place(path.join(work, name), path.join(directory, rename ?? name));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A directory is merged into one that is there; anything else takes the place of what is. */
async function place(from: string, to: string): Promise<void> {
  const facts = await lstat(from);
  const merges = facts.isDirectory() && (await lstat(to).catch(() => undefined))?.isDirectory();
  if (merges) await cp(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  else {
    if (facts.isDirectory() && (await exists(to))) await rm(to, { force: true });
    await moveDurable(from, to);
  }
}

async function unpack(root: string, source: Readable, options: UnpackOptions): Promise<void> {
  const extract = tar.extract();
  // Directories get their modes and times last: a read-only one could not be filled, and filling it changes its time.
  const directories: { file: string; header: Headers }[] = [];
  const made = new Set<string>([root]);
  const feeding = pipeline(source, extract as unknown as NodeJS.WritableStream, { signal: options.signal });
  feeding.catch(() => {});
  try {
    for await (const entry of extract) {
      const { header } = entry;
      if (/^(\.\/?)+$/.test(header.name)) {
        entry.resume(); // The directory that was packed, itself.
        continue;
      }
      const file = path.join(root, ...partsOf(header.name, options.platform));
      await makeParents(root, path.dirname(file), made);
      if (header.type === "directory") {
        await mkdir(file, { recursive: true });
        made.add(file);
        directories.push({ file, header });
      } else if (header.type === "symlink") await symlink(header.linkname ?? "", file);
      else if (header.type === "file" || header.type === "contiguous-file")
        await writeSparse(file, entry, header, options);
      else if (header.type === "link") await copyWithin(root, header, file, options, made);
      else options.onSkipped(header.name);
      if (header.type !== "file" && header.type !== "contiguous-file") entry.resume();
    }
  } catch (error) {
    await feeding.catch(() => {});
    throw options.signal.aborted ? options.signal.reason : error;
  }
  await feeding;
  for (const { file, header } of directories.reverse()) await stamp(file, header);
}

/** Only directories that this transfer has made are gone through, so no link of the guest's is ever followed. */
async function makeParents(root: string, directory: string, made: Set<string>): Promise<void> {
  if (made.has(directory)) return;
  if (!directory.startsWith(root)) throw new EngineError("internal", `cannot unpack outside ${root}`);
  await makeParents(root, path.dirname(directory), made);
  await mkdir(directory);
  made.add(directory);
}

/** A hard link is another name of a file that came before: it becomes a copy of that. */
async function copyWithin(
  root: string,
  header: Headers,
  file: string,
  options: UnpackOptions,
  made: Set<string>,
): Promise<void> {
  const original = path.join(root, ...partsOf(header.linkname ?? "", options.platform));
  const facts = await lstat(original).catch(() => undefined);
  if (!facts?.isFile() || !made.has(path.dirname(original))) return options.onSkipped(header.name);
  await cp(original, file, { preserveTimestamps: true });
}

async function writeSparse(
  file: string,
  content: AsyncIterable<Buffer>,
  header: Headers,
  { onBytes, signal }: UnpackOptions,
): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    let at = 0;
    for await (const chunk of content) {
      signal.throwIfAborted();
      for (let from = 0; from < chunk.length; ) {
        const length = Math.min(HOLE_BYTES - (at % HOLE_BYTES), chunk.length - from);
        const piece = chunk.subarray(from, from + length);
        if (!isZero(piece)) await handle.write(piece, 0, length, at);
        from += length;
        at += length;
      }
      onBytes(chunk.length);
    }
    await handle.truncate(at);
  } finally {
    await handle.close();
  }
  await stamp(file, header);
}

const ZEROS = Buffer.alloc(HOLE_BYTES);

function isZero(piece: Buffer): boolean {
  return piece.equals(ZEROS.subarray(0, piece.length));
}

/** Never set-user-ID and the like: the guest's root is nobody here. */
async function stamp(file: string, { mode, mtime }: Headers): Promise<void> {
  await chmod(file, (mode ?? 0o644) & 0o777);
  if (mtime) await utimes(file, mtime, mtime);
}
