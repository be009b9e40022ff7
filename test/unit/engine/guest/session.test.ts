import { PassThrough, type Readable } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { deferred } from "../../../../src/base/async.ts";
import { EngineError } from "../../../../src/base/errors.ts";
import type { GuestProcess, ProcessExit } from "../../../../src/engine/guest/guest.ts";
import { Session, TAIL_BYTES } from "../../../../src/engine/guest/session.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

const turn = () => new Promise((resolve) => setImmediate(resolve));
const never = new AbortController().signal;

function setup(keepSeconds = 600) {
  const exit = deferred<ProcessExit>();
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const calls: string[] = [];
  const guest: GuestProcess = {
    ...{ stdin, stdout, stderr: new PassThrough(), exited: exit.promise },
    resize: ({ cols, rows }) => void calls.push(`${cols}x${rows}`),
    signal: (name) => void calls.push(name),
    close: () => void calls.push("close"),
  };
  const now = () => new Date("2026-11-24T10:00:00Z");
  const session = new Session(guest, { id: "1", argv: undefined, keepSeconds, now });
  return { session, guest, stdin, stdout, exit, calls };
}

function reading(stream: Readable) {
  let text = "";
  stream.on("data", (chunk) => {
    text += String(chunk);
  });
  return () => text;
}

test("who comes back sees what was shown, before and meanwhile, and goes on", async () => {
  const { session, stdout, stdin, calls } = setup();
  const first = await session.attach(never);
  const seen = reading(first.stdout);
  stdout.write("one\r\n");
  await turn();
  expect(seen()).toBe("one\r\n");
  first.close();
  expect(session.facts).toMatchObject({ attached: false, detachedAt: "2026-11-24T10:00:00.000Z" });
  stdout.write("two\r\n");
  await turn();
  const second = await session.attach(never);
  expect(session.facts.detachedAt).toBeUndefined();
  const again = reading(second.stdout);
  stdout.write("three\r\n");
  second.stdin.write("ls\r");
  second.resize({ cols: 90, rows: 20 });
  await turn();
  expect(again()).toBe("one\r\ntwo\r\nthree\r\n");
  expect(String(stdin.read())).toBe("ls\r");
  expect(calls).toEqual(["90x20"]);
});

test("while nobody is attached the guest goes on, in memory that does not grow", async () => {
  const { session, stdout } = setup();
  (await session.attach(never)).close();
  const line = Buffer.alloc(2 ** 16, "x");
  line[2 ** 16 - 1] = 10;
  for (let n = 0; n < 64; n += 1) {
    stdout.write(line);
    await turn();
  }
  expect(stdout.readableLength).toBe(0);
  const seen = reading((await session.attach(never)).stdout);
  await turn();
  expect(seen().length).toBeGreaterThan(TAIL_BYTES / 2);
  expect(seen().length).toBeLessThanOrEqual(TAIL_BYTES);
});

test("the guest waits for a reader that is slow, and no longer than that is attached", async () => {
  const { session, stdout } = setup();
  const slow = await session.attach(never);
  for (let n = 0; n < 8; n += 1) stdout.write(Buffer.alloc(2 ** 14, "y"));
  await turn();
  expect(stdout.isPaused()).toBe(true);
  slow.close();
  await turn();
  expect(stdout.readableLength).toBe(0);
});

test("one terminal at a time: the next one waits a moment for the first to leave, then is refused", async () => {
  const { session } = setup();
  const first = await session.attach(never);
  const refused = expect(session.attach(never)).rejects.toMatchObject({ code: "busy" });
  await vi.advanceTimersByTimeAsync(5_000);
  await refused;
  const second = session.attach(never);
  await vi.advanceTimersByTimeAsync(1_000);
  first.close();
  await second;
  expect(session.facts.attached).toBe(true);
  first.close(); // Detaches nobody else.
  expect(session.facts.attached).toBe(true);
});

test("who gives up waiting takes nothing", async () => {
  const { session } = setup();
  const first = await session.attach(never);
  const impatient = new AbortController();
  const waiting = expect(session.attach(impatient.signal)).rejects.toThrow("enough");
  impatient.abort(new Error("enough"));
  await waiting;
  first.close();
  expect(session.facts.attached).toBe(false);
});

test("it is kept as long as was asked for after its client left, and not while one is attached", async () => {
  const { session, calls } = setup(60);
  const first = await session.attach(never);
  await vi.advanceTimersByTimeAsync(3_600_000);
  first.close();
  await vi.advanceTimersByTimeAsync(59_000);
  const second = await session.attach(never, { keepSeconds: 10 });
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(calls).toEqual([]);
  second.close();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(calls).toEqual(["close"]);
  await session.ended;
  await expect(session.attach(never)).rejects.toMatchObject({ code: "not-found" });
});

test("its end is told with all that came before it", async () => {
  const { session, stdout, exit } = setup();
  const { stdout: output, exited } = await session.attach(never);
  const seen = reading(output);
  stdout.end("bye\r\n");
  await turn();
  exit.resolve({ code: 7 });
  expect(await exited).toEqual({ code: 7 });
  await turn();
  expect(seen()).toBe("bye\r\n");
  expect(output.readableEnded).toBe(true);
  await session.ended;
});

test("what ends it is the reason that its terminal is told", async () => {
  const { session, calls } = setup();
  const { exited } = await session.attach(never);
  session.close(new EngineError("guest-unreachable", "the connection to web was lost"));
  await expect(exited).rejects.toMatchObject({ code: "guest-unreachable" });
  expect(calls).toEqual(["close"]);
});
