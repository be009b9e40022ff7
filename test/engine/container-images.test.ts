/** Images of containers over the engine's real core and a fake runtime. */
import { createHash } from "node:crypto";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { FakeContainerStore } from "../support/fake-container-store.ts";
import { FakeContainerDriver } from "../support/fake-containers.ts";
import { FakeDriver } from "../support/fake-driver.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let store: FakeContainerStore;
let engine: EngineCore;
const { signal } = new AbortController();

const open = () =>
  world.open({
    drivers: () => [
      new FakeDriver(world.host),
      Object.assign(new FakeContainerDriver(), { containerStore: store }),
    ],
  });

beforeEach(async () => {
  world = await FakeWorld.make();
  store = new FakeContainerStore();
  engine = await open();
});
afterEach(() => world.dispose());

test("a pull is an operation with the progress of each layer", async () => {
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  const operation = await engine.containerImages.pull({ reference: "nginx:1", runtime: "podman" });
  expect(operation).toMatchObject({ kind: "pull-container-image", target: "nginx:1" });
  await expect
    .poll(() => engine.operations.get(operation.id).progress?.parts)
    .toEqual([{ id: "layer", state: "moving", done: 1, total: 2 }]);
  gate.resolve();
  expect(await ended(engine, operation)).toMatchObject({ status: "succeeded" });
  expect(store.calls).toEqual(['pull nginx:1 {"runtime":"podman"}']);
});

test("a pull can be cancelled", async () => {
  store.gate = new Promise(() => {});
  const operation = await engine.containerImages.pull({ reference: "nginx:1" });
  engine.operations.cancel(operation.id);
  expect(await ended(engine, operation)).toMatchObject({ status: "cancelled" });
});

test("what an engine has left is gone on with by the next", async () => {
  store.gate = new Promise(() => {});
  const operation = await engine.containerImages.pull({ reference: "nginx:1", runtime: "podman" });
  await world.close(engine);
  store.gate = Promise.resolve();
  engine = await open();
  expect(await ended(engine, operation)).toMatchObject({ status: "succeeded", id: operation.id });
  expect(store.calls.at(-1)).toBe('pull nginx:1 {"runtime":"podman"}');
});

test("a push is one, too", async () => {
  await succeeded(engine, engine.containerImages.push({ reference: "app:1" }));
  expect(store.calls).toEqual(["push app:1"]);
});

test("archives are loaded and saved by absolute paths", async () => {
  await succeeded(engine, engine.containerImages.load({ file: "/tmp/a.tar" }));
  await succeeded(engine, engine.containerImages.save({ reference: "x:1", file: "/tmp/b.tar" }));
  expect(store.calls).toEqual(["load /tmp/a.tar", "save x:1 /tmp/b.tar"]);
  await expect(engine.containerImages.load({ file: "a.tar" })).rejects.toMatchObject({
    code: "invalid-argument",
    message: "cannot load images from a.tar: an absolute path is needed",
  });
});

test("what an instance stands on is said, never removed, never pruned, even from the trash", async () => {
  const nginx = createHash("sha256").update("nginx").digest("hex");
  const used = store.put("nginx", { id: `sha256:${nginx}` });
  store.put("idle:1");
  store.put("theirs:1", { ours: false });
  await succeeded(engine, engine.instances.launch({ name: "web", image: "nginx", container: {} }));

  const images = await engine.containerImages.list({}, signal);
  expect(images.map(({ references, usedBy }) => [...references, ...usedBy])).toEqual([
    ["nginx", "web"],
    ["idle:1"],
    ["theirs:1"],
  ]);
  await expect(engine.containerImages.remove({ reference: "nginx" }, signal)).rejects.toMatchObject({
    code: "busy",
    message: "cannot remove image nginx: web stands on it",
  });
  await succeeded(engine, engine.instances.delete("web", { purge: false }));
  expect(await engine.containerImages.prune({ foreign: false }, signal)).toEqual({
    removed: ["sha256:idle:1"],
    freedBytes: 7,
  });
  expect(store.needed).toEqual(new Set([used.id]));
  expect([...store.images.values()].map(({ references }) => references[0])).toEqual(["nginx", "theirs:1"]);
  await engine.containerImages.remove({ reference: "theirs:1" }, signal);
  expect(store.images.size).toBe(1);
});

test("a build gives what it prints, then the image's id", async () => {
  const output = engine.containerImages.build({ directory: "/src/app", tags: ["app:1"] }, signal);
  expect(await text(output)).toBe("step 1\nstep 2\nstep 3\nsha256:app:1\n");
});

test("a build that fails fails its output; one that is left ends", async () => {
  await expect(
    text(engine.containerImages.build({ directory: "/broken", tags: [] }, signal)),
  ).rejects.toMatchObject({
    code: "driver-failed",
    message: "cannot build /broken: it ended with code 1",
  });
  store.gate = new Promise(() => {});
  const output = engine.containerImages.build({ directory: "/src", tags: [] }, signal);
  output.on("error", () => {}).once("data", () => output.destroy());
  await expect.poll(() => store.calls).toContain("build left");
  expect(() => engine.containerImages.build({ directory: "src", tags: [] }, signal)).toThrow(
    "an absolute path",
  );
});

test("an engine without containers says so", async () => {
  await world.close(engine);
  engine = await world.open();
  await expect(engine.containerImages.list({}, signal)).rejects.toMatchObject({
    code: "not-supported",
    message: "cannot list images: this engine runs no containers",
  });
});
