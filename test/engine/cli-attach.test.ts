/** The main process of a container, and its file system as a tar, on the command line: over a real engine and a fake runtime. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { sleep } from "../../src/base/async.ts";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";
import { tarOf } from "../support/container-image.ts";
import { onTerminal } from "../support/on-terminal.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({ BERTH_SETTING_ENGINE_IDLE_SECONDS: "600" }, bundle.cli);
  await berth.ok(["launch", "--name", "vm"]);
  await berth.ok(["launch", "--name", "plain", "docker:nginx"]);
  await berth.ok(["launch", "--name", "deaf", "docker:nginx", "-t"]);
  await berth.ok(["launch", "--name", "term", "docker:nginx", "-it"]);
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
});
beforeEach(() => berth.ok(["start", "vm", "plain", "deaf", "term"]));

/** `berth attach` between pipes, from when it is joined. */
function between(...args: string[]) {
  const [file = "", ...before] = berth.argv;
  const child = spawn(file, [...before, "attach", ...args], { env: berth.env });
  let printed = "";
  child.stdout.on("data", (chunk) => {
    printed += String(chunk);
  });
  return { child, printed: () => printed, ended: once(child, "exit").then(([code]) => code as number) };
}

/** Until then, a signal ends a process that has but begun. Where its mask cannot be read, a second is more than it takes. */
async function catching(pid = 0): Promise<void> {
  const USR1 = 1n << 9n;
  const caught = async () => {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => sleep(1000));
    if (status === undefined) return USR1;
    return BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`) & USR1;
  };
  await expect.poll(caught, { timeout: 20_000 }).toBe(USR1);
}

test("on a terminal every key is its own, in the size of that, until the keys that leave", async () => {
  const attached = onTerminal(berth, "attach", "term");
  await attached.shows("Attached to term: ctrl-p,ctrl-q leaves.");
  await attached.shows("now 80x24");
  attached.type("a\x03\x10b");
  await attached.shows('typed "a\\u0003\\u0010b"');
  attached.resize(100, 30);
  await attached.shows("now 100x30");
  attached.type("last\x10\x11never");
  expect(await attached.ended).toBe(0);
  expect(attached.screen()).toContain("Left term, which runs on.");
  const log = await berth.ok(["logs", "term"]);
  expect(log).toContain('typed "last"');
  expect(log).not.toContain("never");
});

test("the keys that leave are chosen; what are none is refused", async () => {
  const attached = onTerminal(berth, "attach", "--detach-keys", "ctrl-x,q", "term");
  await attached.shows("Attached to term: ctrl-x,q leaves.");
  attached.type("\x10\x11");
  await attached.shows('typed "\\u0010\\u0011"');
  attached.type("\x18q");
  expect(await attached.ended).toBe(0);
  expect(await berth.run(["attach", "--detach-keys", "ctrl-1", "term"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("ctrl-1 is no sequence of keys"),
  });
});

test("without a terminal of its own it is sent signals, and its exit code is this command's", async () => {
  const { child, printed, ended } = between("plain");
  child.stdin.end("nobody reads this\n");
  const watching = between("--no-stdin", "--no-sig-proxy", "plain");
  for (const { pid } of [child, watching.child]) await catching(pid);
  // What it prints of a signal shows that both are there.
  const seen = () => {
    child.kill("SIGUSR1");
    return [printed(), watching.printed()].filter((text) => text.includes("signal USR1")).length;
  };
  await expect.poll(seen, { timeout: 20_000, interval: 200 }).toBe(2);
  watching.child.kill("SIGTERM");
  expect(await watching.ended).toBe(143);
  child.kill("SIGINT");
  expect(await ended).toBe(130);
  const log = await berth.ok(["logs", "plain"]);
  expect(log).not.toContain("nobody");
  expect(log).not.toContain("signal TERM");
});

test("nothing is typed where its input is closed, or where that is not wanted", async () => {
  for (const args of [["deaf"], ["--no-stdin", "term"]]) {
    const attached = onTerminal(berth, "attach", ...args);
    await attached.shows("Attached to ");
    attached.type("x\x03");
    await attached.shows("signal INT");
    expect(await attached.ended).toBe(130);
    expect(attached.screen()).not.toContain("typed");
  }
});

test("it ends when the container is stopped", async () => {
  const attached = onTerminal(berth, "attach", "term");
  await attached.shows("Attached to term");
  await berth.ok(["stop", "term"]);
  expect(await attached.ended).toBe(0);
  const clone = ["clone", "term", "-n", "twin"];
  await berth.ok(clone);
  const { list } = (await berth.json(["list"])) as { list: { name: string; berth: object }[] };
  const twin = list.find(({ name }) => name === "twin");
  expect(twin?.berth).toMatchObject({ container: { interactive: true, tty: true } });
  await berth.ok(["delete", "--purge", "twin"]);
});

test("what has no main process is told from what does not run", async () => {
  await berth.ok(["stop", "plain"]);
  await berth.ok(["pause", "term"]);
  for (const [name, words] of [
    ["vm", "cannot attach to vm: it is not a container\nIts serial console: berth console vm"],
    ["plain", 'cannot attach to plain: instance "plain" is not running\nStart it: berth start plain'],
    ["term", 'cannot attach to term: instance "term" is paused\nLet it go on: berth unpause term'],
  ] as const)
    expect(await berth.run(["attach", name])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(words),
    });
  await berth.ok(["unpause", "term"]);
});

test("a file system is exported to a file and to a pipe, whether it runs or not", async () => {
  const file = path.join(berth.home, "plain.tar");
  await writeFile(file, "what was there");
  expect(await berth.ok(["export", "plain", "plain.tar"], { cwd: berth.home })).toBe(
    "Exported: plain to plain.tar\n",
  );
  expect(await readFile(file, "latin1")).toContain("plain\n");
  await berth.ok(["stop", "plain"]);
  expect(await berth.ok(["export", "plain", "-"])).toBe(await readFile(file, "latin1"));
  const refused = await berth.run(["export", "none", path.join(berth.home, "none.tar")]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("does not exist") });
  expect((await readdir(berth.home)).filter((name) => name.includes(".tar"))).toEqual(["plain.tar"]);
  expect((await berth.run(["export", "plain", "absent/plain.tar"], { cwd: berth.home })).stderr).toMatch(
    /cannot export plain: .*ENOENT/,
  );
});

test("a tar becomes an image, from a file and from a pipe", async () => {
  const tar = await tarOf([{ name: "a", body: Buffer.alloc(300_000, "x") }]);
  const file = path.join(berth.home, "base.tar");
  await writeFile(file, tar);
  expect(await berth.ok(["import", file, "docker:base:1"])).toBe("Imported: base:1\n");
  expect(await berth.ok(["import", "-", "base:2"], { input: tar })).toBe("Imported: base:2\n");
  expect(await berth.ok(["images"])).toMatch(/^base:1 [\s\S]*^base:2 /m);
  expect(await berth.run(["import", "-", "base:3"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("cannot import base:3: there are no files in it"),
  });
  expect(await berth.run(["import", path.join(berth.home, "absent.tar"), "base:3"])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/cannot import \S*absent\.tar: .*ENOENT/),
  });
  expect((await berth.run(["import", berth.home, "base:3"])).stderr).toMatch(
    /cannot import .*EISDIR|illegal/,
  );
  expect(await berth.ok(["images"])).not.toContain("base:3");
});
