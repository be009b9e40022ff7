/**
 * Whether a container that was made of a backup and has never run holds what that says of its files: who they are of, what
 * may be done to them, and the sums of their pieces, for which the repository need not be read.
 */
import path from "node:path";
import { withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { TreeTar } from "../drivers/trees.ts";
import type { Entry } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import { ROOT, restoredVolumes } from "./container-definition.ts";
import { CHUNK_BYTES } from "./repository/chunks.ts";
import type { SavedFile } from "./repository/file-saver.ts";
import { epochNs } from "./repository/go-text.ts";
import { sha256 } from "./repository/ids.ts";
import type { WalkedNode } from "./repository/reader.ts";
import type { StoredTrees } from "./tree-restore.ts";
import { type FileNode, saveTar, type TarTree } from "./trees/tree-of-tar.ts";

/** Ends what it took of the instance, however it went. */
const CLOSE_MS = 60_000;
const NS_PER_S = 1_000_000_000n;

/** What runtimes put into every container, whatever it was made of. */
const OF_RUNTIMES = [
  ...[".dockerenv", "dev", "proc", "sys", "run/.containerenv", "run/secrets"],
  ...["etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab"],
];
/** They may have to make these for it. */
const ABOVE: ReadonlySet<string> = new Set(["run", "etc"]);

/** What is another, in words; undefined where all is the same. `doing` completes `cannot …`. */
export async function differenceOfTrees(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
  stored: StoredTrees,
  doing: string,
): Promise<string | undefined> {
  const { trees } = keeper.driverOf(entry);
  if (!trees) throw new EngineError("not-supported", `cannot ${doing}: its driver has no files`);
  const volumes = restoredVolumes(await stored.definition(ctx), entry.record.descriptor.id);
  let done = 0;
  const told = (bytes: number) => {
    done += bytes;
    ctx.progress({ phase: "compare", done, total: Math.max(done, stored.totalBytes) });
  };
  const open = await trees.open(ctx, await keeper.driverInstance(entry));
  const read = async (tar: TreeTar): Promise<TarTree> =>
    saveTar(ctx, SUMS, { tar, deviceId: 1, doing, told });
  try {
    const elsewhere = volumes.map(({ target }) => target.split("/").filter(Boolean).join("/"));
    const rules = { left: [...OF_RUNTIMES, ...elsewhere] };
    const inRoot = differenceIn(await stored.files(ctx, ROOT), await read(await open.root(ctx)), rules);
    if (inRoot) return `/${inRoot.at} ${inRoot.what}`;
    for (const volume of volumes) {
      const tar = await open.volume(ctx, volume);
      const there = await read(tar);
      const found = differenceIn(await stored.files(ctx, volume.path), there, { ...tar, left: [] });
      if (found) return `${path.posix.join(volume.target, found.at)} ${found.what}`;
    }
    return undefined;
  } finally {
    const { signal, done: over } = withDeadline(CLOSE_MS);
    await open.close({ ...ctx, signal }).finally(over);
  }
}

type Rules = { left: readonly string[]; isOwnerless?: boolean | undefined };

type Difference = { at: string; what: string };

function differenceIn(stored: readonly WalkedNode[], tree: TarTree, rules: Rules): Difference | undefined {
  const extra = new Set(tree.nodes.keys());
  for (const { path: from, node } of stored) {
    const at = from.slice(1);
    extra.delete(at);
    if (isLeft(at, rules)) continue;
    const there = tree.nodes.get(at);
    // Not every runtime says what the root is like.
    if (at === "" && !there) continue;
    const what = there ? differenceOf(node, there, rules) : "is not there";
    if (what !== undefined) return { at, what };
  }
  const more = [...extra].find((at) => at !== "" && !isLeft(at, rules) && !ABOVE.has(at));
  return more === undefined ? undefined : { at: more, what: "is there, and should not be" };
}

function isLeft(at: string, { left }: Rules): boolean {
  return left.some((one) => at === one || at.startsWith(`${one}/`));
}

function differenceOf(stored: FileNode, there: FileNode, { isOwnerless = false }: Rules): string | undefined {
  const isFile = stored.type === "file";
  const same: [string, boolean][] = [
    ["kind", stored.type === there.type],
    ["mode", stored.mode === there.mode],
    ["owner", isOwnerless || (stored.uid === there.uid && stored.gid === there.gid)],
    ["target", stored.linkTarget === there.linkTarget],
    ["device", stored.device === there.device],
    ["number of names", !isFile || (stored.links ?? 1) === (there.links ?? 1)],
    ["time", !isFile || secondsOf(stored) === secondsOf(there)],
    ["content", Buffer.compare(stored.content ?? EMPTY, there.content ?? EMPTY) === 0],
  ];
  const other = same.find(([, isSame]) => !isSame)?.[0];
  return other === undefined ? undefined : `has another ${other}`;
}

const secondsOf = ({ mtime }: FileNode) => (epochNs(mtime) ?? 0n) / NS_PER_S;

const EMPTY = new Uint8Array();

/** Tells the sums of a file's pieces as a backup has them, and keeps nothing. */
const SUMS = {
  async saveStream(ctx: Ctx, bytes: AsyncIterable<Uint8Array>): Promise<SavedFile> {
    const sums: Uint8Array[] = [];
    const piece = Buffer.alloc(CHUNK_BYTES);
    let [held, size] = [0, 0];
    for await (let part of bytes) {
      ctx.signal.throwIfAborted();
      size += part.length;
      while (part.length > 0) {
        const taken = Math.min(part.length, CHUNK_BYTES - held);
        piece.set(part.subarray(0, taken), held);
        held += taken;
        part = part.subarray(taken);
        if (held < CHUNK_BYTES) continue;
        sums.push(sha256(piece));
        held = 0;
      }
    }
    if (held > 0) sums.push(sha256(piece.subarray(0, held)));
    return { content: new Uint8Array(Buffer.concat(sums)), size, readBytes: size };
  },
};
