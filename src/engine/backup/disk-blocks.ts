/** What a disk held that lies in a backup, as a driver takes it. */
import type { Ctx } from "../ctx.ts";
import type { Block } from "../drivers/points.ts";
import { diskPath } from "./definition.ts";
import type { BackupReader } from "./repository/reader.ts";
import type { Snapshot } from "./repository/snapshot.ts";
import type { StoredFile } from "./repository/stored-file.ts";

/** Disks of a backup, one after the other; how far they are is told of all of them together. */
export class BackupDisks {
  readonly #reader: BackupReader;
  readonly #snapshot: Snapshot;
  readonly #totalBytes: number;
  #doneBytes = 0;

  constructor(reader: BackupReader, snapshot: Snapshot, sizes: readonly number[]) {
    this.#reader = reader;
    this.#snapshot = snapshot;
    this.#totalBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** `stored` is the disk's id in the backup. */
  async open(ctx: Ctx, stored: string): Promise<StoredFile> {
    return this.#reader.open(ctx, await this.#reader.node(ctx, this.#snapshot, diskPath(stored)));
  }

  /** All but its zeros, in order. */
  async *blocks(ctx: Ctx, file: StoredFile): AsyncGenerator<Block> {
    for await (const { offset, lengthBytes, bytes } of file.pieces(ctx)) {
      if (bytes) yield { offset, data: bytes };
      this.#doneBytes += lengthBytes;
      ctx.progress({ phase: "restore-disk", done: this.#doneBytes, total: this.#totalBytes });
    }
  }
}
