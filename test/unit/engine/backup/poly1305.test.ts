import { poly1305 as reference } from "@noble/ciphers/_poly1305.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { poly1305 } from "../../../../src/engine/backup/repository/poly1305.ts";

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });

test("gives the tag of the specification's example", () => {
  const r = "85d6be7857556d337f4452fe42d506a8";
  const s = "0103808afb0db2fd4abff6af4149f51b";
  const tag = poly1305(Buffer.from("Cryptographic Forum Research Group"), Buffer.from(r + s, "hex"));
  expect(Buffer.from(tag).toString("hex")).toBe("a8061dc1305136c6c22b8baf0c0127a9");
});

test("agrees with another's on any message and key", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), key, (message, oneTime) => {
      expect(Buffer.from(poly1305(message, oneTime))).toEqual(Buffer.from(reference(message, oneTime)));
    }),
    { numRuns: 500 },
  );
});

test("agrees with another's where sums and carries are as large as they become", () => {
  for (const length of [16, 31, 32, 48, 65536 - 1, 65536, 65536 + 16, 200_000]) {
    for (const fill of [0, 1, 0xfb, 0xfc, 0xff]) {
      for (const keyFill of [0, 1, 0x0f, 0xff]) {
        const message = new Uint8Array(length).fill(fill);
        const oneTime = new Uint8Array(32).fill(keyFill);
        expect(Buffer.from(poly1305(message, oneTime))).toEqual(Buffer.from(reference(message, oneTime)));
      }
    }
  }
});
