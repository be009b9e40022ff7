/** A serial port shared by its watchers, over a real socket. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Duplex } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { type Deferred, deferred } from "../../../../src/base/async.ts";
import { ConsoleFeed, joined, Recent } from "../../../../src/engine/instances/console-feed.ts";

/** The guest's end of a port, and a feed of it. */
async function makeFeed(logged = ""): Promise<{ guest: Socket; feed: ConsoleFeed; exited: Deferred<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), "berth-feed-"));
  const arrived = deferred<Socket>();
  const server = createServer((socket) => arrived.resolve(socket.on("error", () => {})));
  server.listen(path.join(folder, "tty"));
  await once(server, "listening");
  const port = connect(path.join(folder, "tty"));
  const guest = await arrived.promise;
  onTestFinished(async () => {
    guest.destroy();
    port.destroy();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const exited = deferred<void>();
  const parts = { name: "web", port, exited: exited.promise, logged: async () => Buffer.from(logged) };
  return { guest, feed: await ConsoleFeed.open(parts), exited };
}

/** Reads until these words have come; resolves with all of it. */
async function reads(watcher: Duplex, words: string): Promise<string> {
  let all = "";
  const found = deferred<void>();
  const look = (chunk: Buffer) => {
    all += chunk.toString("latin1");
    if (all.includes(words)) found.resolve();
  };
  watcher.on("data", look);
  await found.promise;
  watcher.off("data", look);
  watcher.pause();
  return all;
}

test("all watchers see what is printed, a late one what was before it came, and all of them type", async () => {
  const { guest, feed } = await makeFeed("before\r\n");
  const typed = deferred<string>();
  let got = "";
  guest.on("data", (chunk: Buffer) => {
    got += chunk.toString("latin1");
    if (got.length === 6) typed.resolve(got);
  });
  const [first, second] = [feed.watch(), feed.watch()];
  guest.write("login: ");
  expect(await reads(first, "login: ")).toBe("before\r\nlogin: ");
  expect(await reads(second, "login: ")).toBe("before\r\nlogin: ");
  expect(await reads(feed.watch(), "login: ")).toBe("before\r\nlogin: ");
  expect(await reads(feed.watch(3), "n: ")).toBe("n: ");
  const from = feed.watch(0);
  first.write("one");
  second.write("two");
  expect([...(await typed.promise)].sort().join("")).toBe([..."onetwo"].sort().join(""));
  guest.write("now");
  expect(await reads(from, "now")).toBe("now");
});

test("a watcher that does not read misses the middle, is told, and keeps nobody waiting", async () => {
  const { guest, feed } = await makeFeed();
  const [slow, quick] = [feed.watch(), feed.watch()];
  let count = 0;
  quick.on("data", (chunk: Buffer) => {
    count += chunk.length;
  });
  const line = Buffer.from(`${"x".repeat(1022)}\r\n`);
  const total = 8 * 1024;
  for (let i = 0; i < total; i += 1) if (!guest.write(line)) await once(guest, "drain");
  guest.write("the end");
  await expect.poll(() => count, { timeout: 20_000 }).toBe(total * line.length + "the end".length);
  expect(slow.readableLength).toBeLessThan(2 ** 19);
  const seen = await reads(slow, "the end");
  expect(seen.length).toBeLessThan(2 ** 19);
  expect(seen).toMatch(
    /x\r\n\r\n\[Berth: this console did not keep up, and missed a part\]\r\n[\s\S]*xx\r\nthe end$/,
  );
});

test("a guest that takes no input keeps the memory of what is typed bounded", async () => {
  const { guest, feed } = await makeFeed();
  guest.pause();
  const watcher = feed.watch();
  const chunk = Buffer.alloc(2 ** 16);
  let taken = 0;
  while (taken < 64 * 2 ** 20 && watcher.write(chunk)) {
    taken += chunk.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(taken).toBeLessThan(64 * 2 ** 20);
  watcher.destroy();
  await once(watcher, "close");
  expect(feed.closed).toBe(true);
});

test("it ends with the guest's run, after all that was printed", async () => {
  const { guest, feed, exited } = await makeFeed();
  const [one, two] = [feed.watch(), feed.watch()];
  guest.end("Power down.");
  exited.resolve();
  expect(await Promise.all([text(one), text(two)])).toEqual(["Power down.", "Power down."]);
  expect(feed.closed).toBe(true);
});

test("every byte passes as it is, both ways", async () => {
  const { guest, feed, exited } = await makeFeed();
  const printed = randomBytes(2 ** 17);
  const typed = randomBytes(2 ** 17);
  const arrived = buffer(guest);
  const [one, two] = [feed.watch(), feed.watch()];
  const read = Promise.all([buffer(one), buffer(two)]);
  await new Promise<void>((resolve) => one.write(typed, () => resolve()));
  await new Promise<void>((resolve) => guest.end(printed, resolve));
  exited.resolve();
  for (const all of await read) expect(all.equals(printed)).toBe(true);
  expect((await arrived).equals(typed)).toBe(true);
});

test("the last watcher who leaves lets go of the port, and no other", async () => {
  const { guest, feed } = await makeFeed();
  const gone = once(guest.resume(), "close");
  const [one, two] = [feed.watch(), feed.watch()];
  one.destroy();
  await once(one, "close");
  expect(feed.closed).toBe(false);
  guest.write("still here");
  await reads(two, "still here");
  two.destroy();
  await gone;
  await feed.ended;
});

test("an engine that lets go ends the watching", async () => {
  const { guest, feed } = await makeFeed("words");
  const watcher = feed.watch();
  const gone = once(guest.resume(), "close");
  feed.close();
  expect(String(await buffer(watcher))).toBe("words");
  await gone;
});

test("what cannot be read of the log fails, and the port is free again", async () => {
  const { guest } = await makeFeed();
  const [port, other] = await pair();
  const logged = () => Promise.reject(new Error("no log"));
  await expect(
    ConsoleFeed.open({ name: "web", port, exited: new Promise(() => {}), logged }),
  ).rejects.toThrow("no log");
  await once(other.resume(), "close");
  guest.destroy();
});

async function pair(): Promise<[Socket, Socket]> {
  const arrived = deferred<Socket>();
  const server = createServer((socket) => arrived.resolve(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as { port: number }).port, "127.0.0.1");
  const other = await arrived.promise;
  onTestFinished(() => {
    socket.destroy();
    other.destroy();
    server.close();
  });
  return [socket, other];
}

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

test("the last bytes are those that a whole copy would end with", () => {
  fc.assert(
    fc.property(fc.array(bytes), fc.integer({ min: 1, max: 30 }), fc.nat(60), (chunks, size, count) => {
      const recent = new Recent(size);
      for (const chunk of chunks) recent.push(chunk);
      const all = Buffer.concat(chunks);
      const wanted = Math.min(size, count);
      expect(recent.last(count)).toEqual(wanted === 0 ? Buffer.alloc(0) : all.subarray(-wanted));
    }),
  );
});

test("what was logged and has come through the port as well is there once", () => {
  // Letters that do not repeat, so that no two parts are alike by chance.
  const printed = fc.nat(200).map((length) => Buffer.from(Array.from({ length }, (_, at) => at)));
  fc.assert(
    fc.property(printed, fc.nat(200), fc.nat(200), (all, one, other) => {
      const [from, to] = [Math.min(one, other), Math.max(one, other)].map((at) => Math.min(at, all.length));
      expect(joined(all.subarray(0, to), all.subarray(from))).toEqual(all);
    }),
  );
});
