/** `berth ssh-proxy` and the files that OpenSSH reads, over a real engine process whose guests are fakes. */
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { run } from "../../src/base/run.ts";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({}, bundle.cli);
  await berth.ok(["launch", "--name", "Web"]);
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
});

const ssh = (name: string) => path.join(berth.home, "data", "ssh", name);

/** The engine writes them beside all else, so they may be a moment late. */
async function eventually(look: () => Promise<void>): Promise<void> {
  await expect.poll(() => look().then(() => "as expected", String), { timeout: 10_000 }).toBe("as expected");
}

test.each(["Web", "web", "web.berth", "WEB.berth"])("%s reaches the guest's SSH server", async (name) => {
  expect(await berth.run(["ssh-proxy", name], { input: "SSH-2.0-client\r\n" })).toEqual({
    code: 0,
    stdout: "SSH-2.0-Web\r\nSSH-2.0-client\r\n",
    stderr: "",
  });
});

test("a stopped and a suspended instance is started first, which stderr tells", async () => {
  for (const how of ["stop", "suspend"]) {
    await berth.ok([how, "Web"]);
    const ran = await berth.run(["ssh-proxy", "web.berth"], { input: "hello" });
    expect(ran).toMatchObject({ code: 0, stdout: "SSH-2.0-Web\r\nhello" });
    expect(ran.stderr).toContain("Web:");
  }
});

test("what cannot be reached is told on stderr, with what to do", async () => {
  expect(await berth.run(["ssh-proxy", "nosuch.berth"])).toEqual({
    code: 2,
    stdout: "",
    stderr:
      "ssh-proxy failed: cannot connect to nosuch.berth: there is no such instance\nberth list shows all instances.\n",
  });
  await berth.ok(["launch", "--name", "old"]);
  await berth.ok(["delete", "old"]);
  expect(await berth.run(["ssh-proxy", "old.berth"])).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("berth recover old"),
  });
  await berth.ok(["purge"]);
});

test("ssh itself runs the proxy of the configuration that was installed, and leaves no trace of it", async () => {
  const config = path.join(berth.home, ".ssh", "config");
  expect(await berth.ok(["ssh-config", "--install"])).toBe(`Put at the top of ${config}\n`);
  expect(await berth.ok(["ssh-config", "--install"])).toBe(`${config} has it already\n`);
  await berth.ok(["stop", "Web"]);
  // The fake guest says its first words and then what it hears, which is no key exchange.
  const ended = run(["ssh", "-v", "-F", config, "web.berth", "true"]);
  await expect(ended).rejects.toMatchObject({
    exitCode: 255,
    stderr: expect.stringMatching(/Web: [\s\S]*remote software version Web/),
  });
  const both = await berth.run(["ssh-config", "--install", "--remove"]);
  expect(both).toMatchObject({ code: 1, stderr: expect.stringContaining("--install or --remove") });
  expect(await berth.ok(["ssh-config", "--remove"])).toBe(`Taken out of ${config}\n`);
  expect(await berth.ok(["ssh-config", "--remove"])).toBe(`Not in ${config}\n`);
  await expect(stat(config)).rejects.toThrow("ENOENT");
});

test("the engine keeps OpenSSH's files as the instances are", async () => {
  await berth.ok(["launch", "--name", "web"]);
  await eventually(async () => {
    const hosts = await readFile(ssh("hosts"), "utf8");
    expect(hosts.match(/^Host .*/gm)).toEqual([
      expect.stringMatching(/^Host web-[0-9a-f]{8}\.berth$/),
      "Host web.berth",
    ]);
  });
  expect((await stat(ssh("hosts"))).mode & 0o777).toBe(0o600);
  const { stdout } = await run(["ssh", "-F", ssh("hosts"), "-G", "web.berth"]);
  const user = /^Host web\.berth\n {2}User (\S+)$/m.exec(await readFile(ssh("hosts"), "utf8"))?.[1];
  expect(stdout).toContain(`\nuser ${user}\n`);
  expect(stdout).toMatch(/^identityfile .*client_key$/m);
  expect(stdout).toMatch(/^hostkeyalias web\.berth$/m);
  const known = await readFile(ssh("known_hosts"), "utf8");
  expect(known.match(/^web\.berth ssh-ed25519 [\w+/=]+$/gm)).toHaveLength(1);

  await berth.ok(["stop", "web"]);
  await berth.ok(["rename", "web", "shop"]);
  await berth.ok(["delete", "--purge", "Web"]);
  await eventually(async () => {
    expect((await readFile(ssh("hosts"), "utf8")).match(/^Host .*/gm)).toEqual(["Host shop.berth"]);
    expect(await readFile(ssh("known_hosts"), "utf8")).toMatch(/^shop\.berth [^\n]*\n$/);
  });
});

test("moved to another disk, the instances' keys are found there", async () => {
  const disk = await mkdtemp(path.join(tmpdir(), "berth-disk-"));
  onTestFinished(() => rm(disk, { recursive: true, force: true }));
  await berth.ok(["stop", "--all"]);
  await berth.ok(["storage", "move", path.join(disk, "berth"), "--instances"]);
  await eventually(async () => {
    expect(await readFile(ssh("hosts"), "utf8")).toContain(`IdentityFile "${disk}/`);
  });
});
