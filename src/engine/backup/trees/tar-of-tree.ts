/** From the nodes of a backup to a tar that a runtime takes. What a tar cannot hold is left out: sockets, some attributes. */
import { setImmediate } from "node:timers/promises";
import type { TarHeader, TarType } from "../../../base/tar/header.ts";
import { entryBytes, TAR_END, tarEntry } from "../../../base/tar/write.ts";
import type { Ctx } from "../../ctx.ts";
import type { SizedTar } from "../../drivers/trees.ts";
import { CHUNK_BYTES } from "../repository/chunks.ts";
import { epochNs } from "../repository/go-text.ts";
import { type TreeNode, unixMode } from "../repository/node.ts";
import type { BackupReader, WalkedNode } from "../repository/reader.ts";
import { counted } from "./counted.ts";
import { deviceParts } from "./devices.ts";
import { bytesOf } from "./names.ts";

/** `node`: whose content follows the header. */
export type TarItem = { header: TarHeader; node?: TreeNode };

/** What a layer says is gone from those beneath it: a file of this name would say that, too. */
const WHITEOUT = ".wh.";
/**
 * Attributes by which a runtime's own file system knows what to show of which layer: nothing of them is a container's. And
 * those whose name a tar would end at the first `=`.
 */
const LEFT_OUT = /^(trusted|user)\.overlay\.|=/;
/** So many are looked at before others have their turn. */
const AT_ONCE = 1000;
/** Small files that are fetched before it is their turn. */
const AHEAD = 32;

/**
 * Of a tree whose own node has the path "", directories before what is in them. Files of one inode are links to its first,
 * where they are the same indeed. Pure.
 */
export function* tarItems(files: Iterable<WalkedNode>): Generator<TarItem> {
  const inodes = new Map<string, { node: TreeNode; name: string }>();
  for (const { path, node } of files) {
    const type = typeOf(node);
    if (!type) continue;
    const name = `${path === "" ? "." : bytesOf(path.slice(1))}${type === "dir" ? "/" : ""}`;
    const inode = (node.links ?? 1) > 1 && type !== "dir" ? `${node.deviceId} ${node.inode}` : undefined;
    const first = inode === undefined ? undefined : inodes.get(inode);
    if (inode !== undefined && !first) inodes.set(inode, { node, name });
    const header = headerOf(node, name, type);
    if (first && isSame(first.node, node)) yield { header: linkTo(first.name, header) };
    else yield { header, ...(type === "file" ? { node } : {}) };
  }
}

/**
 * The tree of a container's own file system as a layer of an image, whose volumes are to hold what theirs did: where a
 * volume is seen there is its own directory, with nothing in it, for a runtime puts that into a volume which is empty. Pure.
 */
export function* layerOf(
  files: Iterable<WalkedNode>,
  volumes: ReadonlyMap<string, TreeNode>,
): Generator<WalkedNode> {
  const targets = [...volumes.keys()];
  for (const { path, node } of files) {
    if (isUnlayered(path) || isWithin(targets, path)) continue;
    const volume = node.type === "dir" ? volumes.get(path) : undefined;
    yield { path, node: volume ? { ...volume, name: node.name } : node };
  }
}

/** What of the same tree no layer can hold, to be put into a container that stands on that. `targets`: of its volumes. Pure. */
export function* besideLayer(files: Iterable<WalkedNode>, targets: readonly string[]): Generator<WalkedNode> {
  for (const walked of files) if (isUnlayered(walked.path) && !isWithin(targets, walked.path)) yield walked;
}

function isUnlayered(path: string): boolean {
  return path.includes(`/${WHITEOUT}`);
}

function isWithin(targets: readonly string[], path: string): boolean {
  return targets.some((target) => path.startsWith(`${target}/`));
}

/** `told` is told of bytes as they go. */
export async function sizedTar(
  ctx: Ctx,
  reader: Pick<BackupReader, "open">,
  wanted: Iterable<TarItem>,
  told: (bytes: number) => void,
): Promise<SizedTar> {
  const items: TarItem[] = [];
  let sizeBytes = TAR_END.length;
  for (const item of wanted) {
    if (items.push(item) % AT_ONCE === 0) await setImmediate();
    sizeBytes += entryBytes(item.header);
  }
  return { sizeBytes, bytes: () => tarOf(ctx, reader, items, told) };
}

async function* tarOf(
  ctx: Ctx,
  reader: Pick<BackupReader, "open">,
  items: readonly TarItem[],
  told: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const coming = new Map<number, Promise<Uint8Array[]>>();
  let next = 0;
  for (const [index, { header, node }] of items.entries()) {
    for (; next < items.length && coming.size < AHEAD; next++) {
      const small = items[next]?.node;
      if (!small || (small.size ?? 0) > CHUNK_BYTES) continue;
      const fetched = wholeOf(contentOf(ctx, reader, small));
      fetched.catch(() => {}); // Whoever comes to it sees it.
      coming.set(next, fetched);
    }
    const fetched = await coming.get(index);
    coming.delete(index);
    yield* tarEntry(header, counted(fetched ?? (node ? contentOf(ctx, reader, node) : []), told));
  }
  yield TAR_END;
}

async function* contentOf(
  ctx: Ctx,
  reader: Pick<BackupReader, "open">,
  node: TreeNode,
): AsyncGenerator<Uint8Array> {
  yield* (await reader.open(ctx, node)).read(ctx);
}

async function wholeOf(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for await (const part of bytes) parts.push(part);
  return parts;
}

/** Undefined of what has no place in a tar. */
function typeOf({ type }: TreeNode): Exclude<TarType, "link"> | undefined {
  return type === "socket" || type === "irregular" ? undefined : type;
}

function headerOf(node: TreeNode, name: string, type: TarType): TarHeader {
  return {
    ...{ name, type, mode: unixMode(node), uid: node.uid, gid: node.gid },
    size: type === "file" ? (node.size ?? 0) : 0,
    mtimeNs: epochNs(node.mtime) ?? 0n,
    linkName: bytesOf(node.linkTarget ?? ""),
    ...deviceParts(node.device ?? 0),
    xattrs: (node.xattrs ?? [])
      .filter((xattr) => !LEFT_OUT.test(xattr.name))
      .map((xattr) => ({ name: bytesOf(xattr.name), value: xattr.value })),
  };
}

/** What it says of its file is done to that again by who reads it, and so must be the same. */
function linkTo(first: string, header: TarHeader): TarHeader {
  return { ...header, type: "link", linkName: first, size: 0, major: 0, minor: 0 };
}

function isSame(a: TreeNode, b: TreeNode): boolean {
  const facts = ({ type, mode, uid, gid, mtime, size, linkTarget, device }: TreeNode) =>
    JSON.stringify([type, mode, uid, gid, mtime, size, linkTarget, device]);
  const none = new Uint8Array();
  return facts(a) === facts(b) && Buffer.compare(a.content ?? none, b.content ?? none) === 0;
}
