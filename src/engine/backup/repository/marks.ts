/** Which blobs backups need: what a prune must keep, and what a check must find. */
import { setImmediate } from "node:timers/promises";
import { messageOf } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { BlobType } from "./blob.ts";
import type { BlobReader } from "./blob-reader.ts";
import { LOOKUPS_AT_ONCE } from "./blob-table.ts";
import { discard } from "./crypt.ts";
import { isDamage } from "./damage.ts";
import { fromHex, hex, idAt, idCount } from "./ids.ts";
import type { TreeNode } from "./node.ts";
import type { PackIndex } from "./pack-index.ts";

/** `wrong` is told what is missing or damaged, and may throw. */
export type Wrong = (file: string, problem: string) => void;

export class Marks {
  readonly #index: PackIndex;
  readonly #isThere: (pack: number) => boolean;
  readonly #marks: Uint8Array[];
  readonly #wrong: Wrong;
  readonly #seen = new Set<string>();

  /** Only packs of which `isThere` says so are worth anything. */
  constructor(index: PackIndex, isThere: (pack: number) => boolean, wrong: Wrong) {
    this.#index = index;
    this.#isThere = isThere;
    this.#marks = index.table.marks();
    this.#wrong = wrong;
  }

  has(shard: number, row: number): boolean {
    return this.#marks[shard]?.[row] === 1;
  }

  /** Marks a tree and all below it. What another backup has marked already is not read again. */
  async tree(ctx: Ctx, reader: BlobReader, root: string): Promise<void> {
    const waiting = [root];
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      if (this.#seen.has(name)) continue;
      this.#seen.add(name);
      if (!this.#mark("tree", fromHex(name), `the tree ${name}`)) continue;
      const nodes = await reader.tree(ctx, name).catch((error: unknown) => {
        if (!isDamage(error)) throw error;
        this.#wrong(`the tree ${name}`, messageOf(error));
        return [];
      });
      for (const node of nodes) {
        if (node.subtree) waiting.push(node.subtree);
        await this.#content(ctx, node, name);
      }
    }
  }

  async #content(ctx: Ctx, node: TreeNode, tree: string): Promise<void> {
    const content = node.content ?? new Uint8Array();
    const what = `the file ${JSON.stringify(node.name)} in the tree ${tree}`;
    for (let at = 0; at < idCount(content); at++) {
      if (at % LOOKUPS_AT_ONCE === LOOKUPS_AT_ONCE - 1) await setImmediate();
      ctx.signal.throwIfAborted();
      this.#mark("data", idAt(content, at), what);
    }
    discard(content);
  }

  #mark(type: BlobType, id: Uint8Array, what: string): boolean {
    for (const { pack, ref } of this.#index.table.find(type, id)) {
      if (!this.#isThere(pack)) continue;
      (this.#marks[ref.shard] as Uint8Array)[ref.row] = 1;
      return true;
    }
    this.#wrong(what, `its piece ${hex(id)} is in no pack`);
    return false;
  }
}
