/**
 * Backups of a real guest, which restic finds good: while it runs, while it is suspended and when it has gone on. What is in
 * the last one by way of a guest that shows its files; a drill, whose guest is made of it; a disk that becomes what it was.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Backup } from "../../src/api/backup.ts";
import { run } from "../../src/base/run.ts";
import type { Berth } from "../support/berth.ts";
import { USER_DATA, type VmWorld, vmWorld } from "../support/vm-world.ts";

let world: VmWorld;
let berth: Berth;
let place: string;
let password: string;

beforeAll(async () => {
  place = await mkdtemp(path.join(tmpdir(), "berth-vm-backup-"));
  world = await vmWorld();
  berth = world.berth;
  await berth.ok(["keys", "init", "--passphrase-file", "-"], { input: "correct horse\n" });
  await berth.ok(["launch", "--name", "web", "--disk", "5G", "--cloud-init", "-"], { input: USER_DATA });
  const made = await berth.ok(["repository", "init", "main", folder()]);
  password = /^Password: +(\S+)$/m.exec(made)?.[1] ?? "";
  expect(password).toMatch(/^[\w-]{43}$/);
}, 600_000);
afterAll(async () => {
  await world?.dispose();
  await rm(place, { recursive: true, force: true });
}, 120_000);

const folder = () => path.join(place, "main");
const listed = async () => ((await berth.json(["backup", "list"])) as { backups: Backup[] }).backups;
const latest = async () => (await listed()).at(-1) as Backup;
const guest = (name: string, script: string) => berth.ok(["exec", name, "--", "sh", "-c", script]);
const short = ({ id }: Backup) => id.slice(0, 8);

async function backUp(...options: string[]): Promise<Backup> {
  expect(await berth.ok(["backup", "create", "web", ...options])).toMatch(
    /^Backed up: web \([0-9a-f]{8}, .* added\)\n$/,
  );
  return latest();
}

async function isGood(): Promise<void> {
  const env = { RESTIC_PASSWORD: password, RESTIC_CACHE_DIR: path.join(place, "cache") };
  const { stdout } = await run(["restic", "-r", folder(), "check", "--read-data"], { env });
  expect(stdout).toContain("no errors were found");
}

let first: Backup;
let last: Backup;

test("a guest is backed up as it runs, rests and goes on, and what it has just written is there", async () => {
  await guest("web", "mkdir -m 700 ~/kept && echo first > ~/kept/mark && ln -s /etc/hostname ~/kept/host");
  await guest("web", "sleep 1000 > /dev/null 2>&1 &");
  first = await backUp();
  expect(first.consistency).toBe("frozen");
  await guest("web", "echo second > ~/kept/mark");
  const second = await backUp();
  expect(second.consistency).toBe("frozen");
  expect(second.addedBytes).toBeLessThan(first.addedBytes / 5);
  await guest("web", "echo third > ~/kept/third && sync");
  await berth.ok(["suspend", "web"]);
  expect((await backUp()).consistency).toBe("offline");
  await berth.ok(["start", "web"]);
  expect(await guest("web", "pgrep -c sleep")).toBe("1\n");
  await guest("web", "echo fourth > ~/kept/fourth");
  last = await backUp();
  expect(last.consistency).toBe("frozen");
  await isGood();
}, 600_000);

test("files of a backup are listed and copied, whoever they belong to and wherever links lead", async () => {
  const kept = (await guest("web", "cd ~/kept && pwd")).trim();
  await berth.ok(["stop", "web"]);
  const backup = short(last);
  expect(await berth.ok(["backup", "files", backup])).toMatch(/^ .* etc\/$/m);
  expect(await berth.ok(["backup", "files", backup, kept])).toMatch(
    / fourth\n.* host@\n.* mark\n.* third\n$/,
  );
  await berth.ok(["backup", "get", backup, kept, place]);
  const copied = ["mark", "third", "fourth"].map((name) => readFile(path.join(place, "kept", name), "utf8"));
  expect(await Promise.all(copied)).toEqual(["second\n", "third\n", "fourth\n"]);
  expect(await berth.ok(["backup", "get", backup, `${kept}/host`, "-"])).toBe("web\n");
  const missing = await berth.run(["backup", "get", backup, "/nowhere", place]);
  expect(missing.code).not.toBe(0);
  expect(missing.stderr).toContain("there is no /nowhere");
  // It is used again as long as it is there.
  expect(await berth.ok(["list"])).toMatch(new RegExp(`^backup-${backup} +Running`, "m"));
  await berth.ok(["delete", "--purge", `backup-${backup}`]);
}, 600_000);

test("a backup is proven, and nothing is left of that but the word of it", async () => {
  expect(await berth.ok(["backup", "drill", short(last)])).toContain("can be restored, and boots");
  last = await latest();
  expect(last.drilledAt).toMatch(/^20/);
  expect(await berth.ok(["list"])).not.toContain("drill-");
}, 600_000);

test("one disk becomes what it was: nothing of it is new to the repository", async () => {
  await berth.ok(["backup", "restore", short(first), "--disk", "disk"]);
  const again = await backUp("--protect");
  expect(again).toMatchObject({ consistency: "offline", isProtected: true });
  expect(again.addedBytes).toBeLessThan(2 ** 20);
}, 600_000);

test("what is left after one is deleted and its space is free is good", async () => {
  await berth.ok(["backup", "delete", short(first)]);
  await berth.ok(["repository", "prune", "main"]);
  await isGood();
  await berth.ok(["backup", "verify", short(last)]);
  expect(await berth.ok(["repository", "check", "main", "--read", "100"])).toMatch(
    /^No errors in main \(4 backups/,
  );
}, 600_000);
