/** Files, links and directories with all that is in them, as one: removed, copied, put in the place of another. */
import { randomBytes } from "node:crypto";
import type { Attributes } from "../../base/sftp-packets.ts";
import { copyContent } from "./content.ts";
import { exists, FileProblem, special, told } from "./problem.ts";
import { type Entry, OPEN, type Path, type Sftp } from "./sftp.ts";

/** A directory of more than these is not one that a tree can show. */
const MAX_ENTRIES = 100_000;

const TYPE = { mask: 0o170_000, directory: 0o040_000, file: 0o100_000, link: 0o120_000 } as const;

export type NodeType = "directory" | "file" | "link" | "other";

export function typeOf({ mode = 0 }: Attributes): NodeType {
  const type = mode & TYPE.mask;
  if (type === TYPE.directory) return "directory";
  if (type === TYPE.file) return "file";
  return type === TYPE.link ? "link" : "other";
}

/** Of a directory, those whose names are no UTF-8 included. */
export async function entriesOf(sftp: Sftp, path: Path): Promise<Entry[]> {
  const handle = await sftp.openDirectory(path);
  try {
    const all: Entry[] = [];
    for (;;) {
      const some = await sftp.readDirectory(handle);
      if (!some) return all;
      all.push(...some);
      if (all.length > MAX_ENTRIES)
        throw new FileProblem("too-large", `${path} has more than ${MAX_ENTRIES} entries`);
    }
  } finally {
    await sftp.closeHandle(handle).catch(() => {});
  }
}

/** No link is followed. */
export async function removeTree(sftp: Sftp, path: Path, type: NodeType): Promise<void> {
  if (type !== "directory") return sftp.remove(path);
  for (const { bytes, attributes } of await entriesOf(sftp, path))
    await removeTree(sftp, beneath(path, bytes), typeOf(attributes));
  await sftp.removeDirectory(path);
}

export type Place = { sftp: Sftp; path: Path };

/** To where nothing is yet. What was made is removed again where it fails. Links are copied as links. */
export async function copyTree(from: Place, to: Place): Promise<void> {
  const attributes = await told(String(from.path), () => from.sftp.lstat(from.path));
  const type = typeOf(attributes);
  if (type === "other") throw special(String(from.path));
  if (type === "link") return to.sftp.makeLink(to.path, await from.sftp.readLink(from.path));
  if (type === "file") return copyFile(from, to, attributes);
  // Its owner must be able to fill it.
  await to.sftp.makeDirectory(to.path, (attributes.mode ?? 0o755) | 0o700);
  await orRemoved(to, "directory", async () => {
    for (const { bytes } of await entriesOf(from.sftp, from.path)) {
      const inside = ({ sftp, path }: Place): Place => ({ sftp, path: beneath(path, bytes) });
      await copyTree(inside(from), inside(to));
    }
  });
}

async function copyFile(from: Place, to: Place, { size = 0, mode }: Attributes): Promise<void> {
  const source = await told(String(from.path), () => from.sftp.open(from.path, OPEN.read));
  try {
    const target = await to.sftp.open(to.path, OPEN.write | OPEN.create | OPEN.exclusive, mode);
    await orRemoved(to, "file", async () => {
      try {
        await copyContent({ sftp: from.sftp, handle: source }, { sftp: to.sftp, handle: target }, size);
      } finally {
        await to.sftp.closeHandle(target);
      }
    });
  } finally {
    await from.sftp.closeHandle(source).catch(() => {});
  }
}

async function orRemoved({ sftp, path }: Place, type: NodeType, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await removeTree(sftp, path, type).catch(() => {});
    throw error;
  }
}

/** Does the work with nothing at `path`; what was there is removed only once that is done, and is back where it fails. */
export async function inPlaceOf(
  { sftp, path }: { sftp: Sftp; path: string },
  overwrite: boolean,
  work: () => Promise<void>,
): Promise<void> {
  const there = await nodeAt(sftp, path);
  if (!there) return work();
  if (!overwrite) throw exists(path);
  const aside = `${path}.${randomBytes(4).toString("hex")}~`;
  await sftp.rename(path, aside);
  try {
    await work();
  } catch (error) {
    await sftp.rename(aside, path);
    throw error;
  }
  await removeTree(sftp, aside, there);
}

/** Undefined where there is nothing of that name. A link is a link, wherever it leads. */
export async function nodeAt(sftp: Sftp, path: string): Promise<NodeType | undefined> {
  try {
    return typeOf(await told(path, () => sftp.lstat(path)));
  } catch (error) {
    if (error instanceof FileProblem && error.kind === "not-found") return undefined;
    throw error;
  }
}

export function beneath(path: Path, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(path), Buffer.from("/"), name]);
}
