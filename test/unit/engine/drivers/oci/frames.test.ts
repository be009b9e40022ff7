import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { expect, test } from "vitest";
import { bothOutputs, FrameReader, type Output } from "../../../../../src/engine/drivers/oci/frames.ts";

function frame(output: Output, bytes: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head[0] = output === "stderr" ? 2 : 1;
  head.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

const written = fc.array(
  fc.record({
    output: fc.constantFrom<Output>("stdout", "stderr"),
    bytes: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  }),
);

test("each output comes out as it was written, however the connection cuts it", () => {
  fc.assert(
    fc.property(written, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (pieces, cuts) => {
      const all = Buffer.concat(pieces.map(({ output, bytes }) => frame(output, bytes)));
      const reader = new FrameReader();
      const got = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
      for (let at = 0, turn = 0; at < all.length; turn += 1) {
        const end = at + (cuts[turn % cuts.length] ?? 1);
        for (const { output, bytes } of reader.push(all.subarray(at, end))) got[output].push(bytes);
        at = end;
      }
      for (const output of ["stdout", "stderr"] as const) {
        const expected = pieces.filter((piece) => piece.output === output).map(({ bytes }) => bytes);
        expect(Buffer.concat(got[output])).toEqual(Buffer.concat(expected));
      }
    }),
  );
});

test("both outputs are one stream in order, and its end ends the connection", async () => {
  const source = Readable.from([frame("stdout", Buffer.from("a")), frame("stderr", Buffer.from("b"))]);
  expect((await buffer(bothOutputs(source))).toString()).toBe("ab");
  const endless = new Readable({ read() {} });
  bothOutputs(endless).destroy();
  await new Promise((resolve) => endless.once("close", resolve));
});
