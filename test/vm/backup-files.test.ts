/** Single files of a backup by way of a real guest that shows them; a drill; one disk that becomes what it was. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Backup } from "../../src/api/backup.ts";
import type { Berth } from "../support/berth.ts";
import { USER_DATA, type VmWorld, vmWorld } from "../support/vm-world.ts";

let world: VmWorld;
let berth: Berth;
let place: string;

beforeAll(async () => {
  place = await mkdtemp(path.join(tmpdir(), "berth-vm-files-"));
  world = await vmWorld();
  berth = world.berth;
  await berth.ok(["keys", "init", "--passphrase-file", "-"], { input: "correct horse\n" });
  await berth.ok(["launch", "--name", "web", "--disk", "5G", "--cloud-init", "-"], { input: USER_DATA });
  await berth.ok(["repository", "init", "main", path.join(place, "main")]);
  await guest(
    "mkdir ~/kept && echo first > ~/kept/mark && ln -s /etc/hostname ~/kept/host && chmod 700 ~/kept",
  );
  await berth.ok(["backup", "create", "web"]);
}, 300_000);
afterAll(async () => {
  await world?.dispose();
  await rm(place, { recursive: true, force: true });
}, 120_000);

const guest = (script: string) => berth.ok(["exec", "web", "--", "sh", "-c", script]);
const latest = async () =>
  ((await berth.json(["backup", "list"])) as { backups: Backup[] }).backups.at(-1) as Backup;
const id = async () => (await latest()).id.slice(0, 8);

test("files of a backup are listed and copied, whoever they belong to and wherever links lead", async () => {
  await guest("echo second > ~/kept/mark && sync");
  const home = (await guest("cd && pwd")).trim();
  const backup = await id();
  expect(await berth.ok(["backup", "files", backup])).toMatch(/^ .* etc\/$/m);
  expect(await berth.ok(["backup", "files", backup, `${home}/kept`])).toMatch(/host@\n.* mark\n$/);
  await berth.ok(["backup", "get", backup, `${home}/kept`, place]);
  expect(await readFile(path.join(place, "kept/mark"), "utf8")).toBe("first\n");
  expect(await berth.ok(["backup", "get", backup, `${home}/kept/host`, "-"])).toBe("web\n");
  const missing = await berth.run(["backup", "get", backup, "/nowhere", place]);
  expect([missing.code, missing.stderr]).toEqual([
    expect.any(Number),
    expect.stringContaining("there is no /nowhere"),
  ]);
  // It is used again as long as it is there.
  expect(await berth.ok(["list"])).toMatch(new RegExp(`^backup-${backup} +Running`, "m"));
  await berth.ok(["delete", "--purge", `backup-${backup}`]);
}, 600_000);

test("a backup is proven, and nothing is left of that but the word of it", async () => {
  expect(await berth.ok(["backup", "drill", await id()])).toContain("can be restored, and boots");
  expect((await latest()).drilledAt).toMatch(/^20/);
  expect(await berth.ok(["list"])).not.toContain("drill-");
}, 600_000);

test("one disk becomes what it was", async () => {
  await berth.ok(["stop", "web"]);
  await berth.ok(["backup", "restore", await id(), "--disk", "disk"]);
  await berth.ok(["start", "web"]);
  expect(await guest("cat ~/kept/mark")).toBe("first\n");
}, 600_000);
