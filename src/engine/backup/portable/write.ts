/** A point in time of a VM as the bytes of one file. Nothing is held but a few pieces, and where disks hold something. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import tar, { type Pack } from "tar-stream";
import type { Secret } from "../../../base/secret.ts";
import type { Ctx } from "../../ctx.ts";
import { bytesOf, type PointDisk } from "../../drivers/points.ts";
import { DEFINITION_ENTRY, diskEntry, smallEntry } from "./layout.ts";
import { sealed } from "./sealed.ts";
import { formatMap, piecesOf, type Segment, segmentsOf } from "./sparse.ts";
import { withSum } from "./summed.ts";

export type PortableVm = {
  definition: Uint8Array;
  /** What the guest has beside its disks. */
  small: readonly { name: string; bytes: Uint8Array }[];
  disks: readonly Pick<PointDisk, "id" | "sizeBytes" | "extents" | "read">[];
};

const PIECE_BYTES = 2 ** 20;
/** Pieces that are read while one is written. */
const AHEAD = 4;

/** Sealed where there is a passphrase. */
export async function* writePortable(
  ctx: Ctx,
  vm: PortableVm,
  passphrase: Secret | undefined,
): AsyncGenerator<Uint8Array> {
  const pack = tar.pack();
  const packed = packAll(ctx, pack, vm);
  packed.catch((error: unknown) => pack.destroy(error as Error));
  const summed = withSum(pack as unknown as AsyncIterable<Uint8Array>);
  try {
    yield* passphrase ? sealed(summed, passphrase) : summed;
    await packed;
  } finally {
    pack.destroy();
    await packed.catch(() => {});
  }
}

async function packAll(ctx: Ctx, pack: Pack, { definition, small, disks }: PortableVm): Promise<void> {
  await entry(pack, { name: DEFINITION_ENTRY, size: definition.length }, [definition]);
  for (const { name, bytes } of small)
    await entry(pack, { name: smallEntry(name), size: bytes.length }, [bytes]);
  const total = disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let before = 0;
  for (const disk of disks) {
    const segments = await segmentsOf(disk.extents(ctx));
    const map = formatMap(segments, disk.sizeBytes);
    const size = segments.reduce((sum, { length }) => sum + length, map.length);
    const told = (at: number) => ctx.progress({ phase: "export", done: before + at, total });
    await entry(
      pack,
      { ...diskEntry(disk.id, disk.sizeBytes), size },
      contentOf(ctx, disk, { map, segments, told }),
    );
    before += disk.sizeBytes;
  }
  pack.finalize();
}

async function entry(
  pack: Pack,
  header: { name: string; size: number; pax?: Record<string, string> },
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  await pipeline(Readable.from(content), pack.entry({ ...header, type: "file", mode: 0o600 }));
}

type Content = { map: Uint8Array; segments: readonly Segment[]; told: (at: number) => void };

async function* contentOf(
  ctx: Ctx,
  disk: Pick<PointDisk, "read">,
  { map, segments, told }: Content,
): AsyncGenerator<Uint8Array> {
  yield map;
  const waiting: { at: number; bytes: Promise<Buffer> }[] = [];
  for (const { offset, length } of piecesOf(segments, PIECE_BYTES)) {
    const bytes = bytesOf(disk, ctx, offset, length);
    bytes.catch(() => {}); // Told where it is waited for.
    waiting.push({ at: offset + length, bytes });
    if (waiting.length < AHEAD) continue;
    const first = waiting.shift();
    if (first) yield await first.bytes;
    told(first?.at ?? 0);
  }
  for (const { at, bytes } of waiting) {
    yield await bytes;
    told(at);
  }
}
