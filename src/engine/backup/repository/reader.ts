/** Looks into backups and restores from them. Its lock keeps what it reads from being pruned. */
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import { BlobReader } from "./blob-reader.ts";
import type { TreeNode } from "./node.ts";
import type { PackIndex } from "./pack-index.ts";
import type { Snapshot } from "./snapshot.ts";
import { StoredFile } from "./stored-file.ts";
import type { Work } from "./work.ts";

/** Deeper than any system lets its users go. */
const MAX_DEPTH = 4096;

export type WalkedNode = { path: string; node: TreeNode };

export class BackupReader implements AsyncDisposable {
  readonly #work: Work;
  readonly #blobs: BlobReader;

  constructor(work: Work, index: PackIndex) {
    this.#work = work;
    this.#blobs = new BlobReader({ place: work.place, index, crew: work.crew });
  }

  /** What is in a directory of a backup, `/` being all of it. */
  async ls(ctx: Ctx, snapshot: Snapshot, path = "/"): Promise<TreeNode[]> {
    let nodes = await this.#blobs.tree(ctx, snapshot.tree);
    for (const name of namesOf(path)) {
      const subtree = nodes.find((node) => node.name === name)?.subtree;
      if (!subtree) throw missing(path, snapshot);
      nodes = await this.#blobs.tree(ctx, subtree);
    }
    return nodes;
  }

  /** One file or directory of a backup. */
  async node(ctx: Ctx, snapshot: Snapshot, path: string): Promise<TreeNode> {
    const names = namesOf(path);
    const name = names.pop();
    const node = (await this.ls(ctx, snapshot, names.join("/"))).find((each) => each.name === name);
    if (!node) throw missing(path, snapshot);
    return node;
  }

  /** All that is in a backup, or beneath one directory of it; directories before what is in them. Paths are from there. */
  async *walk(ctx: Ctx, snapshot: Snapshot, from?: TreeNode): AsyncGenerator<WalkedNode> {
    const waiting: { path: string; tree: string; depth: number }[] = [
      { path: "", tree: from?.subtree ?? snapshot.tree, depth: 0 },
    ];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { path, tree, depth } = next;
      if (depth > MAX_DEPTH)
        throw new EngineError("driver-failed", `cannot read the backup ${snapshot.id}: it goes too deep`);
      const below: typeof waiting = [];
      for (const node of await this.#blobs.tree(ctx, tree)) {
        const own = `${path}/${node.name}`;
        yield { path: own, node };
        if (node.subtree) below.push({ path: own, tree: node.subtree, depth: depth + 1 });
      }
      waiting.push(...below.reverse());
    }
  }

  /** A file, to be read in part or whole. Rejects where any piece of it is missing. */
  open(ctx: Ctx, node: TreeNode): Promise<StoredFile> {
    if (node.type !== "file")
      throw new EngineError(
        "wrong-state",
        `cannot read ${JSON.stringify(node.name)}: it is no file but a ${node.type}`,
      );
    return StoredFile.open(ctx, this.#blobs, node);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#work[Symbol.asyncDispose]();
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}

function missing(path: string, { id }: Snapshot): EngineError {
  return new EngineError("not-found", `cannot find ${JSON.stringify(path)} in the backup ${id.slice(0, 8)}`, {
    hint: "List what is in it.",
  });
}
