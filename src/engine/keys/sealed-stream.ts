/**
 * A stream sealed by a key: a random salt, then pieces of AES-256-GCM under a key derived from both. Each piece's nonce
 * is its number and whether it is the last, so that none can be changed, left out, moved or cut off unseen.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { Transform } from "node:stream";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";

const MAGIC = Buffer.from("berthmem");
const SALT_BYTES = 32;
const TAG_BYTES = 16;
const PIECE_BYTES = 2 ** 20;
const CIPHER = "aes-256-gcm";
const PURPOSE = "berth suspended memory";

export function sealing(key: Secret): Transform {
  const salt = randomBytes(SALT_BYTES);
  const derived = derive(key, salt);
  return inPieces(
    () => PIECE_BYTES,
    (piece, at, last) => {
      const cipher = createCipheriv(CIPHER, derived, nonceOf(at, last));
      const sealed = [cipher.update(piece), cipher.final(), cipher.getAuthTag()];
      return Buffer.concat(at === 0 ? [MAGIC, salt, ...sealed] : sealed);
    },
  );
}

/** Fails where anything is not as it was sealed; what it gave before that was. */
export function unsealing(key: Secret): Transform {
  let derived: Buffer | undefined;
  return inPieces(
    (at) => (at === 0 ? MAGIC.length + SALT_BYTES : PIECE_BYTES + TAG_BYTES),
    (piece, at, last) => {
      if (derived) return open(derived, piece, at - 1, last);
      if (last || !piece.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged();
      derived = derive(key, piece.subarray(MAGIC.length));
      return Buffer.alloc(0);
    },
  );
}

function open(derived: Buffer, piece: Buffer, at: number, last: boolean): Buffer {
  if (piece.length < TAG_BYTES) throw damaged();
  const decipher = createDecipheriv(CIPHER, derived, nonceOf(at, last), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(piece.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(piece.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw damaged(cause);
  }
}

function damaged(cause?: unknown): EngineError {
  return new EngineError("driver-failed", "its file is damaged, or sealed by another key", { cause });
}

function derive(key: Secret, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync("sha256", key.reveal(), salt, PURPOSE, 32));
}

/** Unique for each piece of a stream, and the key is the stream's own. */
function nonceOf(at: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(at, 7);
  nonce.writeUInt8(last ? 1 : 0, 11);
  return nonce;
}

/** Cuts what passes into pieces of the lengths that are said, and the last into what is left: at least one byte if any came. */
function inPieces(
  lengthOf: (at: number) => number,
  work: (piece: Buffer, at: number, last: boolean) => Buffer,
): Transform {
  let held: Buffer[] = [];
  let size = 0;
  let at = 0;
  const take = (length: number): Buffer => {
    const all = Buffer.concat(held, size);
    held = [all.subarray(length)];
    size -= length;
    return all.subarray(0, length);
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      held.push(chunk);
      size += chunk.length;
      try {
        // One byte more than a piece must be there: only then is that surely not the last.
        for (let length = lengthOf(at); size > length; length = lengthOf(at)) {
          this.push(work(take(length), at, false));
          at += 1;
        }
        done();
      } catch (error) {
        done(asError(error));
      }
    },
    flush(done) {
      try {
        done(null, work(take(size), at, true));
      } catch (error) {
        done(asError(error));
      }
    },
  });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(messageOf(error));
}
