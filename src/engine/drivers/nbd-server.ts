/**
 * A read-only NBD server on a Unix socket of this engine's: what it serves is read wherever it lies, when it is asked for.
 * Who asks may be a QEMU that its guest has taken over: it gets bytes of this one disk, and may not make the engine swell.
 */
import { once as event } from "node:events";
import { chmod, rm } from "node:fs/promises";
import net from "node:net";
import { exactly } from "../../base/read-exactly.ts";
import type { Log } from "../log.ts";
import {
  Chunk,
  Command,
  FIXED_NEWSTYLE,
  GREETING_MAGIC,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  Option,
  OptionReply,
  REQUEST_MAGIC,
  SIMPLE_REPLY_MAGIC,
  STRUCTURED_REPLY_MAGIC,
} from "./qemu/points/nbd-wire.ts";

export type ServedBytes = {
  sizeBytes: number;
  /** Several may be under way. */
  read(offset: number, lengthBytes: number): Promise<Uint8Array>;
  /** Whether these are known to be zeros, which need not be read then. */
  isZero?(offset: number, lengthBytes: number): boolean;
};

export type NbdServer = {
  /** Ends every connection; resolves when nothing listens any more. */
  close(): Promise<void>;
};

/** All servers have but one disk. */
export const NBD_EXPORT = "disk";

/** So much is asked for at once, and so many requests are under way for one client: 32 MiB. */
const MOST_BYTES = 2 * 2 ** 20;
const MOST_REQUESTS = 16;
const MOST_OPTION_BYTES = 64 * 1024;

const NO_ZEROES = 2;
const EXPORT_FLAGS = 1 | 2 | 256; // There are flags, it is read-only, and several may connect.
const UNSUPPORTED = 2 ** 31 + 1;
const UNKNOWN = 2 ** 31 + 6;
const ERRNO = { notPermitted: 1, io: 5, invalid: 22 } as const;
const ERROR_CHUNK = 0x8001;

export async function serveNbd(path: string, served: ServedBytes, log: Log): Promise<NbdServer> {
  await rm(path, { force: true });
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    new Connection(socket, served, log).run().then(
      () => socket.end(),
      (error: unknown) => {
        log.debug("a reader of a lent disk has left", { error });
        socket.destroy();
      },
    );
  });
  server.listen(path);
  await event(server, "listening");
  await chmod(path, 0o600);
  return {
    close: async () => {
      const closed = event(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
      await rm(path, { force: true });
    },
  };
}

type Asked = { cookie: Buffer; offset: number; length: number };

class Connection {
  readonly #socket: net.Socket;
  readonly #served: ServedBytes;
  readonly #log: Log;
  readonly #take: (bytes: number) => Promise<Buffer>;
  readonly #underway = new Set<Promise<void>>();
  #isStructured = false;

  constructor(socket: net.Socket, served: ServedBytes, log: Log) {
    this.#socket = socket;
    this.#served = served;
    this.#log = log;
    this.#take = exactly(socket);
    socket.setMaxListeners(8 * MOST_REQUESTS);
  }

  /** Resolves when the client has taken leave; rejects where it does not speak as it should. */
  async run(): Promise<void> {
    this.#socket.write(
      Buffer.concat([u64(GREETING_MAGIC), u64(OPTION_MAGIC), u16(FIXED_NEWSTYLE | NO_ZEROES)]),
    );
    const flags = (await this.#take(4)).readUInt32BE();
    if ((flags & FIXED_NEWSTYLE) === 0) throw new Error("it speaks an NBD that is too old");
    if (await this.#agree((flags & NO_ZEROES) !== 0)) await this.#answer();
    await Promise.all(this.#underway);
  }

  /** False where the client leaves without a disk. */
  async #agree(withoutZeroes: boolean): Promise<boolean> {
    for (;;) {
      const head = await this.#take(16);
      const [kind, length] = [head.readUInt32BE(8), head.readUInt32BE(12)];
      if (head.readBigUInt64BE() !== OPTION_MAGIC || length > MOST_OPTION_BYTES)
        throw new Error("it sent what is no option");
      const data = await this.#take(length);
      if (kind === Option.abort) {
        this.#reply(kind, OptionReply.acknowledged);
        return false;
      }
      if (kind === Option.exportName) {
        const zeroes = Buffer.alloc(withoutZeroes ? 0 : 124);
        this.#socket.write(Buffer.concat([u64(this.#size), u16(EXPORT_FLAGS), zeroes]));
        return true;
      }
      if (this.#option(kind, data)) return true;
    }
  }

  get #size(): bigint {
    return BigInt(this.#served.sizeBytes);
  }

  /** True where it ends the agreement. */
  #option(kind: number, data: Buffer): boolean {
    if (kind === Option.structuredReplies) {
      this.#isStructured = true;
      this.#reply(kind, OptionReply.acknowledged);
    } else if (kind !== Option.go && kind !== Option.info) this.#reply(kind, UNSUPPORTED);
    else if (nameIn(data) !== NBD_EXPORT) this.#reply(kind, UNKNOWN);
    else {
      this.#reply(kind, OptionReply.info, Buffer.concat([u16(0), u64(this.#size), u16(EXPORT_FLAGS)]));
      this.#reply(kind, OptionReply.info, Buffer.concat([u16(3), u32(1), u32(4096), u32(MOST_BYTES)]));
      this.#reply(kind, OptionReply.acknowledged);
      return kind === Option.go;
    }
    return false;
  }

  async #answer(): Promise<void> {
    for (;;) {
      const head = await this.#take(28);
      if (head.readUInt32BE() !== REQUEST_MAGIC) throw new Error("it sent what is no request");
      const type = head.readUInt16BE(6);
      const offset = Number(head.readBigUInt64BE(16));
      const asked = { cookie: Buffer.from(head.subarray(8, 16)), offset, length: head.readUInt32BE(24) };
      if (type === Command.disconnect) return;
      // What it would write comes behind its request.
      if (type === Command.write) throw new Error("it writes to a disk that is read-only");
      if (type === Command.read) await this.#begin(asked);
      else this.#fail(asked, ERRNO.notPermitted);
    }
  }

  async #begin(asked: Asked): Promise<void> {
    while (this.#underway.size >= MOST_REQUESTS) await Promise.race(this.#underway);
    const work: Promise<void> = this.#read(asked).finally(() => this.#underway.delete(work));
    this.#underway.add(work);
  }

  /** Never rejects: what cannot be read is the disk's error, and the guest's to see. */
  async #read(asked: Asked): Promise<void> {
    const { offset, length } = asked;
    if (length > MOST_BYTES || offset + length > this.#served.sizeBytes)
      return this.#fail(asked, ERRNO.invalid);
    try {
      if (!this.#write(await this.#partsOf(asked))) await this.#drained();
    } catch (error) {
      this.#log.warn("a lent disk could not be read", { offset, length, error });
      this.#fail(asked, ERRNO.io);
    }
  }

  /** Of the answer to a read. */
  async #partsOf({ cookie, offset, length }: Asked): Promise<Uint8Array[]> {
    if (this.#isStructured && this.#served.isZero?.(offset, length))
      return [structured(cookie, Chunk.hole, 12), u64(BigInt(offset)), u32(length)];
    const bytes = await this.#served.read(offset, length);
    if (!this.#isStructured) return [simple(cookie, 0), bytes];
    return [structured(cookie, Chunk.data, 8 + length), u64(BigInt(offset)), bytes];
  }

  /** A client that does not take its answers is not answered further. */
  async #drained(): Promise<void> {
    if (this.#socket.destroyed) return;
    const over = new AbortController();
    const heard = (name: string) => event(this.#socket, name, { signal: over.signal });
    await Promise.race([heard("drain"), heard("close")]).catch(() => {});
    over.abort();
  }

  #fail({ cookie }: Asked, errno: number): void {
    if (this.#isStructured) this.#write([structured(cookie, ERROR_CHUNK, 6), u32(errno), u16(0)]);
    else this.#write([simple(cookie, errno)]);
  }

  /** In one piece: answers to several requests are written at the same time. */
  #write(parts: readonly Uint8Array[]): boolean {
    return this.#socket.destroyed || this.#socket.write(Buffer.concat(parts));
  }

  #reply(kind: number, type: number, body: Buffer = Buffer.alloc(0)): void {
    const head = [u64(OPTION_REPLY_MAGIC), u32(kind), u32(type), u32(body.length)];
    this.#socket.write(Buffer.concat([...head, body]));
  }
}

function nameIn(data: Buffer): string | undefined {
  if (data.length < 4) return undefined;
  const length = data.readUInt32BE();
  return length > data.length - 4 ? undefined : data.toString("utf8", 4, 4 + length);
}

/** Of an answer that is one piece. */
function structured(cookie: Buffer, type: number, length: number): Buffer {
  return Buffer.concat([u32(STRUCTURED_REPLY_MAGIC), u16(1), u16(type), cookie, u32(length)]);
}

function simple(cookie: Buffer, errno: number): Buffer {
  return Buffer.concat([u32(SIMPLE_REPLY_MAGIC), u32(errno), cookie]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
