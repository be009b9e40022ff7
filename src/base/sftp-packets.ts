/**
 * SFTP version 3's packets, as draft-ietf-secsh-filexfer-02 and OpenSSH's PROTOCOL file define them: the engine serves
 * mounts with them, and clients read guests' files. What is read comes from a guest, so every length is checked against the bytes that are there.
 */

export const PACKET = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const;

export const STATUS = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  unsupported: 8,
} as const;

/** The longest packet that is taken: OpenSSH's own limit. */
export const MAX_PACKET_BYTES = 256 * 1024;

/** A packet that is not what its length or its type says. */
export class BadPacket extends Error {
  override readonly name = "BadPacket";
}

/** SFTP's texts are bytes: each character of ours stands for one of them, so that no name is lost. */
export const BYTES = "latin1";

/** Reads fields in their order; throws `BadPacket` past the end. */
export class PacketReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  /** Offsets and sizes; those beyond 2^53 exist in no file. */
  uint64(): number {
    const value = this.#bytes.readBigUInt64BE(this.#take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new BadPacket(`${value} is out of range`);
    return Number(value);
  }

  data(): Buffer {
    const length = this.uint32();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  text(): string {
    return this.data().toString(BYTES);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw new BadPacket(`it ends ${length} bytes too early`);
    this.#at = start + length;
    return start;
  }
}

/** Writes fields; `packet` puts the length before them. */
export class PacketWriter {
  readonly #parts: Buffer[] = [];
  #length = 0;

  constructor(type: number) {
    this.byte(type);
  }

  byte(value: number): this {
    return this.#add(Buffer.of(value));
  }

  uint32(value: number): this {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeUInt32BE(value >>> 0);
    return this.#add(bytes);
  }

  uint64(value: number | bigint): this {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)));
    return this.#add(bytes);
  }

  data(value: Buffer): this {
    return this.uint32(value.length).#add(value);
  }

  text(value: string): this {
    return this.data(Buffer.from(value, BYTES));
  }

  packet(): Buffer {
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(this.#length);
    return Buffer.concat([length, ...this.#parts]);
  }

  #add(bytes: Buffer): this {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }
}

/** Which attributes a packet carries. */
export const HAS = { size: 1, owner: 2, mode: 4, times: 8, extended: 0x8000_0000 } as const;

/** Attributes as they stand in a packet; what is left out is not said, or stays. Times are in seconds. */
export type Attributes = {
  size?: number;
  owner?: { uid: number; gid: number };
  mode?: number;
  times?: { accessed: number; modified: number };
};

/** Throws `BadPacket` where they are cut short. */
export function readAttributes(reader: PacketReader): Attributes {
  const flags = reader.uint32();
  const wanted: Attributes = {};
  if (flags & HAS.size) wanted.size = reader.uint64();
  if (flags & HAS.owner) wanted.owner = { uid: reader.uint32(), gid: reader.uint32() };
  if (flags & HAS.mode) wanted.mode = reader.uint32();
  if (flags & HAS.times) wanted.times = { accessed: reader.uint32(), modified: reader.uint32() };
  if (flags & HAS.extended) {
    for (let count = reader.uint32(); count > 0; count -= 1) {
      reader.data();
      reader.data();
    }
  }
  return wanted;
}

/** All of them; what is left out is 0. */
export function writeAttributes(
  writer: PacketWriter,
  { size, owner, mode, times }: Attributes,
): PacketWriter {
  return writer
    .uint32(HAS.size | HAS.owner | HAS.mode | HAS.times)
    .uint64(size ?? 0)
    .uint32(owner?.uid ?? 0)
    .uint32(owner?.gid ?? 0)
    .uint32(mode ?? 0)
    .uint32(times?.accessed ?? 0)
    .uint32(times?.modified ?? 0);
}

/** The packets in a stream of bytes, without their lengths. Throws `BadPacket` for one that is empty or too long. */
export async function* packetsIn(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = [];
  let held = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    held += chunk.length;
    while (held >= 4) {
      if ((chunks[0]?.length ?? 0) < 4) chunks = [Buffer.concat(chunks)];
      const length = chunks[0]?.readUInt32BE(0) ?? 0;
      if (length < 1 || length > MAX_PACKET_BYTES) throw new BadPacket(`a packet of ${length} bytes`);
      if (held < 4 + length) break;
      const all = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      yield all.subarray(4, 4 + length);
      const rest = all.subarray(4 + length);
      chunks = rest.length > 0 ? [rest] : [];
      held = rest.length;
    }
  }
}
