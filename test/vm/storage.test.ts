/** A real guest's disk, memory and image are moved to another filesystem, and it goes on there. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exists } from "../../src/base/durable.ts";
import { run } from "../../src/base/run.ts";
import type { Berth } from "../support/berth.ts";
import { USER_DATA, type VmWorld, vmWorld } from "../support/vm-world.ts";

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

test("a running guest is suspended, moved and resumed; it boots there, too, and everything moves back", async () => {
  await berth.ok(["launch", "noble", "--name", "web", "--cloud-init", "-"], { input: USER_DATA });
  const boot = await inside("cat", "/proc/sys/kernel/random/boot_id");
  await inside("sh", "-c", "echo kept > word; sync");
  const refused = await berth.run(["storage", "move", place]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("web runs");

  await berth.ok(["storage", "move", "--suspend", place]);
  await berth.ok(["start", "web"]);
  expect(await inside("cat", "/proc/sys/kernel/random/boot_id")).toBe(boot);
  const instances = path.join(place, "instances");
  const [id = ""] = await readdir(instances);
  expect(await exists(path.join(berth.home, "data", "instances"))).toBe(false);
  expect(await exists(path.join(berth.home, "cache", "images"))).toBe(false);
  await berth.ok(["stop", "web"]);
  const disk = path.join(instances, id, "disk.qcow2");
  const { stdout } = await run(["qemu-img", "info", "--output=json", disk]);
  expect((JSON.parse(stdout) as { "backing-filename": string })["backing-filename"]).toContain(
    path.join(place, "images"),
  );
  await run(["qemu-img", "check", "-q", disk]);

  await berth.ok(["start", "web"]);
  expect(await inside("cat", "word")).toBe("kept");
  await berth.ok(["storage", "move", "--stop", "--back"]);
  await berth.ok(["start", "web"]);
  expect(await inside("cat", "word")).toBe("kept");
  expect(await readdir(place)).toEqual([]);
  await berth.ok(["delete", "--purge", "web"]);
});
