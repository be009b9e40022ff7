/** A guest's screen over a real socket: RFB both ways, its end, and who has none. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { crc32, inflateSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connect } from "../../src/client/connect.ts";
import type { EngineClient } from "../../src/client/engine-client.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { silentLog } from "../../src/engine/log.ts";
import { type EngineServer, startServer } from "../../src/engine/server/server.ts";
import { BARS, FRAME_PIXELS, FRAMES } from "../support/fake-display.ts";
import { FakeWorld, succeeded } from "../support/fake-engine.ts";
import { pixelAt, RfbViewer } from "../support/rfb-viewer.ts";

let world: FakeWorld;
let core: EngineCore;
let server: EngineServer;
let client: EngineClient;

beforeEach(async () => {
  world = await FakeWorld.make();
  core = await world.open();
  const { endpoint } = world.paths;
  server = await startServer({ core, version: "1", endpoint, user: "tester", log: silentLog });
  client = await connect({ env: { ...process.env, BERTH_HOME: world.root } });
  await succeeded(core, core.instances.launch({ name: "win", image: "bsd", guest: "other" }));
});
afterEach(async () => {
  client.dispose();
  await server.close();
  await world.dispose();
});

test("a viewer sees what is painted, and its keys arrive", async () => {
  const display = await client.display("win");
  const viewer = await RfbViewer.begin(display);
  const picture = await viewer.picture();
  expect(picture).toMatchObject({ name: "win", width: 640, height: 400 });
  expect(BARS.map((_, at) => pixelAt(picture, 40 + at * 80, 200))).toEqual(BARS);
  expect(pixelAt(picture, 0, 0)).toBe(FRAMES[0]);
  expect(pixelAt(picture, 639 - FRAME_PIXELS, 200)).toBe(BARS.at(-1));
  viewer.key(0x61, true);
  viewer.key(0x61, false);
  expect(pixelAt(await viewer.picture(), 0, 0)).toBe(FRAMES[1]);
  const log = path.join(world.paths.instances, core.instances.get("win").id, "serial.log");
  await expect.poll(() => readFile(log, "utf8")).toContain("key 0x61 down\nkey 0x61 up\n");
  display.close();
  await expect(display.exited).rejects.toMatchObject({ code: "cancelled" });
  await expect.poll(() => server.busy).toBe(false);
});

test("several viewers see it at once, and each has its end when the run ends", async () => {
  const displays = await Promise.all([client.display("win"), client.display("win")]);
  const viewers = await Promise.all(displays.map((display) => RfbViewer.begin(display)));
  for (const viewer of viewers) await viewer.picture();
  await succeeded(core, core.instances.stop("win", { force: true }));
  await Promise.all(viewers.map((viewer) => viewer.end()));
  for (const { exited } of displays) expect(await exited).toEqual({ code: 0 });
  await expect(client.display("win")).rejects.toMatchObject({
    ...{ code: "wrong-state", message: expect.stringContaining("not running") },
    hint: "Start it: berth start win",
  });
});

test("a screenshot is a PNG of what is painted", async () => {
  const { png, width, height } = await client.api.instances.screenshot({ name: "win" });
  expect([width, height]).toEqual([640, 400]);
  const { size, pixelAt: at } = decodePng(Buffer.from(png, "base64"));
  expect(size).toEqual([640, 400]);
  expect(BARS.map((_, bar) => at(40 + bar * 80, 200))).toEqual(BARS);
  expect([at(0, 0), at(639, 399)]).toEqual([FRAMES[0], FRAMES[0]]);
  await succeeded(core, core.instances.stop("win", { force: true }));
  await expect(client.api.instances.screenshot({ name: "win" })).rejects.toMatchObject({
    code: "wrong-state",
  });
});

/** A PNG as `png.ts` writes them: true colour, lines that are not filtered. */
function decodePng(png: Buffer) {
  const parts = new Map<string, Buffer>();
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const body = png.subarray(at + 4, at + 8 + length);
    expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(body));
    parts.set(body.toString("latin1", 0, 4), body.subarray(4));
    at += 12 + length;
  }
  const head = parts.get("IHDR") ?? Buffer.alloc(8);
  const lines = inflateSync(parts.get("IDAT") ?? Buffer.alloc(0));
  const width = head.readUInt32BE(0);
  const stride = width * 3 + 1;
  return {
    size: [width, lines.length / stride],
    pixelAt: (x: number, y: number) => lines.readUIntBE(y * stride + 1 + x * 3, 3),
  };
}

test("a guest of cloud-init has a screen where that was asked for, and it stays one of SSH", async () => {
  await succeeded(core, core.instances.launch({ name: "both", display: true }));
  expect(core.instances.get("both")).toMatchObject({ guest: "linux", display: true, ready: true });
  expect(core.instances.get("win")).toMatchObject({ guest: "other", display: true });
  const display = await client.display("both");
  expect(await (await RfbViewer.begin(display)).picture()).toMatchObject({ name: "both" });
  display.close();
  await succeeded(core, core.instances.stop("both", { force: false }));
  await succeeded(core, core.instances.clone("both", "copy"));
  expect(core.instances.get("copy").display).toBe(true);
  const without = core.instances.launch({ name: "none", image: "bsd", guest: "other", display: false });
  await expect(without).rejects.toMatchObject({ code: "invalid-argument" });
});

test("who has no screen says what there is instead", async () => {
  await succeeded(core, core.instances.launch({ name: "web" }));
  await expect(client.display("web")).rejects.toMatchObject({
    ...{ code: "not-supported", message: expect.stringContaining("has no graphical console") },
    hint: expect.stringContaining("berth console web"),
  });
  await expect(client.display("nope")).rejects.toMatchObject({ code: "not-found" });
});
