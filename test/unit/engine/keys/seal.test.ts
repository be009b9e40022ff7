/** What is sealed opens with its key alone, and with nothing changed. */
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Secret } from "../../../../src/base/secret.ts";
import { opened, protect } from "../../../../src/engine/keys/passphrase-protection.ts";
import { seal, unseal } from "../../../../src/engine/keys/seal.ts";
import { sealing, unsealing } from "../../../../src/engine/keys/sealed-stream.ts";

const MIB = 2 ** 20;
const key = new Secret(randomBytes(32).toString("hex"));

test("a secret opens with its key, for what it is bound to, and not where a byte is another", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(bytes, fc.string(), fc.nat(), (plain, boundTo, at) => {
      const own = randomBytes(32);
      const text = seal(own, Buffer.from(plain), boundTo);
      expect(unseal(own, text, boundTo)?.equals(plain)).toBe(true);
      expect(unseal(own, text, `${boundTo}x`)).toBeUndefined();
      expect(unseal(randomBytes(32), text, boundTo)).toBeUndefined();
      const changed = Buffer.from(text, "base64");
      const index = at % changed.length;
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(unseal(own, changed.toString("base64"), boundTo)).toBeUndefined();
      expect(unseal(own, changed.subarray(0, index).toString("base64"), boundTo)).toBeUndefined();
    }),
  );
});

test("a passphrase opens what it protects, however its characters are composed", async () => {
  const own = randomBytes(32);
  const kept = await protect(own, "Pass\u00e9 phrase", "id");
  expect((await opened(kept, "Passe\u0301 phrase", "id"))?.equals(own)).toBe(true);
  expect(await opened(kept, "Passe phrase", "id")).toBeUndefined();
  expect(JSON.stringify(kept)).not.toContain(own.toString("base64"));
});

async function sealed(plain: Buffer): Promise<Buffer> {
  // In odd pieces, as they come from a socket.
  const pieces = [plain.subarray(0, 7), plain.subarray(7, 70_001), plain.subarray(70_001)];
  return buffer(Readable.from(pieces.filter((one) => one.length > 0)).compose(sealing(key)));
}

async function unsealed(bytes: Buffer, by = key): Promise<Buffer> {
  const stream = unsealing(by);
  const [plain] = await Promise.all([
    buffer(stream),
    pipeline(Readable.from([bytes]), stream, { end: true }),
  ]);
  return plain;
}

test.each([0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB])("%i bytes come back as they were", async (size) => {
  const plain = randomBytes(size);
  const file = await sealed(plain);
  expect((await unsealed(file)).equals(plain)).toBe(true);
  if (size > 100) expect(file.includes(plain.subarray(50, 82))).toBe(false);
});

test("the same content is never sealed the same way", async () => {
  const plain = Buffer.alloc(1000);
  expect((await sealed(plain)).equals(await sealed(plain))).toBe(false);
});

const PIECE = MIB + 16;
const HEAD = 40;

test.each<[string, (file: Buffer) => Buffer]>([
  ["another salt", (file) => flipped(file, 12)],
  ["another word at its beginning", (file) => flipped(file, 0)],
  ["a byte changed", (file) => flipped(file, HEAD + 5000)],
  ["a byte changed in its last piece", (file) => flipped(file, file.length - 1)],
  ["nothing in it", () => Buffer.alloc(0)],
  ["its head alone", (file) => file.subarray(0, HEAD)],
  ["its end cut off at a piece's end", (file) => file.subarray(0, HEAD + 2 * PIECE)],
  ["its end cut off within a piece", (file) => file.subarray(0, HEAD + PIECE + 100)],
  [
    "two pieces changed about",
    (file) =>
      Buffer.concat([
        file.subarray(0, HEAD),
        file.subarray(HEAD + PIECE, HEAD + 2 * PIECE),
        file.subarray(HEAD, HEAD + PIECE),
        file.subarray(HEAD + 2 * PIECE),
      ]),
  ],
  [
    "a piece left out",
    (file) => Buffer.concat([file.subarray(0, HEAD + PIECE), file.subarray(HEAD + 2 * PIECE)]),
  ],
  ["more at its end", (file) => Buffer.concat([file, Buffer.from("more")])],
])("a file with %s is damaged", async (_what, change) => {
  const file = await sealed(randomBytes(3 * MIB + 17));
  await expect(unsealed(change(file))).rejects.toThrow("its file is damaged, or sealed by another key");
});

test("another key opens nothing of it", async () => {
  const other = new Secret(randomBytes(32).toString("hex"));
  await expect(unsealed(await sealed(Buffer.from("hello")), other)).rejects.toThrow("sealed by another key");
});

function flipped(file: Buffer, at: number): Buffer {
  const changed = Buffer.from(file);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}
