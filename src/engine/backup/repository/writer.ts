/** A backup in the making. Nothing of it is seen by anybody before `commit`; what is not committed is left to a prune. */
import type { Ctx } from "../../ctx.ts";
import { FileSaver, type FileSource, type SavedFile } from "./file-saver.ts";
import { goTimeOfMs } from "./go-text.ts";
import type { IdList } from "./ids.ts";
import type { TreeNode } from "./node.ts";
import type { PackIndex } from "./pack-index.ts";
import { BackupReader } from "./reader.ts";
import { parseSnapshot, type Snapshot, type SnapshotJson } from "./snapshot.ts";
import { type Added, Store } from "./store.ts";
import type { TreeBuilder } from "./tree-builder.ts";
import { whoAmI } from "./who.ts";
import type { Work } from "./work.ts";

export type SnapshotDetails = {
  /** When what is backed up was so; now, where it is not said. */
  timeMs?: number;
  hostname?: string;
  /** What was backed up, as restic groups backups by it. */
  paths: string[];
  tags?: string[];
  parent?: string;
};

export class BackupWriter implements AsyncDisposable {
  readonly #work: Work;
  readonly #store: Store;
  readonly #saver: FileSaver;
  readonly #before: BackupReader;
  readonly #startedMs = Date.now();

  constructor(work: Work, index: PackIndex) {
    this.#work = work;
    this.#store = new Store(work.ctx, { place: work.place, index, crew: work.crew });
    this.#saver = new FileSaver(this.#store, index);
    this.#before = new BackupReader(work, index);
  }

  /** What was new to the repository so far. */
  get added(): Readonly<Added> {
    return this.#store.added;
  }

  /** The packs that it has saved so far. */
  get packs(): readonly string[] {
    return this.#store.saved;
  }

  /** A file or directory of an earlier backup: its content is what `saveFile` goes by. */
  node(ctx: Ctx, snapshot: Snapshot, path: string): Promise<TreeNode> {
    return this.#before.node(ctx, snapshot, path);
  }

  /** Puts a disk in. `before` is the content of the same one in the parent, whose clean chunks need not be read again. */
  saveFile(ctx: Ctx, source: FileSource, before?: IdList): Promise<SavedFile> {
    return this.#saver.saveFile(ctx, source, before);
  }

  /** Puts a file in whose bytes come one after the other. */
  saveStream(ctx: Ctx, stream: AsyncIterable<Uint8Array>): Promise<SavedFile> {
    return this.#saver.saveStream(ctx, stream);
  }

  saveBytes(ctx: Ctx, bytes: Uint8Array): Promise<SavedFile> {
    return this.saveStream(
      ctx,
      (async function* () {
        yield bytes;
      })(),
    );
  }

  /** When this resolves, the backup is in the repository and stays there whatever happens now. */
  async commit(tree: TreeBuilder, details: SnapshotDetails): Promise<Snapshot> {
    const { ctx, files, lock } = this.#work;
    const root = await tree.save((nodes) => this.#store.tree(nodes));
    await this.#store.finish();
    await lock?.assertHeld(ctx);
    const { timeMs = Date.now(), hostname, paths, tags = [], parent } = details;
    const here = whoAmI();
    const json: SnapshotJson = {
      time: goTimeOfMs(timeMs),
      ...(parent ? { parent } : {}),
      tree: root,
      paths,
      hostname: hostname ?? here.hostname,
      username: here.username,
      ...(tags.length > 0 ? { tags } : {}),
      program_version: "berth",
      summary: this.#summary(tree),
    };
    const id = await files.save(ctx, "snapshots", json);
    // What cannot be read back is told of as unreadable, and not acknowledged.
    await files.load(ctx, { kind: "snapshots", name: id });
    return parseSnapshot(id, json);
  }

  /** Ends it. What was not committed is nothing that anybody sees. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#work[Symbol.asyncDispose]();
  }

  #summary(tree: TreeBuilder): NonNullable<SnapshotJson["summary"]> {
    const { dataBlobs, treeBlobs, bytes, packedBytes } = this.#store.added;
    const files = tree.files();
    return {
      backup_start: goTimeOfMs(this.#startedMs),
      backup_end: goTimeOfMs(Date.now()),
      files_new: files.count,
      files_changed: 0,
      files_unmodified: 0,
      dirs_new: tree.folders,
      dirs_changed: 0,
      dirs_unmodified: 0,
      data_blobs: dataBlobs,
      tree_blobs: treeBlobs,
      data_added: bytes,
      data_added_packed: packedBytes,
      total_files_processed: files.count,
      total_bytes_processed: files.bytes,
    };
  }
}
