/**
 * A stream under a passphrase: frames of AES-256-GCM by a key that scrypt makes of it. Each frame's number and whether it
 * is the last are a part of its nonce, so that none can be left out, repeated or moved, and no end is made up.
 */
import {
  createCipheriv,
  createDecipheriv,
  type DecipherGCM,
  randomBytes,
  type ScryptOptions,
  scrypt,
} from "node:crypto";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import { SEALED_MAGIC } from "../../../api/vm-file.ts";
import { EngineError } from "../../../base/errors.ts";
import { exactly } from "../../../base/read-exactly.ts";
import type { Secret } from "../../../base/secret.ts";
import { damagedFile } from "./layout.ts";

const MAGIC = Buffer.from(SEALED_MAGIC);
const SALT_BYTES = 16;
const FRAME_BYTES = 256 * 2 ** 10;
const LENGTH_BYTES = 4;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
/** 128 ms and 64 MiB for whoever tries a passphrase. */
const COST = { N: 2 ** 16, r: 8, p: 1, maxmem: 2 ** 27 };
const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

function nonceOf(frame: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt8(isLast ? 1 : 0, 0);
  nonce.writeBigUInt64BE(BigInt(frame), NONCE_BYTES - 8);
  return nonce;
}

export async function* sealed(
  source: AsyncIterable<Uint8Array>,
  passphrase: Secret,
): AsyncGenerator<Uint8Array> {
  const head = Buffer.concat([MAGIC, randomBytes(SALT_BYTES)]);
  const key = await derive(passphrase.reveal(), head.subarray(MAGIC.length), KEY_BYTES, COST);
  yield head;
  let frame = 0;
  const seal = (plain: Uint8Array, isLast: boolean): Buffer => {
    const cipher = createCipheriv(CIPHER, key, nonceOf(frame++, isLast)).setAAD(head);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(plain.length * 2 + (isLast ? 1 : 0)); // The lowest bit says whether it is the last.
    return Buffer.concat([length, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  };
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    held = Buffer.concat([held, chunk]);
    for (; held.length > FRAME_BYTES; held = held.subarray(FRAME_BYTES))
      yield seal(held.subarray(0, FRAME_BYTES), false);
  }
  yield seal(held, true);
}

/** Of a stream that begins so. Rejects with `permission-denied` where the first frame does not open. */
export async function* unsealed(
  source: AsyncIterable<Uint8Array>,
  passphrase: Secret,
): AsyncGenerator<Buffer> {
  const stream = Readable.from(source, { objectMode: false });
  const read = exactly(stream);
  const next = (bytes: number) =>
    read(bytes).catch((cause: unknown) => {
      throw stream.errored ?? damagedFile("it ends too early", cause);
    });
  try {
    const head = Buffer.from(await next(MAGIC.length + SALT_BYTES));
    const key = await derive(passphrase.reveal(), head.subarray(MAGIC.length), KEY_BYTES, COST);
    for (let frame = 0, isLast = false; !isLast; frame += 1) {
      const told = (await next(LENGTH_BYTES)).readUInt32BE();
      const length = Math.floor(told / 2);
      isLast = told % 2 === 1;
      if (length > FRAME_BYTES) throw damagedFile(`a part of it would have ${length} bytes`);
      const body = await next(length + TAG_BYTES);
      const decipher = createDecipheriv(CIPHER, key, nonceOf(frame, isLast)).setAAD(head);
      yield opened(decipher, body, frame);
    }
    const more = await read(1).catch(() => undefined);
    if (more) throw damagedFile("something comes after its end");
    if (stream.errored) throw stream.errored;
  } finally {
    stream.destroy();
  }
}

function opened(decipher: DecipherGCM, body: Buffer, frame: number): Buffer {
  const tagAt = body.length - TAG_BYTES;
  try {
    decipher.setAuthTag(body.subarray(tagAt));
    return Buffer.concat([decipher.update(body.subarray(0, tagAt)), decipher.final()]);
  } catch (cause) {
    if (frame > 0) throw damagedFile("a part of it is not what was exported", cause);
    throw new EngineError("permission-denied", "cannot import the file: its passphrase is another", {
      hint: "Or its beginning is damaged.",
      cause,
    });
  }
}
