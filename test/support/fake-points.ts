/** Disks of the fake driver as far as points of them go: what they hold is in the host's memory, with notes of what changed. */
import path from "node:path";
import { abortable, sleep } from "../../src/base/async.ts";
import { EngineError } from "../../src/base/errors.ts";
import type { Ctx } from "../../src/engine/ctx.ts";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import { NBD_EXPORT } from "../../src/engine/drivers/nbd-server.ts";
import {
  type Consistency,
  type Extent,
  FIRST_DISK,
  type Point,
  type PointDisk,
  type PointRequest,
  type PointSupport,
} from "../../src/engine/drivers/points.ts";
import { NbdClient } from "../../src/engine/drivers/qemu/points/nbd.ts";
import type { FakeDriver, FakeGuest, FakeHost } from "./fake-driver.ts";
import { readBytes } from "./nbd-bytes.ts";

/** What is noted as changed, and is zero or not, as a whole. */
const BLOCK = 65_536;

export class FakeContent {
  readonly sizeBytes: number;
  /** Those that are not here are zero. None is ever changed in its place. */
  readonly blocks = new Map<number, Buffer>();
  /** Numbers of blocks that have changed, by the point since which that is noted. */
  readonly notes = new Map<string, Set<number>>();

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  /** As its guest writes. */
  write(offset: number, data: Uint8Array): void {
    for (let at = 0; at < data.length; ) {
      const number = Math.floor((offset + at) / BLOCK);
      const start = offset + at - number * BLOCK;
      const part = data.subarray(at, at + BLOCK - start);
      const block = Buffer.from(this.blocks.get(number) ?? Buffer.alloc(BLOCK));
      block.set(part, start);
      if (block.every((byte) => byte === 0)) this.blocks.delete(number);
      else this.blocks.set(number, block);
      for (const changed of this.notes.values()) changed.add(number);
      at += part.length;
    }
  }
}

/** What an instance's disk holds; empty where nobody has written to it. */
export function contentOf(host: FakeHost, instance: WithDisks, disk: string): FakeContent {
  const key = `${instance.id} ${disk}`;
  const extra = instance.disks?.find(({ id }) => id === disk);
  const sizeBytes = disk === FIRST_DISK ? instance.diskBytes : extra?.sizeBytes;
  const content = host.contents.get(key) ?? new FakeContent(sizeBytes ?? FAKE_DISK_BYTES);
  host.contents.set(key, content);
  return content;
}

/** As far as its disks' sizes are known. */
type WithDisks = Pick<DriverInstance, "id"> & Partial<Pick<DriverInstance, "diskBytes" | "disks">>;

const FAKE_DISK_BYTES = 2 ** 26;

export async function openFake(
  host: FakeHost,
  consistency: Consistency,
  instance: DriverInstance,
  request: PointRequest,
): Promise<Point> {
  const ids = [FIRST_DISK, ...instance.disks.map(({ id }) => id)];
  const contents = ids.map((id) => contentOf(host, instance, id));
  const disks = ids.map((id, index) => fakeDisk(host, contents[index] as FakeContent, id, instance, request));
  for (const { notes } of contents) notes.set(request.id, new Set());
  let isClosed = false;
  const close: Point["close"] = async (_ctx, kept) => {
    if (isClosed) return;
    isClosed = true;
    const wanted = new Set([request.id, ...request.keep]);
    for (const { notes } of contents) {
      const gone = [...notes.keys()].filter((id) => (kept ? !wanted.has(id) : id === request.id));
      for (const id of gone) notes.delete(id);
    }
  };
  return { consistency, disks, close };
}

function fakeDisk(
  host: FakeHost,
  content: FakeContent,
  id: string,
  instance: DriverInstance,
  { since }: PointRequest,
): PointDisk {
  const generation = instance.generations?.[id] ?? 0;
  const noted = since && since.generations[id] === generation ? content.notes.get(since.id) : undefined;
  const changed = noted && [...noted].sort((a, b) => a - b);
  const blocks = new Map(content.blocks);
  return {
    ...{ id, generation, sizeBytes: content.sizeBytes, isIncrement: changed !== undefined },
    extents: async function* () {
      yield* extentsOf(changed ?? [...blocks.keys()].sort((a, b) => a - b), blocks);
    },
    read: async ({ signal }, offset, into) => {
      signal.throwIfAborted();
      if (host.reads) await abortable(host.reads, signal);
      const [first, last] = [Math.floor(offset / BLOCK), Math.floor((offset + into.length - 1) / BLOCK)];
      const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
      const whole = Buffer.concat(numbers.map((number) => blocks.get(number) ?? Buffer.alloc(BLOCK)));
      into.set(whole.subarray(offset - first * BLOCK, offset - first * BLOCK + into.length));
    },
  };
}

function extentsOf(numbers: readonly number[], blocks: ReadonlyMap<number, Buffer>): Extent[] {
  const extents: Extent[] = [];
  for (const number of numbers) {
    const next = { offset: number * BLOCK, length: BLOCK, zero: !blocks.has(number) };
    const last = extents.at(-1);
    if (last && last.zero === next.zero && last.offset + last.length === next.offset) last.length += BLOCK;
    else extents.push(next);
  }
  return extents;
}

export function fakePoints(host: FakeHost, driver: FakeDriver): PointSupport {
  return {
    smallFiles: ({ directory }) => [{ name: "variables", file: path.join(directory, "variables") }],
    open: async (ctx, instance, request) => {
      ctx.signal.throwIfAborted();
      if (host.guests.has(instance.id))
        host.violations.push(`opened a point of ${instance.name}, which runs`);
      const point = await openFake(host, "offline", instance, request);
      host.resting.set(instance.id, driver);
      const close: Point["close"] = async (own, kept) => {
        host.resting.delete(instance.id);
        await point.close(own, kept);
      };
      return { ...point, close };
    },
    overwrite: async (ctx, instance, { id }, blocks) => {
      if (host.guests.has(instance.id)) host.violations.push(`wrote over ${instance.name}, which runs`);
      const content = contentOf(host, instance, id);
      content.blocks.clear();
      for await (const { offset, data } of blocks) {
        ctx.signal.throwIfAborted();
        content.write(offset, data);
      }
    },
    write: async (ctx, instance, disk, blocks) => {
      const key = `${instance.id} ${disk.id}`;
      if (host.contents.has(key)) {
        throw new EngineError("already-exists", `cannot write the disk ${disk.id}: there is one`);
      }
      const content = new FakeContent(disk.sizeBytes);
      for await (const { offset, data } of blocks) {
        ctx.signal.throwIfAborted();
        content.write(offset, data);
      }
      if (host.spoils) content.write(disk.sizeBytes >> 1, Buffer.from("rust"));
      host.contents.set(key, content);
    },
  };
}

/** Reads all that a disk lacks from where it is served, again and again where nobody serves it. */
export async function fillFake(
  ctx: Ctx,
  host: FakeHost,
  guest: FakeGuest,
  instance: DriverInstance,
  disk: string,
): Promise<void> {
  const socket = guest.awaited.get(disk);
  if (socket === undefined) return;
  for (;;) {
    try {
      await readAll(ctx, host, contentOf(host, instance, disk), guest, socket);
      guest.awaited.delete(disk);
      return;
    } catch {
      ctx.signal.throwIfAborted();
      await sleep(20, ctx.signal);
    }
  }
}

/** As much as is asked for at once. */
const PART = 2 ** 21;
const ZEROS = Buffer.alloc(PART);

async function readAll(
  ctx: Ctx,
  host: FakeHost,
  content: FakeContent,
  { name }: FakeGuest,
  socket: string,
): Promise<void> {
  const client = await NbdClient.connect(socket, NBD_EXPORT, { signal: ctx.signal });
  try {
    for (let offset = 0; offset < content.sizeBytes; offset += PART) {
      ctx.progress({ phase: "restore-disk", done: offset, total: content.sizeBytes });
      await host.step("fill", name, ctx.signal);
      const part = await readBytes(client, offset, Math.min(PART, content.sizeBytes - offset), ctx);
      if (!part.equals(ZEROS.subarray(0, part.length))) content.write(offset, part);
    }
  } finally {
    client.close();
  }
}

/** Keeps what an instance's disks hold, or makes it what was kept. */
export function copyContents(
  host: FakeHost,
  instance: DriverInstance,
  [from, to]: readonly [from: string, to: string],
): void {
  for (const id of [FIRST_DISK, ...instance.disks.map((disk) => disk.id)]) {
    const content = host.contents.get(`${instance.id} ${id}${from}`);
    if (!content) continue;
    const copy = new FakeContent(content.sizeBytes);
    for (const [number, block] of content.blocks) copy.blocks.set(number, block);
    host.contents.set(`${instance.id} ${id}${to}`, copy);
  }
}
