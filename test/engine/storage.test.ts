/** Instances and images move to another place: whole, by one switch, whatever happens in the middle. */
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StorageMove } from "../../src/api/storage.ts";
import { exists } from "../../src/base/durable.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { Locations } from "../../src/engine/storage/locations.ts";
import { openStore } from "../../src/engine/store/store.ts";
import { Crash } from "../support/crash.ts";
import { FakeDriver } from "../support/fake-driver.ts";
import { ended, FakeWorld, instanceBecomes, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let engine: EngineCore;
let place: string;
/** A filesystem other than that of the temporary directory, where the host has one. */
let elsewhere: string;

beforeEach(async () => {
  world = await FakeWorld.make();
  place = path.join(world.root, "big disk");
  elsewhere = await mkdtemp((await exists("/dev/shm")) ? "/dev/shm/berth-place-" : `${world.root}/place-`);
  engine = await world.open();
});

afterEach(async () => {
  await world.dispose();
  await rm(elsewhere, { recursive: true, force: true });
});

const move = (more: Partial<StorageMove> = {}, on = engine) =>
  on.storage.move({ what: ["instances", "images"], running: "refuse", directory: place, ...more });

async function stoppedWeb(): Promise<string> {
  await succeeded(engine, engine.instances.launch({ name: "web", userData: "#cloud-config\n" }));
  await succeeded(engine, engine.instances.stop("web", { force: true }));
  return engine.instances.get("web").id;
}

async function reopen(): Promise<void> {
  await world.close(engine);
  engine = await world.open();
}

/** A started instance finds its disk, and the disk its image. */
async function usable(on: EngineCore, at: { instances: string; images: string }): Promise<void> {
  const { id } = on.instances.get("web");
  expect(on.instances.get("web")).toMatchObject({ state: "stopped", problems: [] });
  const image = await readFile(path.join(at.instances, id, "disk.fake"), "utf8");
  expect(path.dirname(image)).toBe(at.images);
  expect(await exists(image)).toBe(true);
  await succeeded(on, on.instances.start("web"));
  await succeeded(on, on.instances.stop("web", { force: true }));
}

const moved = (to = place) => ({ instances: path.join(to, "instances"), images: path.join(to, "images") });

describe("a move", () => {
  test.each(["the same filesystem", "another one"])(
    "to %s takes everything along, and back",
    async (which) => {
      const id = await stoppedWeb();
      const to = which === "another one" ? elsewhere : place;
      const holed = path.join(world.paths.instances, id, "holed");
      await writeFile(
        holed,
        Buffer.concat([Buffer.from("begin"), Buffer.alloc(8 * 2 ** 20), Buffer.from("end")]),
      );
      const before = await readFile(holed);
      await succeeded(engine, move({ directory: to }));
      await usable(engine, moved(to));
      expect((await readFile(path.join(to, "instances", id, "holed"))).equals(before)).toBe(true);
      if (which === "another one")
        expect((await stat(path.join(to, "instances", id, "holed"))).blocks).toBeLessThan(1024);
      for (const old of [world.paths.instances, world.paths.trash, world.paths.images])
        expect(await exists(old)).toBe(false);
      await reopen();
      await usable(engine, moved(to));
      const shown = await engine.storage.show(AbortSignal.timeout(5_000));
      expect(
        shown.map(({ what, directory, moved, present }) => ({ what, directory, moved, present })),
      ).toEqual([
        { what: "data", directory: world.paths.data, moved: false, present: true },
        { what: "instances", directory: moved(to).instances, moved: true, present: true },
        { what: "images", directory: moved(to).images, moved: true, present: true },
      ]);
      await succeeded(engine, engine.instances.launch({ name: "second" }));
      await succeeded(engine, engine.instances.delete("second", { purge: true }));
      await succeeded(engine, move({ directory: undefined }));
      await usable(engine, world.paths);
      // A directory that was there before stays, and one that was made goes.
      expect(await readdir(to).catch(() => "gone")).toEqual(which === "another one" ? [] : "gone");
    },
  );

  test("of one kind leaves the other where it is; the same again does nothing", async () => {
    await stoppedWeb();
    await succeeded(engine, move({ what: ["images"] }));
    await usable(engine, { instances: world.paths.instances, images: moved().images });
    await succeeded(engine, move({ what: ["images"] }));
    await succeeded(engine, move({ what: ["instances"] }));
    await usable(engine, moved());
    expect((await engine.info()).problems).toEqual([]);
  });

  test("suspends what runs and resumes it, and refuses it where nothing was said", async () => {
    await succeeded(engine, engine.instances.launch({ name: "web" }));
    const boot = world.host.named("web")?.bootId;
    await expect(move()).rejects.toMatchObject({
      code: "wrong-state",
      message: expect.stringContaining("web runs"),
      hint: expect.stringContaining("--suspend"),
    });
    expect(world.host.named("web")?.bootId).toBe(boot);
    await succeeded(engine, move({ running: "suspend" }));
    await instanceBecomes(engine, "web", ({ state, ready }) => state === "running" && ready);
    expect(world.host.named("web")?.bootId).toBe(boot);
    await succeeded(engine, move({ running: "stop", directory: elsewhere }));
    await instanceBecomes(engine, "web", ({ state, ready }) => state === "running" && ready);
    expect(world.host.named("web")?.bootId).not.toBe(boot);
    expect(world.host.violations).toEqual([]);
  });

  test("is alone: nothing else begins before its end", async () => {
    await stoppedWeb();
    world.host.knobs.rehome = "never";
    const operation = await move();
    await world.host.reached("rehome", "web");
    await expect(engine.instances.start("web")).rejects.toMatchObject({ code: "busy" });
    await expect(engine.instances.launch({ name: "other" })).rejects.toMatchObject({ code: "busy" });
    await expect(engine.images.prune()).rejects.toMatchObject({ code: "busy" });
    await expect(move({ directory: elsewhere })).rejects.toMatchObject({ code: "busy" });
    expect(() => engine.operations.cancel(operation.id)).toThrow("past the point of return");
    // The engine dies here; the next one goes on with it.
    world.host.knobs.rehome = 0;
    await reopen();
    await succeeded(engine, operation);
    await usable(engine, moved());
  });

  test("that is refused by a launch under way changes nothing", async () => {
    world.host.knobs.ready = "never";
    const launch = await engine.instances.launch({ name: "web" });
    await world.host.reached("ready", "web");
    await expect(move({ running: "stop" })).rejects.toMatchObject({ code: "busy" });
    engine.operations.cancel(launch.id);
    await ended(engine, launch);
    expect(await exists(place)).toBe(false);
  });
});

describe("a place that must not be taken", () => {
  const cases: [string, () => Promise<string>, string][] = [
    ["a relative path", async () => "big", "not an absolute path"],
    ["no parent", async () => path.join(world.root, "a", "b"), "does not exist"],
    ["a file", async () => aFile(), "not a directory"],
    ["a foreign directory", async () => path.dirname(await aFile()), "it is not empty"],
    ["the instances themselves", async () => world.paths.instances, "Berth's own"],
    ["a directory in the data", async () => path.join(world.paths.data, "new"), "Berth's own"],
    ["a link to the instances", async () => aLink(), "Berth's own"],
    ["a filesystem that cannot be written", async () => "/proc/berth", "cannot move to /proc/berth"],
    ["another Berth's", async () => anothers(), "keeps its data there"],
    ["one that others may write to", async () => open(), "others may write to it"],
    ["a line break", async () => path.join(world.root, "a\nb"), "line break"],
  ];
  const aFile = async () => {
    await mkdir(path.join(world.root, "foreign"), { recursive: true });
    await writeFile(path.join(world.root, "foreign", "mine"), "mine");
    return path.join(world.root, "foreign", "mine");
  };
  const aLink = async () => {
    await symlink(world.paths.instances, path.join(world.root, "link"));
    return path.join(world.root, "link");
  };
  const anothers = async () => {
    await mkdir(place);
    const other = await FakeWorld.make();
    const there = await other.open();
    await succeeded(there, move({}, there));
    await other.dispose();
    return place;
  };
  const open = async () => {
    await mkdir(place);
    await chmod(place, 0o777);
    return place;
  };

  test.each(cases)("%s", async (_name, make, reason) => {
    await stoppedWeb();
    const directory = await make();
    const names = await readdir(directory).catch(() => "none");
    await expect(move({ directory })).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining(reason),
    });
    expect(await readdir(directory).catch(() => "none")).toEqual(names);
    await usable(engine, world.paths);
  });
});

test("a move that is called off or fails leaves everything where it was", async () => {
  const id = await stoppedWeb();
  await writeFile(path.join(world.paths.instances, id, "big"), Buffer.alloc(64 * 2 ** 20, 1));
  const operation = await move({ directory: elsewhere });
  engine.operations.cancel(operation.id);
  expect((await ended(engine, operation)).status).toBe("cancelled");
  expect(await readdir(elsewhere)).toEqual([]);
  await usable(engine, world.paths);
  expect((await engine.storage.show(AbortSignal.timeout(5_000))).some((one) => one.moved)).toBe(false);
});

test("an engine that dies at any step of a move leaves a next one that ends it", async () => {
  const seen = new Set<string>();
  for (let at = 0; ; at += 1) {
    const own = await FakeWorld.make();
    const to = path.join(own.root, "place");
    const first = await own.open();
    await succeeded(first, first.instances.launch({ name: "web" }));
    await succeeded(first, first.instances.stop("web", { force: true }));
    const { id } = first.instances.get("web");
    await own.close(first);
    const crash = new Crash(at);
    const store = await openStore(own.paths.database);
    const second = await own.open({
      store: crash.wrap("store", store, ["beginOperation", "endOperation", "saveInstance"]),
      locations: crash.wrap("locations", await Locations.read(own.paths), ["mark", "point", "forgetFormer"]),
      drivers: () => [crash.wrap("driver", new FakeDriver(own.host), ["rehome"])],
    });
    own.forget(second);
    const asked = move({ directory: to }, second).then((operation) => ended(second, operation));
    await Promise.race([asked.catch(() => {}), crash.died]);
    await new Promise((resolve) => setImmediate(resolve));
    store.close();
    const where = `dead ${crash.passed.at(-1)}`;
    seen.add(where);
    // Half a copy, as a crash in its middle leaves it.
    if (where.endsWith("after locations.mark")) {
      await mkdir(path.join(to, "instances", id), { recursive: true });
      await writeFile(path.join(to, "instances", id, "disk.fake"), "half");
    }
    const third = await own.open();
    for (const one of third.operations.list()) await ended(third, one);
    const known = third.operations.list().find(({ kind }) => kind === "move-storage");
    const [, instances] = await third.storage.show(AbortSignal.timeout(5_000));
    expect(instances?.moved, where).toBe(known?.status === "succeeded");
    await usable(third, instances?.moved ? moved(to) : own.paths);
    const [old, other] = instances?.moved ? [own.paths.instances, to] : [to, own.paths.instances];
    if (old !== to || !known) expect(await exists(old), where).toBe(false);
    expect(await exists(other), where).toBe(true);
    await own.dispose();
    if (!crash.dead) break;
  }
  expect([...seen].filter((one) => one.includes("locations.point"))).toHaveLength(2);
  expect([...seen].filter((one) => one.includes("driver.rehome"))).toHaveLength(2);
}, 60_000);

describe("a place whose disk is not mounted", () => {
  test("shows its instances as failed, deletes nothing, and they come back with it", async () => {
    await stoppedWeb();
    await succeeded(engine, move());
    await world.close(engine);
    await rename(place, `${place} unplugged`);
    await mkdir(place);
    engine = await world.open();
    expect(engine.instances.get("web")).toMatchObject({
      state: "failed",
      problems: [{ code: "directory-missing", hint: expect.stringContaining("berth storage show") }],
    });
    expect((await engine.info()).problems.map(({ code }) => code)).toEqual([
      "storage-absent",
      "storage-absent",
    ]);
    await expect(engine.instances.start("web")).rejects.toMatchObject({ code: "wrong-state" });
    const launch = await ended(engine, engine.instances.launch({ name: "other" }));
    expect(launch.status).toBe("failed");
    expect(await readdir(place)).toEqual([]);
    await expect(move({ directory: elsewhere })).rejects.toMatchObject({ code: "no-resources" });

    await rm(place, { recursive: true });
    await rename(`${place} unplugged`, place);
    const shown = await engine.storage.show(AbortSignal.timeout(5_000));
    expect(shown.every(({ present }) => present)).toBe(true);
    await usable(engine, moved());
    expect((await engine.info()).problems).toEqual([]);
    await reopen();
    await usable(engine, moved());
  });

  test("a damaged pointer is told, never guessed", async () => {
    await stoppedWeb();
    await succeeded(engine, move());
    await world.close(engine);
    await writeFile(path.join(world.paths.data, "storage.json"), "{");
    await expect(world.open()).rejects.toMatchObject({ message: expect.stringContaining("storage.json") });
  });
});
