/** A real guest by SSH: OpenSSH itself, through the configuration that `berth ssh-config --install` has written, and SFTP. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RunError, run } from "../../src/base/run.ts";
import { connect } from "../../src/client/connect.ts";
import type { EngineClient } from "../../src/client/engine-client.ts";
import { GuestFiles } from "../../src/client/files/guest-files.ts";
import { Sftp } from "../../src/client/files/sftp.ts";
import { watchGuest } from "../../src/client/files/watch.ts";
import type { Berth } from "../support/berth.ts";
import { FIRST_BOOT_DATA, type VmWorld, vmWorld } from "../support/vm-world.ts";

let world: VmWorld;
let berth: Berth;
let client: EngineClient;
let config: string;

const OWN = "# mine\nHost *\n  ServerAliveInterval 60\n";

beforeAll(async () => {
  world = await vmWorld();
  berth = world.berth;
  config = path.join(berth.home, ".ssh", "config");
  await mkdir(path.dirname(config), { mode: 0o700 });
  await writeFile(config, OWN, { mode: 0o600 });
  await berth.ok(["launch", "noble", "--name", "Web", "--cloud-init", "-"], { input: FIRST_BOOT_DATA });
  await berth.ok(["stop", "Web"]);
});
afterAll(async () => {
  client?.dispose();
  await world?.dispose();
});

/** ssh finds a user's directory by the password file, not by HOME, so it is told the configuration's name. */
const ssh = (program: string, args: readonly string[]) =>
  run([program, "-F", config, ...args], { env: { HOME: berth.home, SSH_AUTH_SOCK: "" } });

test("ssh starts the stopped instance and is in, with the host key checked and nothing asked", async () => {
  expect(await berth.ok(["ssh-config", "--install"])).toBe(`Put at the top of ${config}\n`);
  expect(await berth.qemuPids()).toEqual([]);
  const { stdout, stderr } = await ssh("ssh", ["-o", "BatchMode=yes", "web.berth", "uname -n; id -un"]);
  expect(stdout).toBe("Web\nubuntu\n");
  expect(stderr).toContain("Web: Booting");
  expect(await berth.qemuPids()).toHaveLength(1);
});

test("bytes go both ways, and exit codes are the command's", async () => {
  const blob = Buffer.alloc(3 * 2 ** 20, "berth");
  const { stdout } = await run(["ssh", "-F", config, "web.berth", "cat | sha256sum; cat /dev/null"], {
    input: blob,
  });
  expect(stdout.slice(0, 64)).toBe(createHash("sha256").update(blob).digest("hex"));
  await expect(ssh("ssh", ["web.berth", "exit 7"])).rejects.toMatchObject({ exitCode: 7 });
});

test("scp and rsync work through it", async () => {
  const file = path.join(berth.home, "there.txt");
  await writeFile(file, "hello\n");
  await ssh("scp", ["-q", file, "web.berth:there.txt"]);
  await ssh("scp", ["-q", "web.berth:there.txt", `${file}.back`]);
  expect(await readFile(`${file}.back`, "utf8")).toBe("hello\n");

  const tree = path.join(berth.home, "tree");
  await mkdir(path.join(tree, "deep"), { recursive: true });
  await writeFile(path.join(tree, "deep", "file"), "rsynced\n");
  // It needs a program of its own in the guest.
  await ssh("scp", ["-q", "/usr/bin/rsync", "web.berth:rsync"]);
  const libraries = (await run(["ldd", "/usr/bin/rsync"])).stdout.matchAll(/=> (\/\S+)/g);
  await ssh("ssh", ["web.berth", "mkdir -p lib"]);
  await ssh("scp", ["-q", ...[...libraries].map((one) => one[1] ?? ""), "web.berth:lib/"]);
  const shell = `ssh -F ${config}`;
  const remote = "env LD_LIBRARY_PATH=/home/ubuntu/lib /home/ubuntu/rsync";
  await run(["rsync", "-a", "-e", shell, `--rsync-path=${remote}`, `${tree}/`, "web.berth:tree/"]);
  expect((await ssh("ssh", ["web.berth", "cat tree/deep/file"])).stdout).toBe("rsynced\n");
});

test("a suspended instance goes on where it was", async () => {
  const boot = async () => (await ssh("ssh", ["web.berth", "cat /proc/sys/kernel/random/boot_id"])).stdout;
  const before = await boot();
  await berth.ok(["suspend", "Web"]);
  expect(await boot()).toBe(before);
});

test("another host key is refused", async () => {
  const known = path.join(berth.home, "data", "ssh", "known_hosts");
  const kept = await readFile(known, "utf8");
  expect(kept).toMatch(/^web\.berth ssh-ed25519 /);
  const other = path.join(berth.home, "other");
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other]);
  await writeFile(known, `web.berth ${(await readFile(`${other}.pub`, "utf8")).trim()}\n`);
  const refused = await ssh("ssh", ["web.berth", "true"]).catch((error: unknown) => error as RunError);
  expect(refused).toBeInstanceOf(RunError);
  expect((refused as RunError).stderr).toMatch(/host key verification failed/i);
  await writeFile(known, kept);
});

test("an instance that is not there is told by ssh's own stderr", async () => {
  await expect(ssh("ssh", ["nosuch.berth", "true"])).rejects.toMatchObject({
    exitCode: 255,
    stderr: expect.stringContaining("cannot connect to nosuch.berth: there is no such instance"),
  });
});

test("taken out, the configuration is what it was", async () => {
  expect((await stat(config)).mode & 0o777).toBe(0o600);
  expect(await berth.ok(["ssh-config", "--remove"])).toBe(`Taken out of ${config}\n`);
  expect(await readFile(config, "utf8")).toBe(OWN);
});

test("files are read, written, renamed and removed as the instance's user, over its own server's SFTP", async () => {
  client = await connect({ env: berth.env });
  const sftp = await Sftp.on(await client.sftp("Web"));
  const files = new GuestFiles(sftp);
  const home = await files.home();
  expect(home).toBe("/home/ubuntu");
  const bytes = randomBytes(2 ** 20 + 1);
  await files.write(`${home}/blob`, bytes, { create: true, overwrite: false });
  expect(await berth.ok(["exec", "Web", "--", "stat", "-c", "%U %s", "blob"])).toBe(
    `ubuntu ${bytes.length}\n`,
  );
  expect((await files.read(`${home}/blob`)).equals(bytes)).toBe(true);
  await files.makeDirectory(`${home}/dir`);
  await files.rename(`${home}/blob`, `${home}/dir/moved`, { overwrite: false });
  expect((await files.list(`${home}/dir`)).map(([name]) => name)).toEqual(["moved"]);
  await files.copyFrom(files, `${home}/dir`, `${home}/copy`, { overwrite: false });
  expect((await files.read(`${home}/copy/moved`)).equals(bytes)).toBe(true);
  await files.remove(`${home}/dir`, { recursive: true });
  await expect(files.stat(`${home}/dir`)).rejects.toMatchObject({ kind: "not-found" });
  for (const refused of [
    () => files.read("/etc/shadow"),
    () => files.write("/etc/hostname", Buffer.from("x"), { create: false, overwrite: true }),
    () => files.remove("/etc/hostname", { recursive: false }),
    () => files.makeDirectory("/etc/mine"),
    () => files.rename(`${home}/copy`, "/etc/copy", { overwrite: false }),
  ])
    await expect(refused()).rejects.toMatchObject({ kind: "no-permission" });
  expect((await files.list(`${home}/copy`)).map(([name]) => name)).toEqual(["moved"]);
  const end = { client, instance: "Web", signal: new AbortController().signal };
  expect(await watchGuest(end, home, true, () => {})).toEqual({ noInotify: true, words: "" });

  await berth.ok(["rename", "Web", "site"]);
  expect((await files.stat(home)).kind).toBe("directory");
  await berth.ok(["stop", "site"]);
  await sftp.ended;
  await expect(files.stat(home)).rejects.toMatchObject({ code: "guest-unreachable" });
  await expect(client.sftp("site")).rejects.toMatchObject({ code: "wrong-state" });
});
