/** The NBD server over real sockets: what its client is told, and what one does that is hostile. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, stat } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exactly } from "../../../../src/base/read-exactly.ts";
import {
  NBD_EXPORT,
  type NbdServer,
  type ServedBytes,
  serveNbd,
} from "../../../../src/engine/drivers/nbd-server.ts";
import { NbdClient } from "../../../../src/engine/drivers/qemu/points/nbd.ts";
import { option, request } from "../../../../src/engine/drivers/qemu/points/nbd-wire.ts";
import { silentLog } from "../../../../src/engine/log.ts";
import { readBytes } from "../../../support/nbd-bytes.ts";

const content = randomBytes(3 * 2 ** 20);

let directory: string;
let socket: string;
let server: NbdServer | undefined;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-nbd-"));
  socket = path.join(directory, "nbd");
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(directory, { recursive: true, force: true });
});

async function serve(read: ServedBytes["read"] = async (at, length) => content.subarray(at, at + length)) {
  server = await serveNbd(socket, { sizeBytes: content.length, read }, silentLog);
}

test("a client reads any part of it, several at the same time", async () => {
  await serve();
  const client = await NbdClient.connect(socket, NBD_EXPORT);
  expect(client.size).toBe(content.length);
  expect((await stat(socket)).mode & 0o777).toBe(0o600);
  const Part = fc
    .tuple(fc.integer({ min: 0, max: content.length - 1 }), fc.integer({ min: 1, max: 2 ** 20 }))
    .map(([at, length]) => ({ at, length: Math.min(length, content.length - at) }));
  await fc.assert(
    fc.asyncProperty(fc.array(Part, { minLength: 1, maxLength: 20 }), async (parts) => {
      const read = await Promise.all(parts.map(({ at, length }) => readBytes(client, at, length)));
      for (const [index, { at, length }] of parts.entries())
        expect(read[index]?.equals(content.subarray(at, at + length))).toBe(true);
    }),
    { numRuns: 30 },
  );
  await client.close();
});

test("what cannot be read is an error of that part alone", async () => {
  await serve(async (at, length) => {
    if (at === 4096) throw new Error("the repository is gone");
    return content.subarray(at, at + length);
  });
  const client = await NbdClient.connect(socket, NBD_EXPORT);
  await expect(readBytes(client, 4096, 512)).rejects.toMatchObject({ details: { errno: 5 } });
  await expect(readBytes(client, content.length - 512, 1024)).rejects.toMatchObject({
    details: { errno: 22 },
  });
  await expect(readBytes(client, 0, 2 ** 22)).rejects.toMatchObject({ details: { errno: 22 } });
  await expect(client.zero(0, 512)).rejects.toMatchObject({ details: { errno: 1 } });
  expect(await readBytes(client, 0, 512)).toEqual(content.subarray(0, 512));
  await client.close();
});

test("what is known to be zeros is told, and not read", async () => {
  const read = async (at: number, length: number) => {
    if (at < 2 ** 20) throw new Error("zeros were read");
    return content.subarray(at, at + length);
  };
  const isZero = (at: number, length: number) => at + length <= 2 ** 20;
  server = await serveNbd(socket, { sizeBytes: content.length, read, isZero }, silentLog);
  const client = await NbdClient.connect(socket, NBD_EXPORT);
  const parts = await Promise.all([readBytes(client, 4096, 8192), readBytes(client, 2 ** 20, 4096)]);
  expect(parts).toEqual([Buffer.alloc(8192), content.subarray(2 ** 20, 2 ** 20 + 4096)]);
  await client.close();
});

test("another disk is none, and what tells of parts is not to be had", async () => {
  await serve();
  await expect(NbdClient.connect(socket, "other")).rejects.toMatchObject({ code: "driver-failed" });
  await expect(NbdClient.connect(socket, NBD_EXPORT, { contexts: ["base:allocation"] })).rejects.toThrow();
});

test("an old client gets its disk, too, in answers of the simple kind", async () => {
  await serve();
  const connection = net.connect(socket);
  const take = exactly(connection);
  await take(18);
  connection.write(Buffer.from([0, 0, 0, 3]));
  connection.write(option(1, Buffer.from(NBD_EXPORT)));
  expect(Number((await take(10)).readBigUInt64BE())).toBe(content.length);
  connection.write(request(0, 7, 512, 1024));
  const head = await take(16);
  expect([head.readUInt32BE(), head.readUInt32BE(4), Number(head.readBigUInt64BE(8))]).toEqual([
    0x67446698, 0, 7,
  ]);
  expect(await take(1024)).toEqual(content.subarray(512, 1536));
  connection.destroy();
});

test("whoever writes, or speaks nonsense, is left, and others are served on", async () => {
  await serve();
  const other = await NbdClient.connect(socket, NBD_EXPORT);
  const client = await NbdClient.connect(socket, NBD_EXPORT);
  await expect(client.write(0, Buffer.alloc(512))).rejects.toThrow();
  for (const nonsense of [
    Buffer.alloc(64, 0xff),
    option(7, Buffer.alloc(70_000)),
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
  ]) {
    const connection = net.connect(socket);
    const closed = new Promise((resolve) => connection.once("close", resolve));
    // Where not all has been read, it is reset.
    connection.on("error", () => {});
    connection.resume();
    connection.write(nonsense);
    await closed;
  }
  expect(await readBytes(other, 0, 512)).toEqual(content.subarray(0, 512));
  await server?.close();
  await expect(readBytes(other, 0, 512)).rejects.toThrow();
  server = undefined;
});
