/** A real guest's disk, memory and image are moved to another filesystem, and it goes on there. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exists } from "../../src/base/durable.ts";
import { run } from "../../src/base/run.ts";
import type { Berth } from "../support/berth.ts";
import { FIRST_BOOT_DATA, type VmWorld, vmWorld } from "../support/vm-world.ts";

let world: VmWorld;
let berth: Berth;
let place: string;

beforeAll(async () => {
  world = await vmWorld();
  berth = world.berth;
  place = await mkdtemp((await exists("/dev/shm")) ? "/dev/shm/berth-place-" : `${berth.home}/place-`);
});
afterAll(async () => {
  await world?.dispose();
  if (place) await rm(place, { recursive: true, force: true });
});

const inside = async (...argv: string[]) => (await berth.ok(["exec", "web", "--", ...argv])).trim();
const bootId = () => inside("cat", "/proc/sys/kernel/random/boot_id");

test("a running guest is stopped, moved and boots there; suspended, it moves back and goes on where it was", async () => {
  await berth.ok(["launch", "noble", "--name", "web", "--cloud-init", "-"], { input: FIRST_BOOT_DATA });
  await inside("sh", "-c", "echo kept > word; sync");
  const refused = await berth.run(["storage", "move", place]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("web runs");

  await berth.ok(["storage", "move", "--stop", place]);
  await berth.ok(["start", "web"]);
  expect(await inside("cat", "word")).toBe("kept");
  const boot = await bootId();
  const instances = path.join(place, "instances");
  const [id = ""] = await readdir(instances);
  expect(await exists(path.join(berth.home, "data", "instances"))).toBe(false);
  expect(await exists(path.join(berth.home, "cache", "images"))).toBe(false);
  await berth.ok(["suspend", "web"]);
  const disk = path.join(instances, id, "disk.qcow2");
  const { stdout } = await run(["qemu-img", "info", "--output=json", disk]);
  expect((JSON.parse(stdout) as { "backing-filename": string })["backing-filename"]).toContain(
    path.join(place, "images"),
  );
  await run(["qemu-img", "check", "-q", disk]);

  await berth.ok(["start", "web"]);
  await berth.ok(["storage", "move", "--suspend", "--back"]);
  await berth.ok(["start", "web"]);
  expect(await bootId()).toBe(boot);
  expect(await readdir(place)).toEqual([]);
  await berth.ok(["delete", "--purge", "web"]);
});
