/** What a guest has beside its disks: UEFI's variables, the TPM's state. Small, and taken as they are. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { exists, privateDirectory, writeFileDurable } from "../../base/durable.ts";
import type { Ctx } from "../ctx.ts";
import { damaged } from "./repository/damage.ts";
import type { TreeNode } from "./repository/node.ts";
import type { BackupReader } from "./repository/reader.ts";
import type { Snapshot } from "./repository/snapshot.ts";

export type SmallFile = { name: string; file: string };

const FOLDER = "/firmware";
/** The largest firmware keeps its variables in far less. */
export const MAX_SMALL_BYTES = 64 * 2 ** 20;

export function smallPath({ name }: Pick<SmallFile, "name">): string {
  return `${FOLDER}/${name}`;
}

/** Undefined where the guest has none. */
export async function readSmall({ file }: SmallFile): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Puts those in their places that the backup has: their names are the driver's, and none is the backup's. */
export async function restoreSmall(
  ctx: Ctx,
  reader: BackupReader,
  snapshot: Snapshot,
  files: readonly SmallFile[],
): Promise<void> {
  const nodes = await reader.ls(ctx, snapshot);
  if (!nodes.some(({ name, type }) => `/${name}` === FOLDER && type === "dir")) return;
  const there = await reader.ls(ctx, snapshot, FOLDER);
  for (const small of files) {
    const node = there.find(({ name }) => name === small.name);
    if (!node || (await exists(small.file))) continue;
    await putSmall(small, await bytesOf(ctx, reader, snapshot, node));
  }
}

export async function putSmall({ file }: SmallFile, bytes: Uint8Array): Promise<void> {
  await privateDirectory(path.dirname(file));
  await writeFileDurable(file, bytes);
}

/** Reads a file of a backup that is small, and no more of one that is not. */
export async function bytesOf(
  ctx: Ctx,
  reader: BackupReader,
  { id }: Snapshot,
  node: TreeNode,
  maxBytes = MAX_SMALL_BYTES,
): Promise<Buffer> {
  const { name, type, size = 0 } = node;
  const what = `the backup ${id.slice(0, 8)}`;
  if (type !== "file") throw damaged(what, `${name} is no file`);
  if (size > maxBytes) throw damaged(what, `${name} has ${size} bytes`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await reader.open(ctx, node)).read(ctx)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
