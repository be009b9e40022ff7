/** `berth console` on a terminal and between pipes, over guests of the fake driver. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { deferred } from "../../src/base/async.ts";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";
import { onTerminal } from "../support/on-terminal.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({ BERTH_SETTING_ENGINE_IDLE_SECONDS: "600" }, bundle.cli);
  await berth.ok(["launch", "--name", "web"]);
});
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
});
beforeEach(() => berth.ok(["start", "web"]));

test("on a terminal the guest sees every key, Ctrl-C too, until Ctrl-] leaves", async () => {
  const console = onTerminal(berth, "console", "web");
  await console.shows("Connected to the console of web. Ctrl-] leaves.");
  await console.shows("web login: ");
  console.type("ro\x03ot");
  await console.shows("ro\x03ot");
  console.type("after\x1dnever");
  expect(await console.ended).toBe(0);
  expect(console.screen()).toContain("\x1b[!p");
  // What was typed before it has arrived all the same.
  const log = berth.ok(["log", "web"]);
  expect(await log).toContain("after");
  expect(await log).not.toContain("never");
  const again = onTerminal(berth, "console", "--no-history", "web");
  await again.shows("Connected");
  again.type("x");
  await again.shows("x");
  expect(again.screen()).not.toContain("login");
  again.type("\x1b[93;5u");
  expect(await again.ended).toBe(0);
});

test("it says that the guest has stopped, and ends well", async () => {
  const console = onTerminal(berth, "console", "web");
  await console.shows("login: ");
  await berth.ok(["stop", "web"]);
  expect(await console.ended).toBe(0);
  expect(console.screen()).toContain("web has stopped.");
  const { code, stderr } = await berth.run(["console", "web"]);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr:
      'console failed: cannot open the console of web: instance "web" is not running\nStart it: berth start web\n',
  });
});

test("between pipes it prints and types until the guest stops", async () => {
  const [file = "", ...before] = berth.argv;
  const child = spawn(file, [...before, "console", "web"], { env: berth.env });
  const said = text(child.stderr);
  const echoed = deferred<void>();
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString("latin1");
    if (printed.includes("typed")) echoed.resolve();
  });
  child.stdin.end("typed");
  await echoed.promise;
  await berth.ok(["stop", "web"]);
  if (child.exitCode === null) expect(await once(child, "exit")).toEqual([0, null]);
  expect(child.exitCode).toBe(0);
  expect(printed).toBe("Booting web\r\n\r\nweb login: typed");
  expect(await said).toBe("web has stopped.\n");
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s leaves it between pipes", async (signal, code) => {
  const [file = "", ...before] = berth.argv;
  const child = spawn(file, [...before, "console", "web"], { env: berth.env });
  await once(child.stdout, "data");
  child.kill(signal);
  expect(await once(child, "close")).toEqual([code, null]);
});
