/**
 * A second copy of a directory, whole and on disk when it resolves. On the same filesystem the copy is made of hard
 * links, which costs neither time nor room; elsewhere bytes are copied, holes stay holes, and what arrived is read
 * back and compared. The first copy is not touched. May run again over what an interrupted attempt has left.
 */
import { createHash } from "node:crypto";
import { constants, createReadStream, type Stats } from "node:fs";
import { chmod, copyFile, link, lstat, open, readdir, readlink, rm, symlink, utimes } from "node:fs/promises";
import path from "node:path";
import { privateDirectory, syncDirectory, syncFile } from "../../base/durable.ts";
import { EngineError } from "../../base/errors.ts";

export type CopyWork = {
  signal: AbortSignal;
  /** So many bytes more of the source are safe. */
  onBytes: (bytes: number) => void;
};

const CHUNK_BYTES = 4 * 2 ** 20;
/** A hole is worth leaving from this size on; filesystems allocate no less. */
const HOLE_BYTES = 64 * 2 ** 10;
const ZEROS = Buffer.alloc(HOLE_BYTES);
/** What a filesystem says that cannot link this file there. */
const NO_LINK = ["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EACCES"];

export async function copyTree(from: string, to: string, work: CopyWork): Promise<void> {
  await privateDirectory(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    work.signal.throwIfAborted();
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target, work);
    else if (entry.isSymbolicLink()) await copyLink(source, target);
    else if (entry.isFile()) await copyOne(source, target, work);
  }
  await syncDirectory(to);
}

async function copyLink(source: string, target: string): Promise<void> {
  await rm(target, { force: true });
  await symlink(await readlink(source), target);
}

async function copyOne(source: string, target: string, work: CopyWork): Promise<void> {
  const facts = await lstat(source);
  if (!(await linked(source, target, facts))) {
    await rm(target, { force: true });
    const sum = (await shareBlocks(source, target))
      ? await sumOf(source, work.signal)
      : await copyBytes(source, target, work.signal);
    await syncFile(target);
    if (sum !== (await sumOf(target, work.signal))) {
      throw new EngineError(
        "driver-failed",
        `cannot copy ${source}: ${target} reads back as something else`,
        {
          hint: "The disk it is on may be failing; choose another place. Nothing has been moved.",
        },
      );
    }
    await chmod(target, facts.mode & 0o777);
    await utimes(target, facts.atime, facts.mtime);
  }
  work.onBytes(allocated(facts));
}

async function linked(source: string, target: string, facts: Stats): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") {
      const there = await lstat(target);
      return facts.ino !== 0 && there.ino === facts.ino && there.dev === facts.dev;
    }
    if (code !== undefined && NO_LINK.includes(code)) return false;
    throw error;
  }
}

async function shareBlocks(source: string, target: string): Promise<boolean> {
  try {
    await copyFile(source, target, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    await rm(target, { force: true });
    return false;
  }
}

/** Resolves with the checksum of what was read. */
async function copyBytes(source: string, target: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const to = await open(target, "wx", 0o600);
  try {
    let at = 0;
    for await (const chunk of createReadStream(source, { highWaterMark: CHUNK_BYTES, signal })) {
      const bytes = chunk as Buffer;
      hash.update(bytes);
      for (const { start, end } of written(bytes)) await to.write(bytes, start, end - start, at + start);
      at += bytes.length;
    }
    await to.truncate(at);
  } finally {
    await to.close();
  }
  return hash.digest("hex");
}

/** The parts of a chunk that are not holes, each as long as it can be. Pure. */
export function written(bytes: Buffer): { start: number; end: number }[] {
  const parts: { start: number; end: number }[] = [];
  for (let start = 0; start < bytes.length; start += HOLE_BYTES) {
    const end = Math.min(start + HOLE_BYTES, bytes.length);
    if (bytes.subarray(start, end).equals(ZEROS.subarray(0, end - start))) continue;
    const last = parts.at(-1);
    if (last?.end === start) last.end = end;
    else parts.push({ start, end });
  }
  return parts;
}

async function sumOf(file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES, signal }))
    hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Every name beneath, with what it is and how long: two trees that agree hold the same files. */
export async function namesIn(directory: string, prefix = ""): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const [file, name] = [path.join(directory, entry.name), `${prefix}${entry.name}`];
    if (entry.isDirectory()) names.push(`${name}/`, ...(await namesIn(file, `${name}/`)));
    else if (entry.isFile()) names.push(`${name} ${(await lstat(file)).size}`);
    else if (entry.isSymbolicLink()) names.push(`${name} -> ${await readlink(file)}`);
  }
  return names.sort();
}

/** What a tree takes on its disk. What has vanished meanwhile takes nothing. */
export async function bytesIn(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(gone)) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) bytes += await bytesIn(file);
    else bytes += await lstat(file).then(allocated, () => 0);
  }
  return bytes;
}

function gone(error: unknown): [] {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
  throw error;
}

/** Windows counts no blocks. */
function allocated({ blocks, size }: Stats): number {
  return blocks > 0 ? blocks * 512 : size;
}
