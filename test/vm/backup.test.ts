/** Backups of a real guest that runs, which restic finds good, and guests that are made of them. */
import { mkdtemp, rm } from "node:fs/promises";
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

beforeAll(async () => {
  place = await mkdtemp(path.join(tmpdir(), "berth-vm-backup-"));
  world = await vmWorld();
  berth = world.berth;
  await berth.ok(["keys", "init", "--passphrase-file", "-"], { input: "correct horse\n" });
}, 120_000);
afterAll(async () => {
  await world?.dispose();
  await rm(place, { recursive: true, force: true });
}, 120_000);

const folder = () => path.join(place, "main");
const listed = async () => ((await berth.json(["backup", "list"])) as { backups: Backup[] }).backups;
const guest = (name: string, script: string) => berth.ok(["exec", name, "--", "sh", "-c", script]);

test("a guest that runs is backed up twice, and a new one of the first backup is what it was", async () => {
  await berth.ok(["launch", "--name", "web", "--disk", "5G", "--cloud-init", "-"], { input: USER_DATA });
  const made = await berth.ok(["repository", "init", "main", folder()]);
  const password = /^Password: +(\S+)$/m.exec(made)?.[1] ?? "";
  expect(password).toMatch(/^[\w-]{43}$/);
  const env = { RESTIC_PASSWORD: password, RESTIC_CACHE_DIR: path.join(place, "cache") };
  const restic = async (...argv: string[]) =>
    (await run(["restic", "-r", folder(), ...argv], { env })).stdout;

  await guest("web", "echo first > ~/mark && sync");
  expect(await berth.ok(["backup", "create", "web"])).toMatch(/^Backed up: web \([0-9a-f]{8}, .* added\)\n$/);
  await guest("web", "echo second > ~/mark && sync");
  await berth.ok(["backup", "create", "web"]);
  const [first, second] = await listed();
  if (!first || !second) throw new Error("there are two");
  expect(first.consistency).toBe("frozen");
  expect(second.addedBytes).toBeLessThan(first.addedBytes / 5);
  expect(await restic("check", "--read-data")).toContain("no errors were found");

  expect(await berth.ok(["backup", "restore", first.id.slice(0, 8), "--as", "older"])).toBe(
    "Restored: older\n",
  );
  await berth.ok(["stop", "web"]);
  await berth.ok(["start", "older"]);
  expect(await guest("older", "cat ~/mark; hostname")).toBe("first\nolder\n");
  await berth.ok(["delete", "--purge", "older"]);

  await berth.ok(["backup", "create", "web", "--protect"]);
  const third = (await listed()).at(-1);
  expect(third).toMatchObject({ consistency: "offline", isProtected: true });
  await berth.ok(["backup", "delete", first.id.slice(0, 8)]);
  await berth.ok(["repository", "prune", "main"]);
  expect(await restic("check", "--read-data")).toContain("no errors were found");
  await berth.ok(["backup", "verify", second.id.slice(0, 8)]);
  expect(await berth.ok(["repository", "check", "main", "--read", "100"])).toMatch(
    /^No errors in main \(2 backups/,
  );
}, 900_000);
