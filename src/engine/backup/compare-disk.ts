/** Whether a disk holds what a backup says of it, by the sums of its pieces: the repository need not be read for it. */
import type { Ctx } from "../ctx.ts";
import { bytesOf, type PointDisk } from "../drivers/points.ts";
import { CHUNK_BYTES, ZERO_CHUNK } from "./repository/chunks.ts";
import { sha256 } from "./repository/ids.ts";
import type { StoredFile } from "./repository/stored-file.ts";

/** Where it begins to be another; undefined where it is the same. */
export async function differenceOf(
  ctx: Pick<Ctx, "signal">,
  disk: PointDisk,
  file: StoredFile,
  onDone: (bytes: number) => void,
): Promise<number | undefined> {
  if (disk.sizeBytes !== file.sizeBytes) return Math.min(disk.sizeBytes, file.sizeBytes);
  const holes = await Holes.of(ctx, disk);
  for (const { offset, lengthBytes, id } of file.sums()) {
    const sum = holes.have(offset, offset + lengthBytes)
      ? sumOfZeros(lengthBytes)
      : sha256(await bytesOf(disk, ctx, offset, lengthBytes));
    if (Buffer.compare(sum, id) !== 0) return offset;
    onDone(offset + lengthBytes);
  }
  return undefined;
}

function sumOfZeros(lengthBytes: number): Uint8Array {
  return lengthBytes === CHUNK_BYTES ? ZERO_CHUNK : sha256(new Uint8Array(lengthBytes));
}

/** Where a disk says that it holds nothing but zeros. */
class Holes {
  readonly #data: readonly { from: number; to: number }[];
  #at = 0;

  private constructor(data: readonly { from: number; to: number }[]) {
    this.#data = data;
  }

  static async of(ctx: Pick<Ctx, "signal">, disk: PointDisk): Promise<Holes> {
    const data: { from: number; to: number }[] = [];
    for await (const { offset, length, zero } of disk.extents(ctx))
      if (!zero) data.push({ from: offset, to: offset + length });
    return new Holes(data);
  }

  /** To be asked in order. */
  have(from: number, to: number): boolean {
    while ((this.#data[this.#at]?.to ?? Number.POSITIVE_INFINITY) <= from) this.#at += 1;
    return (this.#data[this.#at]?.from ?? Number.POSITIVE_INFINITY) >= to;
  }
}
