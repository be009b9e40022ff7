/** Frames on a byte stream, however it is cut. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameReader, framed, LONGEST_FRAME } from "../../../../src/engine/networks/frames.ts";

const frame = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes));

test("what is sent arrives, wherever the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 700 })),
      (frames, cuts) => {
        const stream = Buffer.concat(frames.map(framed));
        const reader = new FrameReader();
        const got: Buffer[] = [];
        for (let at = 0, cut = 0; at < stream.length; cut += 1) {
          const end = at + (cuts[cut % Math.max(cuts.length, 1)] ?? stream.length);
          got.push(...reader.push(stream.subarray(at, end)).map((one) => Buffer.from(one)));
          at = end;
        }
        expect(got).toEqual(frames);
      },
    ),
  );
});

test("the length is four bytes, the highest first", () => {
  expect(framed(Buffer.alloc(258, 7)).subarray(0, 5)).toEqual(Buffer.from([0, 0, 1, 2, 7]));
});

test.each([0, LONGEST_FRAME + 1, 0xffff_ffff])("a frame of %d bytes is none", (length) => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(length);
  expect(() => new FrameReader().push(head)).toThrow("a frame of");
});
