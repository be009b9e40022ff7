/**
 * What NBD clients and servers tell each other, as bytes: fixed newstyle with structured replies (the NBD project's
 * doc/proto.md). Pure. The server may be a QEMU that its guest has taken over, so nothing is believed unchecked.
 */
import { EngineError } from "../../../../base/errors.ts";

export const GREETING_BYTES = 18;
export const OPTION_REPLY_BYTES = 20;
/** Of a simple reply, and of a structured one without its length. */
export const REPLY_BYTES = 16;

export const GREETING_MAGIC = 0x4e42444d41474943n;
export const OPTION_MAGIC = 0x49484156454f5054n;
export const OPTION_REPLY_MAGIC = 0x0003e889045565a9n;
export const REQUEST_MAGIC = 0x25609513;
export const SIMPLE_REPLY_MAGIC = 0x67446698;
export const STRUCTURED_REPLY_MAGIC = 0x668e33ef;

export const FIXED_NEWSTYLE = 1;

export const Option = {
  exportName: 1,
  abort: 2,
  info: 6,
  go: 7,
  structuredReplies: 8,
  setMetaContext: 10,
} as const;
export const OptionReply = { acknowledged: 1, info: 3, metaContext: 4 } as const;
export const Command = { read: 0, write: 1, disconnect: 2, flush: 3, zero: 6, blockStatus: 7 } as const;
export const Chunk = { none: 0, data: 1, hole: 2, blockStatus: 5 } as const;

const DONE = 1;
const ERROR_BIT = 0x8000;

/** The most that is taken of a reply without the disk's content. */
export const MAX_BODY_BYTES = 2 ** 20 + 64;

/** Throws where the server is no such one. */
export function checkGreeting(bytes: Buffer): void {
  if (bytes.readBigUInt64BE(0) !== GREETING_MAGIC || bytes.readBigUInt64BE(8) !== OPTION_MAGIC)
    throw broken("it is no NBD server");
  if ((bytes.readUInt16BE(16) & FIXED_NEWSTYLE) === 0) throw broken("it speaks an NBD that is too old");
}

export function clientFlags(): Buffer {
  return uint32(FIXED_NEWSTYLE);
}

export function option(kind: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigUInt64BE(OPTION_MAGIC, 0);
  head.writeUInt32BE(kind, 8);
  head.writeUInt32BE(data.length, 12);
  return Buffer.concat([head, data]);
}

export function optionReply(bytes: Buffer, asked: number): { type: number; length: number } {
  if (bytes.readBigUInt64BE(0) !== OPTION_REPLY_MAGIC) throw broken("it sent what is no reply");
  if (bytes.readUInt32BE(8) !== asked) throw broken("it answers what nobody asked");
  const length = bytes.readUInt32BE(16);
  if (length > MAX_BODY_BYTES) throw broken("its reply is too long");
  return { type: bytes.readUInt32BE(12), length };
}

export function goData(exportName: string): Buffer {
  return Buffer.concat([text(exportName), Buffer.alloc(2)]);
}

export function metaContextData(exportName: string, contexts: readonly string[]): Buffer {
  return Buffer.concat([text(exportName), uint32(contexts.length), ...contexts.map(text)]);
}

export function metaContext(body: Buffer): { id: number; name: string } {
  if (body.length < 4) throw broken("its reply is too short");
  return { id: body.readUInt32BE(0), name: body.toString("utf8", 4) };
}

/** The size of what it exports; undefined where the body tells something else. */
export function exportSize(body: Buffer): number | undefined {
  if (body.length < 2) throw broken("its reply is too short");
  if (body.readUInt16BE(0) !== 0) return undefined;
  if (body.length !== 12) throw broken("its reply has the wrong length");
  return safe(body.readBigUInt64BE(2));
}

export function request(type: number, cookie: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt32BE(REQUEST_MAGIC, 0);
  bytes.writeUInt16BE(type, 6);
  bytes.writeBigUInt64BE(BigInt(cookie), 8);
  bytes.writeBigUInt64BE(BigInt(offset), 16);
  bytes.writeUInt32BE(length, 24);
  return bytes;
}

export type ReplyHead =
  | { kind: "simple"; cookie: number; errno: number }
  | { kind: "structured"; cookie: number; type: number; done: boolean };

export function replyHead(bytes: Buffer): ReplyHead {
  const magic = bytes.readUInt32BE(0);
  const cookie = safe(bytes.readBigUInt64BE(8));
  if (magic === SIMPLE_REPLY_MAGIC) return { kind: "simple", cookie, errno: bytes.readUInt32BE(4) };
  if (magic !== STRUCTURED_REPLY_MAGIC) throw broken("it sent what is no reply");
  const done = (bytes.readUInt16BE(4) & DONE) !== 0;
  return { kind: "structured", cookie, type: bytes.readUInt16BE(6), done };
}

/** Of a chunk with the disk's content, or of a hole in it. */
export function chunkOffset(body: Buffer): number {
  if (body.length < 8) throw broken("its reply is too short");
  return safe(body.readBigUInt64BE(0));
}

export function holeLength(body: Buffer): number {
  if (body.length !== 12) throw broken("its reply has the wrong length");
  return body.readUInt32BE(8);
}

/** How far something holds, and what: the flags of its context. */
export type Run = { length: number; flags: number };

export function blockStatus(body: Buffer): { context: number; runs: Run[] } {
  if (body.length < 12 || body.length % 8 !== 4) throw broken("its reply has the wrong length");
  const runs: Run[] = [];
  for (let at = 4; at < body.length; at += 8) {
    const length = body.readUInt32BE(at);
    if (length === 0) throw broken("it tells of a part without a length");
    runs.push({ length, flags: body.readUInt32BE(at + 4) });
  }
  return { context: body.readUInt32BE(0), runs };
}

export function isError(type: number): boolean {
  return (type & ERROR_BIT) !== 0;
}

/** The server's own words for an error, as far as there are some. */
export function errorOf(body: Buffer): { errno: number; words: string } {
  if (body.length < 6) throw broken("its reply is too short");
  const words = body.subarray(6, 6 + body.readUInt16BE(4)).toString("utf8");
  return { errno: body.readUInt32BE(0), words: words.slice(0, 500) };
}

export function broken(reason: string, cause?: unknown): EngineError {
  return new EngineError("driver-failed", `cannot talk to the disk's server: ${reason}`, { cause });
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw broken("it sent a number that is too large");
  return Number(value);
}

function text(words: string): Buffer {
  const bytes = Buffer.from(words, "utf8");
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
