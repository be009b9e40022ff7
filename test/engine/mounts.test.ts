/** Mounts over the engine's API and a fake driver: what is kept, refused, cloned and restored. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let engine: EngineCore;
let source: string;

beforeEach(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
  source = path.join(world.root, "src");
  await mkdir(source);
  await succeeded(engine, engine.instances.launch({ name: "web" }));
  await succeeded(engine, engine.instances.stop("web", { force: false }));
});
afterEach(() => world.dispose());

const targets = (name = "web") => engine.instances.get(name).mounts.map(({ target }) => target);

test("a mount of a stopped instance is kept, with its defaults, and shown", async () => {
  await succeeded(engine, engine.mounts.add("web", { source }));
  expect(engine.instances.get("web").mounts).toEqual([
    {
      ...{ source, target: "src", type: "classic" },
      uids: [{ host: process.getuid?.(), guest: -1 }],
      gids: [{ host: process.getgid?.(), guest: -1 }],
    },
  ]);
  await world.close(engine);
  engine = await world.open();
  expect(targets()).toEqual(["src"]);
  expect(await engine.mounts.directoryIn("web", path.join(source, "a"))).toBe("src/a");
  expect(await engine.mounts.directoryIn("web", world.root)).toBeUndefined();
});

test("one is removed by its target, all without one", async () => {
  for (const target of ["/srv/a", "b", "~/c/"])
    await succeeded(engine, engine.mounts.add("web", { source, target }));
  expect(targets()).toEqual(["/srv/a", "b", "c"]);
  await succeeded(engine, engine.mounts.remove("web", "/srv//a/"));
  expect(targets()).toEqual(["b", "c"]);
  await succeeded(engine, engine.mounts.remove("web", undefined));
  expect(targets()).toEqual([]);
  await succeeded(engine, engine.mounts.remove("web", undefined));
});

test("what cannot be is refused, and nothing is kept of it", async () => {
  const file = path.join(world.root, "file");
  await writeFile(file, "");
  await succeeded(engine, engine.mounts.add("web", { source, target: "a" }));
  const refused = (wanted: object, code: string, words: string, name = "web") =>
    expect(engine.mounts.add(name, { source, ...wanted })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    });
  await refused({ target: "a/" }, "already-exists", `"a" is already mounted in 'web'`);
  await refused({}, "not-found", 'instance "no" does not exist', "no");
  await refused({ source: "/nope" }, "invalid-argument", 'source path "/nope" does not exist');
  await refused({ source: "src" }, "invalid-argument", 'source path "src" is not absolute');
  await refused({ source: file }, "invalid-argument", "is not a directory");
  await refused({ target: "/etc" }, "invalid-argument", 'unable to mount to "/etc"');
  await refused({ target: "../x" }, "invalid-argument", "it leads upwards");
  await refused({ type: "native", uids: [{ host: 1, guest: 1 }] }, "invalid-argument", "its own owner");
  await expect(engine.mounts.remove("web", "b")).rejects.toMatchObject({
    code: "not-found",
    message: `cannot unmount b: "b" is not mounted in 'web'`,
  });
  await succeeded(engine, engine.instances.start("web"));
  await refused({ type: "native", target: "n" }, "wrong-state", "only be added to a stopped instance");
  expect(targets()).toEqual(["a"]);
});

test("what a running guest will not mount is not promised; at a start it is a problem and no more", async () => {
  await succeeded(engine, engine.instances.start("web"));
  const failed = await ended(engine, engine.mounts.add("web", { source, target: "a" }));
  expect(failed.error).toMatchObject({
    code: "driver-failed",
    message: expect.stringContaining("cannot mount"),
  });
  expect(targets()).toEqual([]);
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  await succeeded(engine, engine.mounts.add("web", { source, target: "a" }));
  const started = await succeeded(engine, engine.instances.start("web"));
  expect(started.warnings).toEqual([expect.stringContaining("cannot mount")]);
  expect(engine.instances.get("web")).toMatchObject({
    state: "running",
    ready: true,
    problems: [{ code: "mount-unavailable:a", severity: "warning" }],
  });
  await succeeded(engine, engine.mounts.remove("web", "a"));
  expect(engine.instances.get("web").problems).toEqual([]);
});

test("a launch checks its mounts before anything is made", async () => {
  await expect(engine.instances.launch({ name: "db", mounts: [{ source: "/nope" }] })).rejects.toMatchObject({
    code: "invalid-argument",
  });
  const twice = [
    { source, target: "a" },
    { source, target: "a/" },
  ];
  await expect(engine.instances.launch({ name: "db", mounts: twice })).rejects.toMatchObject({
    message: expect.stringContaining('"a" is asked for twice'),
  });
  expect(await engine.instances.check({ name: "db", mounts: twice })).toMatchObject([
    { code: "mount-impossible" },
  ]);
  expect(engine.instances.list().map(({ name }) => name)).toEqual(["web"]);
});

test("snapshots keep the mounts, restores bring them back, clones have them", async () => {
  await succeeded(engine, engine.mounts.add("web", { source, target: "a" }));
  await succeeded(engine, engine.snapshots.take("web", { comment: "" }));
  await succeeded(engine, engine.mounts.remove("web", "a"));
  await succeeded(engine, engine.mounts.add("web", { source, target: "b" }));
  expect(engine.snapshots.list("web")).toMatchObject([{ mounts: [{ target: "a" }] }]);
  await succeeded(engine, engine.instances.clone("web", "copy"));
  expect(targets("copy")).toEqual(["b"]);
  await succeeded(engine, engine.snapshots.restore("web", "snapshot1", { destructive: true }));
  expect(targets()).toEqual(["a"]);
});
