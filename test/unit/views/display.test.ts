/** The graphical console's pure parts, and how its bytes wait for each other. */
import { PassThrough, Writable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Instance } from "../../../src/api/instance.ts";
import { deferred } from "../../../src/base/async.ts";
import type { RemoteConnection } from "../../../src/client/engine-client.ts";
import { createChannel } from "../../../src/views/display/channel.ts";
import { CHORDS, isRelease, strokes } from "../../../src/views/display/keys.ts";
import { DisplayLink, MOST_UNDRAWN_BYTES } from "../../../src/views/display/link.ts";
import { lookOf, rfbOptions } from "../../../src/views/display/look.ts";
import { type PhaseInputs, phaseOf } from "../../../src/views/display/phase.ts";
import { readMessage, readTold } from "../../../src/views/display/protocol.ts";
import { screenshotName } from "../../../src/views/display/screenshot-name.ts";
import { actionsOf } from "../../../src/views/items.ts";
import { pageHtml } from "../../../src/views/panel/html.ts";
import { instance, operation } from "./fixtures.ts";

const STARTED = "2026-11-23T10:00:00.000Z";
const win = (patch: Partial<Instance> = {}) =>
  instance({ guest: "other", display: true, screen: "/run/win.vnc", startedAt: STARTED, ...patch });

describe("what is shown", () => {
  const nothing: PhaseInputs = {
    ...{ instance: undefined, operation: undefined, away: undefined, listed: true, open: false },
    over: undefined,
  };
  const busy = operation({ kind: "start" });
  test.each<[Partial<PhaseInputs>, object]>([
    [{}, { is: "gone" }],
    [{ listed: false }, { is: "connecting" }],
    [
      { instance: win(), away: "no engine" },
      { is: "away", reason: "no engine" },
    ],
    [{ instance: win() }, { is: "connecting" }],
    [{ instance: win(), open: true }, { is: "open" }],
    [
      { instance: win(), over: { run: STARTED, reason: "x" } },
      { is: "lost", reason: "x" },
    ],
    [{ instance: win(), over: { run: "an earlier one", reason: "x" } }, { is: "connecting" }],
    [{ instance: instance() }, { is: "none" }],
    [
      { instance: win({ state: "starting" }), operation: busy },
      { is: "busy", operation: busy },
    ],
    [
      { instance: win({ state: "stopped", screen: undefined }), open: true },
      { is: "off", suspended: false, canStart: true },
    ],
    [{ instance: win({ state: "suspended" }) }, { is: "off", suspended: true, canStart: true }],
    [{ instance: win({ state: "deleted" }) }, { is: "off", suspended: false, canStart: false }],
  ])("%j", (patch, phase) => expect(phaseOf({ ...nothing, ...patch })).toEqual(phase));
});

test("a console is offered where there is a screen, or will be", () => {
  expect(actionsOf(win())).toContain("display");
  expect(actionsOf(win({ state: "stopped", screen: undefined }))).toContain("display");
  expect(actionsOf(win({ state: "deleted", screen: undefined }))).not.toContain("display");
  expect(actionsOf(instance())).not.toContain("display");
  expect(actionsOf(instance({ state: "stopped" }))).not.toContain("display");
});

describe("what the page may say", () => {
  const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2]);
  test.each([
    [{ type: "ready" }],
    [{ type: "connect" }],
    [{ type: "command", command: "berth.start" }],
    [{ type: "bytes", stream: 1, bytes: Uint8Array.of(4, 1) }],
    [{ type: "taken", stream: 1, count: 4096 }],
    [{ type: "failed", stream: 1, reason: "no RFB" }],
    [{ type: "screenshot", bytes: png }],
  ])("%j", (message) => expect(readMessage(message)).toBe(message));

  test.each([
    [undefined],
    [[]],
    [{ type: "toString" }],
    [{ type: "command", command: "berth.purge" }],
    [{ type: "bytes", stream: 1, bytes: [1, 2] }],
    [{ type: "bytes", stream: "1", bytes: Uint8Array.of(1) }],
    [{ type: "bytes", stream: 1, bytes: new Uint8Array(2 ** 17) }],
    [{ type: "taken", stream: 1, count: -1 }],
    [{ type: "failed", stream: 1, reason: "x".repeat(2000) }],
    [{ type: "screenshot", bytes: Uint8Array.of(1, 2, 3) }],
  ])("not %j", (message) => expect(readMessage(message)).toBeUndefined());

  test("nothing makes it throw", () => {
    fc.assert(fc.property(fc.anything(), (value) => void readMessage(value)));
  });
});

test("the page hears what is a message, and nothing else", () => {
  const heard = [
    { type: "state", id: "1", name: "win", words: { screen: "The screen" } },
    { type: "opened", stream: 1 },
    { type: "bytes", stream: 1, bytes: Uint8Array.of(82, 70, 66) },
    { type: "closed", stream: 1 },
  ];
  for (const message of heard) expect(readTold(message)).toBe(message);
  const others = [null, "x", { type: "state" }, { type: "bytes", stream: 1, bytes: [1] }, { type: "opened" }];
  for (const message of others) expect(readTold(message)).toBeUndefined();
  fc.assert(fc.property(fc.anything(), (value) => void readTold(value)));
});

describe("the link", () => {
  function connection(write: (chunk: Buffer, done: () => void) => void) {
    const exited = deferred<{ code?: number }>();
    const stdout = new PassThrough({ highWaterMark: 2 ** 20 });
    const stdin = new Writable({ write: (chunk: Buffer, _encoding, done) => write(chunk, done) });
    const remote: RemoteConnection = { stdin, stdout, exited: exited.promise, close: () => stdout.end() };
    return { remote, stdout, exited };
  }

  test("the page is not given more than it draws", async () => {
    const { remote, stdout, exited } = connection(() => {});
    let given = 0;
    const link = new DisplayLink(remote, (bytes) => {
      given += bytes.length;
    });
    const total = 4 * MOST_UNDRAWN_BYTES;
    const chunk = Buffer.alloc(2 ** 18, 7);
    const writing = (async () => {
      for (let sent = 0; sent < total; sent += chunk.length)
        if (!stdout.write(chunk)) await new Promise((resolve) => stdout.once("drain", resolve));
      stdout.end();
    })();
    await expect.poll(() => given).toBeGreaterThan(MOST_UNDRAWN_BYTES);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(given).toBeLessThanOrEqual(MOST_UNDRAWN_BYTES + 2 ** 20); // One read takes what is there.
    while (given < total) {
      link.taken(2 ** 18);
      await new Promise((resolve) => setImmediate(resolve));
    }
    link.taken(total);
    await writing;
    exited.resolve({ code: 0 });
    await link.over;
    expect(given).toBe(total);
  });

  test("keys reach the guest; one that reads nothing is given up", async () => {
    const seen: Buffer[] = [];
    const { remote, exited } = connection((chunk, done) => {
      seen.push(chunk);
      if (seen.length < 2) done();
    });
    const link = new DisplayLink(remote, () => {});
    link.send(Uint8Array.of(4, 1, 0, 0));
    link.send(Uint8Array.of(4, 0, 0, 0));
    await expect.poll(() => Buffer.concat(seen)).toEqual(Buffer.from([4, 1, 0, 0, 4, 0, 0, 0]));
    const fill = () => {
      for (let at = 0; at < 40; at += 1) link.send(new Uint8Array(2 ** 16));
    };
    expect(fill).toThrow(/takes nothing any more/);
    link.close();
    exited.reject(new Error("it was closed"));
    await expect(link.over).rejects.toThrow("it was closed");
  });
});

test("the channel is what noVNC looks for, copies what it sends, and ends once", () => {
  const sent: Uint8Array[] = [];
  let drawn = 0;
  const channel = createChannel({ send: (bytes) => sent.push(bytes), taken: (count) => (drawn += count) });
  for (const name of "send close binaryType onerror onmessage onopen protocol readyState".split(" "))
    expect(Object.keys(channel)).toContain(name);
  const buffer = Uint8Array.of(1, 2, 3);
  channel.send(buffer.subarray(0, 2));
  buffer.fill(9);
  expect(sent).toEqual([Uint8Array.of(1, 2)]);
  const got: unknown[] = [];
  channel.onmessage = ({ data }) => got.push(data);
  let ends = 0;
  channel.onclose = () => (ends += 1);
  channel.receive(Uint8Array.of(5));
  channel.close();
  channel.end();
  channel.receive(Uint8Array.of(6));
  expect([got, drawn, ends, channel.readyState]).toEqual([[Uint8Array.of(5)], 1, 1, "closed"]);
});

test("chords are pressed in order and let go in reverse", () => {
  const second = CHORDS.find(({ label }) => label === "Ctrl+Alt+F2");
  expect(strokes(second?.keys ?? []).map(({ code, keysym, down }) => [code, keysym, down])).toEqual([
    ["ControlLeft", 0xffe3, true],
    ["AltLeft", 0xffe9, true],
    ["F2", 0xffbf, true],
    ["F2", 0xffbf, false],
    ["AltLeft", 0xffe9, false],
    ["ControlLeft", 0xffe3, false],
  ]);
  expect(new Set(CHORDS.map(({ label }) => label)).size).toBe(CHORDS.length);
  expect(isRelease({ ctrlKey: true, altKey: true, code: "KeyG" })).toBe(true);
  expect(isRelease({ ctrlKey: true, altKey: false, code: "KeyG" })).toBe(false);
});

test("how it is shown survives, whatever was saved", () => {
  expect(lookOf({})).toEqual({ size: "fit", viewOnly: false });
  expect(lookOf({ size: "huge", viewOnly: 1 })).toEqual({ size: "fit", viewOnly: false });
  expect(rfbOptions(lookOf({ size: "guest", viewOnly: true }))).toEqual({
    ...{ scaleViewport: true, resizeSession: true, viewOnly: true },
  });
  expect(rfbOptions(lookOf({ size: "actual" }))).toMatchObject({
    scaleViewport: false,
    resizeSession: false,
  });
});

test("a screenshot is named after its instance and its time", () => {
  expect(screenshotName("win", new Date(2026, 10, 4, 9, 5, 7))).toBe("win-2026-11-04-090507.png");
});

test("its page may show pictures that come with its data, and nothing from anywhere", () => {
  const parts = { source: "https://w", script: "https://w/d.js", style: "https://w/d.css", nonce: "n1" };
  const html = pageHtml({ ...parts, title: "win", images: "data:", module: true });
  expect(html).toContain(
    `default-src 'none'; script-src 'nonce-n1'; style-src https://w; font-src https://w; img-src data:;`,
  );
  expect(html).toContain(`<script type="module" nonce="n1" src="https://w/d.js">`);
});
