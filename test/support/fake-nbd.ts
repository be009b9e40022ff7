/** An NBD server of this process: it serves a buffer and says what it is told to, in pieces of any size and in any order. */
import net from "node:net";
import { exactly } from "../../src/base/read-exactly.ts";
import type { Run } from "../../src/engine/drivers/qemu/points/nbd-wire.ts";

export type Asked = { type: number; cookie: bigint; offset: number; length: number };

export type FakeNbd = {
  /** What it answers once all is agreed; several make one answer in pieces. */
  answer: (asked: Asked, socket: net.Socket) => Buffer[] | Promise<Buffer[]>;
  size?: number;
  contexts?: Record<string, number>;
  /** Sent instead of everything. */
  raw?: Buffer;
  /** Instead of the acknowledgement of this option. */
  refuse?: { option: number; reply: Buffer };
};

const OPTION_REPLY = 0x0003e889045565a9n;

export function optionReply(option: number, type: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(20);
  head.writeBigUInt64BE(OPTION_REPLY, 0);
  head.writeUInt32BE(option, 8);
  head.writeUInt32BE(type, 12);
  head.writeUInt32BE(body.length, 16);
  return Buffer.concat([head, body]);
}

export function chunk(cookie: bigint, type: number, body: Buffer, done = true): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt32BE(0x668e33ef, 0);
  head.writeUInt16BE(done ? 1 : 0, 4);
  head.writeUInt16BE(type, 6);
  head.writeBigUInt64BE(cookie, 8);
  head.writeUInt32BE(body.length, 16);
  return Buffer.concat([head, body]);
}

export function simple(cookie: bigint, errno: number): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32BE(0x67446698, 0);
  head.writeUInt32BE(errno, 4);
  head.writeBigUInt64BE(cookie, 8);
  return head;
}

export const data = (offset: number, bytes: Buffer) => Buffer.concat([u64(offset), bytes]);
export const hole = (offset: number, length: number) => Buffer.concat([u64(offset), u32(length)]);
export const status = (context: number, runs: readonly Run[]) =>
  Buffer.concat([u32(context), ...runs.flatMap(({ length, flags }) => [u32(length), u32(flags)])]);
export const failure = (errno: number, words: string) => {
  const text = Buffer.from(words);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length);
  return Buffer.concat([u32(errno), length, text]);
};

/** Listens until the server is closed; every connection gets the same. */
export async function serveFake(path: string, fake: FakeNbd): Promise<net.Server> {
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    void talk(socket, fake).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

async function talk(socket: net.Socket, fake: FakeNbd): Promise<void> {
  if (fake.raw) {
    socket.write(fake.raw);
    socket.resume();
    return;
  }
  const take = exactly(socket);
  socket.write(Buffer.concat([Buffer.from("NBDMAGICIHAVEOPT"), Buffer.from([0, 3])]));
  await take(4);
  for (;;) {
    const head = await take(16);
    const option = head.readUInt32BE(8);
    await take(head.readUInt32BE(12));
    if (fake.refuse?.option === option) {
      socket.write(fake.refuse.reply);
      continue;
    }
    for (const [name, id] of option === 10 ? Object.entries(fake.contexts ?? {}) : []) {
      socket.write(optionReply(option, 4, Buffer.concat([u32(id), Buffer.from(name)])));
    }
    const size = fake.size ?? 2 ** 20;
    if (option === 7)
      socket.write(optionReply(option, 3, Buffer.concat([Buffer.alloc(2), u64(size), Buffer.alloc(2)])));
    socket.write(optionReply(option, 1));
    if (option === 7) break;
  }
  for (;;) {
    const head = await take(28);
    const asked = {
      ...{ type: head.readUInt16BE(6), cookie: head.readBigUInt64BE(8) },
      ...{ offset: Number(head.readBigUInt64BE(16)), length: head.readUInt32BE(24) },
    };
    if (asked.type === 2) {
      socket.end();
      return;
    }
    if (asked.type === 1) await take(asked.length);
    for (const piece of await fake.answer(asked, socket)) socket.write(piece);
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
