/**
 * From a tar of a runtime to the nodes of a backup. What a container holds is its guest's word: what leads out of the tree,
 * and what no tree could be, is refused. Hard links are files of one inode, as restic has them.
 */
import { setImmediate } from "node:timers/promises";
import { EngineError } from "../../../base/errors.ts";
import type { TarHeader } from "../../../base/tar/header.ts";
import { readTar, type TarEntry } from "../../../base/tar/read.ts";
import { TarError } from "../../../base/tar/tar-error.ts";
import type { Ctx } from "../../ctx.ts";
import type { TreeTar } from "../../drivers/trees.ts";
import { CHUNK_BYTES } from "../repository/chunks.ts";
import { goTime } from "../repository/go-text.ts";
import { modeOf, type NodeType, newNode, type TreeNode } from "../repository/node.ts";
import { Tasks } from "../repository/tasks.ts";
import type { TreeBuilder } from "../repository/tree-builder.ts";
import type { BackupWriter } from "../repository/writer.ts";
import { counted } from "./counted.ts";
import { deviceNumber } from "./devices.ts";
import { nameOf } from "./names.ts";

export type FileNode = Omit<TreeNode, "name">;

/** All of them are in memory until the tree is whole. */
const MAX_NODES = 2_000_000;
/** Less than a reader of backups goes down. */
const MAX_DEPTH = 4000;
const MAX_ID = 2 ** 32 - 1;
const MAX_LINK_BYTES = 65_536;
/** So many are put into a tree before others have their turn. */
const AT_ONCE = 1000;
/** Small files that are on their way into the repository at once; a large one is so by itself. */
const SMALL_AT_ONCE = 32;

/** What a time in a tree can say: the years 1 to 9999. */
const [FIRST_NS, LAST_NS] = [-62_135_596_800n, 253_402_300_799n].map(
  (seconds) => seconds * 1_000_000_000n,
) as [bigint, bigint];

export type TarTreeOptions = {
  /** As of a `TreeTar`. */
  hasTop: boolean;
  /** Tells its inodes from those of other trees of the same backup. */
  deviceId: number;
};

export class TarTree {
  readonly #nodes = new Map<string, FileNode>();
  readonly #deviceId: number;
  /** So many directories above all are none of the tree; undefined until that is known. */
  #strip: number | undefined;
  #inodes = 0;

  constructor({ hasTop, deviceId }: TarTreeOptions) {
    this.#deviceId = deviceId;
    this.#strip = hasTop ? undefined : 0;
  }

  /** Puts an entry in, and tells its node, which a file's pieces are still to be put into. Throws `TarError` for what cannot be. */
  add(header: TarHeader): FileNode {
    const path = this.pathOf(header.name);
    if (path === "" && header.type !== "dir") throw new TarError("what it is of is no directory");
    const node = header.type === "link" ? this.#linked(header) : nodeOf(header);
    // The last one of a name counts, and stands where it was told.
    this.#nodes.delete(path);
    if (this.#nodes.size >= MAX_NODES) throw new TarError(`there are more than ${MAX_NODES} files in it`);
    this.#nodes.set(path, node);
    return node;
  }

  /** Where it is in the tree, empty for all of it: whatever begins with `/`, too. Throws `TarError` where it leads out of it. */
  pathOf(name: string): string {
    const parts = name.split("/");
    if (name.includes("\0") || parts.includes(".."))
      throw new TarError(`the name ${quoted(name)} leads out of it`);
    const all = parts.filter((part) => part !== "" && part !== ".");
    this.#strip ??= all.length;
    const names = all.slice(this.#strip);
    if (names.length > MAX_DEPTH) throw new TarError(`the name ${quoted(name)} goes too deep`);
    return nameOf(names.join("/"));
  }

  /** By where they are in the tree; the tree itself is where it is told of. */
  get nodes(): ReadonlyMap<string, FileNode> {
    return this.#nodes;
  }

  /** Puts all of it into the tree of a backup, beneath `at`. */
  async into(tree: TreeBuilder, at: string): Promise<void> {
    // Not every runtime says what the root is like.
    tree.put(at, newNode("dir", { unixMode: 0o755 }));
    let count = 0;
    for (const [path, node] of this.#nodes) {
      if (++count % AT_ONCE === 0) await setImmediate();
      tree.put(path === "" ? at : `${at}/${path}`, node);
    }
  }

  /** Both names have one node, so what is said of one is said of the other. */
  #linked({ name, linkName }: TarHeader): FileNode {
    const node = this.#nodes.get(this.pathOf(linkName));
    if (!node || node.type === "dir")
      throw new TarError(`${quoted(name)} is a link to ${quoted(linkName)}, which is no file in it`);
    node.inode ??= ++this.#inodes;
    node.deviceId = this.#deviceId;
    node.links = (node.links ?? 1) + 1;
    return node;
  }
}

function nodeOf(header: TarHeader): FileNode {
  const { mode, uid, gid, size, mtimeNs, linkName, name, major, minor, xattrs } = header;
  const type = header.type as Exclude<TarHeader["type"], "link"> satisfies NodeType;
  if (uid > MAX_ID || gid > MAX_ID) throw new TarError(`${quoted(name)} belongs to nobody that can be`);
  if (linkName.length > MAX_LINK_BYTES) throw new TarError(`what ${quoted(name)} leads to is too long`);
  const ns = mtimeNs < FIRST_NS ? FIRST_NS : mtimeNs > LAST_NS ? LAST_NS : mtimeNs;
  const time = goTime(ns);
  return {
    ...{ type, mode: modeOf(type, mode), uid, gid, mtime: time, atime: time, ctime: time },
    ...(type === "file" ? { size, content: new Uint8Array() } : {}),
    ...(type === "symlink" ? { linkTarget: nameOf(linkName) } : {}),
    ...(type === "dev" || type === "chardev" ? { device: deviceNumber(major, minor, quoted(name)) } : {}),
    ...(xattrs.length > 0
      ? { xattrs: xattrs.map((xattr) => ({ name: nameOf(xattr.name), value: xattr.value })) }
      : {}),
  };
}

export type TarSaving = {
  tar: TreeTar;
  deviceId: number;
  /** Begins the message where it is no good tar. */
  doing: string;
  /** Is told of the bytes of each file. */
  told: (bytes: number) => void;
};

export async function saveTar(
  ctx: Ctx,
  writer: Pick<BackupWriter, "saveStream">,
  { tar, deviceId, doing, told }: TarSaving,
): Promise<TarTree> {
  const tree = new TarTree({ hasTop: tar.hasTop, deviceId });
  const tasks = new Tasks();
  try {
    for await (const entry of readTar(tar.bytes)) {
      ctx.signal.throwIfAborted();
      await tasks.below(SMALL_AT_ONCE);
      const body = counted(entry.body, told);
      await saveEntry(ctx, writer, tree, tasks, { ...entry, body });
    }
  } catch (error) {
    throw error instanceof TarError ? noGood(error, doing) : error;
  } finally {
    await tasks.all().catch(() => {}); // Told below, or by what went wrong first.
  }
  tasks.check();
  return tree;
}

/** A small file waits in memory while the next ones are read. */
async function saveEntry(
  ctx: Ctx,
  writer: Pick<BackupWriter, "saveStream">,
  tree: TarTree,
  tasks: Tasks,
  entry: TarEntry,
): Promise<void> {
  const node = tree.add(entry);
  if (entry.type !== "file" || entry.size === 0) return;
  const save = async (bytes: AsyncIterable<Uint8Array>) => {
    node.content = (await writer.saveStream(ctx, bytes)).content;
  };
  if (entry.size > CHUNK_BYTES) return save(entry.body);
  const parts: Uint8Array[] = [];
  for await (const part of entry.body) parts.push(part);
  tasks.add(save(each(parts)));
}

function noGood(error: TarError, doing: string): EngineError {
  const reason = `what its runtime tells of its files is no good: ${error.message}`;
  return new EngineError("driver-failed", `cannot ${doing}: ${reason}`, {
    hint: "They may have changed while they were read: stop it, and try again.",
    cause: error,
  });
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

function quoted(bytes: string): string {
  return JSON.stringify(Buffer.from(bytes.slice(0, 300), "latin1").toString("utf8"));
}
