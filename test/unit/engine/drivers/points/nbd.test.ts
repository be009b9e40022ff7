/** The NBD client over real sockets: what a server may do, and what one does that is broken or hostile. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import type net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EngineError } from "../../../../../src/base/errors.ts";
import { NbdClient } from "../../../../../src/engine/drivers/qemu/points/nbd.ts";
import {
  type Asked,
  chunk,
  data,
  type FakeNbd,
  failure,
  hole,
  optionReply,
  serveFake,
  simple,
  status,
} from "../../../../support/fake-nbd.ts";
import { readBytes } from "../../../../support/nbd-bytes.ts";

let directory: string;
let servers: net.Server[] = [];
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-nbd-"));
});
afterEach(async () => {
  for (const server of servers) await new Promise<void>((resolve) => server.close(() => resolve()));
  servers = [];
  await rm(directory, { recursive: true, force: true });
});

async function listen(fake: FakeNbd): Promise<string> {
  const file = path.join(directory, `nbd${servers.length}`);
  servers.push(await serveFake(file, fake));
  return file;
}

const connect = async (fake: FakeNbd, contexts: readonly string[] = []) =>
  NbdClient.connect(await listen(fake), "disk", { contexts });

/** The parts of an answer, of which some may be holes; cut anywhere on the wire. */
const Cuts = fc.array(fc.integer({ min: 1, max: 5_000 }), { maxLength: 8 });

function answered(content: Buffer, { cookie, offset, length }: Asked, cuts: readonly number[]): Buffer {
  const edges = [0, ...cuts.filter((cut) => cut < length), length].sort((a, b) => a - b);
  const pieces: Buffer[] = [];
  for (const [index, from] of edges.slice(0, -1).entries()) {
    const bytes = content.subarray(offset + from, offset + (edges[index + 1] ?? 0));
    if (bytes.length === 0) continue;
    const isHole = bytes.every((byte) => byte === 0);
    const body = isHole ? hole(offset + from, bytes.length) : data(offset + from, bytes);
    pieces.push(chunk(cookie, isHole ? 2 : 1, body, false));
  }
  return Buffer.concat([...pieces.reverse(), chunk(cookie, 0, Buffer.alloc(0))]);
}

function cutUp(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let rest = bytes;
  for (const size of sizes) {
    pieces.push(rest.subarray(0, size));
    rest = rest.subarray(size);
  }
  return [...pieces, rest].filter(({ length }) => length > 0);
}

test("what is read is what is there, however the answer is cut, in whatever order the answers come", async () => {
  const size = 2 ** 16;
  const content = randomBytes(size);
  content.fill(0, 8_000, 30_000);
  let cuts: readonly number[] = [];
  let wire: readonly number[] = [];
  let held: Buffer[] = [];
  const client = await connect({
    size,
    answer: (asked) => {
      // Every second answer overtakes the one before it.
      const answer = cutUp(answered(content, asked, cuts), wire);
      if (held.length === 0) {
        held = answer;
        return [];
      }
      const both = [...answer, ...held];
      held = [];
      return both;
    },
  });
  const Part = fc.tuple(fc.nat(size - 1), fc.integer({ min: 1, max: size })).map(([offset, length]) => ({
    offset,
    length: Math.min(length, size - offset),
  }));
  await fc.assert(
    fc.asyncProperty(Part, Part, Cuts, Cuts, async (one, other, cutsNow, wireNow) => {
      cuts = cutsNow;
      wire = wireNow;
      const both = await Promise.all([one, other].map((part) => readBytes(client, part.offset, part.length)));
      expect(both[0]?.equals(content.subarray(one.offset, one.offset + one.length))).toBe(true);
      expect(both[1]?.equals(content.subarray(other.offset, other.offset + other.length))).toBe(true);
    }),
    { numRuns: 200 },
  );
  await client.close();
});

test("what is asked of contexts is told by their names; what is written arrives; an error is one request's alone", async () => {
  const seen: Asked[] = [];
  const client = await connect(
    {
      contexts: { "base:allocation": 7, "qemu:dirty-bitmap:a": 9, "base:other": 11 },
      answer: (asked) => {
        seen.push(asked);
        if (asked.type === 7) {
          const first = chunk(asked.cookie, 5, status(7, [{ length: 512, flags: 3 }]), false);
          return [first, chunk(asked.cookie, 5, status(9, [{ length: 1024, flags: 1 }]))];
        }
        if (asked.type === 1 || asked.type === 3)
          return [simple(asked.cookie, asked.offset === 512 ? 28 : 0)];
        return [chunk(asked.cookie, 0x8001, failure(5, "the snapshot is broken"))];
      },
    },
    ["base:allocation", "qemu:dirty-bitmap:a"],
  );
  expect(Object.fromEntries(await client.status(0, 4096))).toEqual({
    "base:allocation": [{ length: 512, flags: 3 }],
    "qemu:dirty-bitmap:a": [{ length: 1024, flags: 1 }],
  });
  await client.write(1024, Buffer.from("abc"));
  await client.flush();
  await expect(client.write(512, Buffer.from("abc"))).rejects.toMatchObject({ code: "no-resources" });
  await expect(readBytes(client, 0, 512)).rejects.toThrow("the snapshot is broken");
  expect(seen.map(({ type, length }) => [type, length])).toEqual([
    [7, 4096],
    [1, 3],
    [3, 0],
    [1, 3],
    [0, 512],
  ]);
  await client.close();
  await client.close();
  await expect(readBytes(client, 0, 512)).rejects.toThrow("the connection was closed");
});

const huge = Buffer.alloc(20);
Buffer.from("0003e889045565a9", "hex").copy(huge);
huge.writeUInt32BE(8, 8);
huge.writeUInt32BE(3, 12);
huge.writeUInt32BE(0xffffffff, 16);

test.each<[string, Partial<FakeNbd>, string]>([
  ["no NBD server", { raw: Buffer.from("SSH-2.0-OpenSSH_9.2 and more words") }, "it is no NBD server"],
  ["an old one", { raw: Buffer.from("NBDMAGICIHAVEOPT\0\0") }, "too old"],
  ["one that ends in its greeting", { raw: Buffer.from("NBDMAGIC") }, "did not answer"],
  [
    "one without structured replies",
    { refuse: { option: 8, reply: optionReply(8, 2 ** 31 + 1) } },
    "does not know",
  ],
  [
    "one without that disk",
    { refuse: { option: 7, reply: optionReply(7, 2 ** 31 + 6, Buffer.from("no such")) } },
    "no such",
  ],
  ["one that does not tell the size", { refuse: { option: 7, reply: optionReply(7, 1) } }, "size"],
  [
    "one that cannot tell of a context",
    { contexts: { "base:other": 1 } },
    "it cannot tell of base:allocation",
  ],
  ["a reply without an end", { refuse: { option: 8, reply: huge } }, "too long"],
  ["an answer to another option", { refuse: { option: 8, reply: optionReply(10, 1) } }, "nobody asked"],
  [
    "replies without an end",
    { refuse: { option: 8, reply: Buffer.concat(Array(2_000).fill(optionReply(8, 3))) } },
    "no end",
  ],
])("connecting to %s fails with the reason", async (_what, fake, reason) => {
  const file = await listen({ answer: () => [], contexts: { "base:allocation": 1 }, ...fake });
  const signal = AbortSignal.timeout(reason === "did not answer" ? 200 : 20_000);
  const failed = NbdClient.connect(file, "disk", { contexts: ["base:allocation"], signal });
  await expect(failed).rejects.toThrow(reason === "did not answer" ? /timeout/i : reason);
});

const wholly = (bytes: number) => Buffer.alloc(bytes, 7);
const body = (length: number) => {
  const head = chunk(1n, 1, Buffer.alloc(0));
  head.writeUInt32BE(length, 16);
  return head;
};

test.each<[string, (asked: Asked) => Buffer[]]>([
  ["an answer that nobody asked for", ({ cookie }) => [chunk(cookie + 1n, 0, Buffer.alloc(0))]],
  ["no answer at all", () => [Buffer.alloc(64, 1)]],
  ["too little", ({ cookie }) => [chunk(cookie, 1, data(4096, wholly(100)))]],
  ["nothing", ({ cookie }) => [chunk(cookie, 0, Buffer.alloc(0))]],
  ["what lies before", ({ cookie }) => [chunk(cookie, 1, data(0, wholly(4096)))]],
  ["what lies behind", ({ cookie }) => [chunk(cookie, 1, data(4097, wholly(4096)))]],
  ["a hole that is too large", ({ cookie }) => [chunk(cookie, 2, hole(4096, 2 ** 31))]],
  [
    "the same twice",
    ({ cookie }) => [chunk(cookie, 1, data(4096, wholly(4096)), false), chunk(cookie, 2, hole(4096, 4096))],
  ],
  ["data without an offset", ({ cookie }) => [chunk(cookie, 1, Buffer.alloc(5))]],
  ["data without data", ({ cookie }) => [chunk(cookie, 1, data(4096, Buffer.alloc(0)))]],
  ["an offset beyond all numbers", ({ cookie }) => [chunk(cookie, 1, Buffer.alloc(16, 255))]],
  ["a status instead", ({ cookie }) => [chunk(cookie, 5, status(3, [{ length: 4096, flags: 0 }]))]],
  ["a kind that nobody knows", ({ cookie }) => [chunk(cookie, 77, Buffer.alloc(0))]],
  ["a simple reply", ({ cookie }) => [simple(cookie, 0)]],
  ["an error without words", ({ cookie }) => [chunk(cookie, 0x8001, Buffer.alloc(2))]],
  ["a length of 4 GiB", () => [body(0xffffffff)]],
])("a read that is answered with %s fails, and takes nothing else for its answer", async (_what, answer) => {
  const client = await connect({ answer });
  await expect(readBytes(client, 4096, 4096)).rejects.toBeInstanceOf(EngineError);
  await client.close();
});

test.each<[string, Buffer]>([
  ["a part without a length", status(1, [{ length: 0, flags: 0 }])],
  ["no part", status(1, [])],
  ["half a part", Buffer.alloc(9)],
  ["another context", status(2, [{ length: 512, flags: 0 }])],
])("a question that is answered with %s fails", async (_what, answer) => {
  const contexts = { "base:allocation": 1 };
  const fake: FakeNbd = { contexts, answer: ({ cookie }) => [chunk(cookie, 5, answer)] };
  const client = await connect(fake, ["base:allocation"]);
  await expect(client.status(0, 4096)).rejects.toBeInstanceOf(EngineError);
  await client.close();
});

test("a server that says whatever it likes ends every read with an error, and none is left waiting", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 21, maxLength: 300 }),
      fc.boolean(),
      async (noise, asReply) => {
        const answer = ({ cookie }: Asked) => [
          asReply ? chunk(cookie, (noise[0] ?? 0) % 7, Buffer.from(noise)) : Buffer.from(noise),
        ];
        const client = await connect({
          answer: (asked, socket) => {
            setImmediate(() => socket.end());
            return answer(asked);
          },
        });
        await expect(readBytes(client, 4096, 4096)).rejects.toBeInstanceOf(EngineError);
        await client.close();
      },
    ),
    { numRuns: 100 },
  );
});

test("a read that is called off ends the connection: what comes for it later touches its buffer no more", async () => {
  const late: (() => void)[] = [];
  const client = await connect({
    answer: ({ cookie, offset, length }, socket) => {
      const answer = chunk(cookie, 1, data(offset, wholly(length)));
      if (offset !== 0) return [answer];
      late.push(() => void socket.write(answer));
      return [];
    },
  });
  const calledOff = new AbortController();
  const buffer = Buffer.alloc(512);
  const reading = client.read(0, buffer, { signal: calledOff.signal });
  expect((await readBytes(client, 512, 512)).equals(wholly(512))).toBe(true);
  calledOff.abort(new Error("no more"));
  await expect(reading).rejects.toThrow("no more");
  for (const answer of late) answer();
  await expect(readBytes(client, 1024, 512)).rejects.toThrow("was given up");
  await client.close();
  expect(buffer.every((byte) => byte === 0)).toBe(true);
});

test("a server that leaves ends all that is under way", async () => {
  const client = await connect({
    answer: (_asked, socket) => {
      socket.destroy();
      return [];
    },
  });
  const all = await Promise.allSettled([
    readBytes(client, 0, 512),
    readBytes(client, 512, 512),
    client.flush(),
  ]);
  expect(all.map((one) => one.status)).toEqual(["rejected", "rejected", "rejected"]);
  await client.close();
});
