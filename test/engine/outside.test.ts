/** What others do to containers of ours is seen by events: nothing is asked for again and again. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { FakeRuntime, openWithContainers } from "../support/fake-containers.ts";
import { FakeWorld, instanceBecomes, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let runtime: FakeRuntime;
let engine: EngineCore;

const open = () => openWithContainers(world, runtime);

beforeEach(async () => {
  world = await FakeWorld.make();
  runtime = new FakeRuntime();
  engine = await open();
  await succeeded(engine, engine.instances.launch({ name: "web", image: "nginx", container: {} }));
});
afterEach(() => world.dispose());

const stop = () => succeeded(engine, engine.instances.stop("web", { force: false }));
const idOf = () => engine.instances.get("web").id;
const instance = () => {
  const made = runtime.made.get("web");
  if (!made) throw new Error("it was never made");
  return made;
};
const codes = () => engine.instances.get("web").problems.map(({ code }) => code);

test("one that others start runs, and is looked after as any", async () => {
  await stop();
  runtime.host.boot(instance());
  runtime.changed(idOf());
  await instanceBecomes(engine, "web", ({ state, ready }) => state === "running" && ready);
  await stop();
  expect(runtime.host.guests.size).toBe(0);
});

test("one that others remove says so, and no more when it is there again", async () => {
  await stop();
  runtime.containers.delete(idOf());
  runtime.changed(idOf());
  const gone = await instanceBecomes(engine, "web", ({ problems }) => problems.length > 0);
  expect(gone).toMatchObject({
    state: "stopped",
    problems: [{ code: "container-gone", hint: expect.stringContaining("berth delete web") }],
  });
  runtime.containers.set(idOf(), instance());
  runtime.changed(idOf());
  await instanceBecomes(engine, "web", ({ problems }) => problems.length === 0);
});

test("that it has ended with its removal is one problem, and not two", async () => {
  runtime.containers.delete(idOf());
  runtime.host.end(idOf(), { how: "crashed", detail: "its container was removed outside of Berth" });
  await instanceBecomes(engine, "web", ({ state }) => state === "stopped");
  runtime.changed(idOf());
  await instanceBecomes(engine, "web", ({ problems }) => problems[0]?.code === "container-gone");
  expect(codes()).toEqual(["container-gone"]);
});

test("what happened while no engine ran is seen by the next one", async () => {
  await stop();
  await world.close(engine);
  runtime.containers.clear();
  engine = await open();
  await instanceBecomes(engine, "web", ({ problems }) => problems[0]?.code === "container-gone");
});

test("its health and a pause by others are shown when they change", async () => {
  expect(engine.instances.get("web").container?.healthStatus).toBeUndefined();
  runtime.changed(idOf(), "starting");
  await instanceBecomes(engine, "web", ({ container }) => container?.healthStatus === "starting");
  runtime.changed(idOf(), "unhealthy");
  await instanceBecomes(engine, "web", ({ container }) => container?.healthStatus === "unhealthy");
  runtime.paused.add(idOf());
  runtime.changed(idOf());
  await instanceBecomes(engine, "web", ({ container }) => container?.paused === true);
});

test("nobody listens where there is no container, nor after the engine", async () => {
  await stop();
  expect(runtime.outside.listenerCount).toBeGreaterThan(0);
  await succeeded(engine, engine.instances.delete("web", { purge: true }));
  await expect.poll(() => runtime.outside.listenerCount).toBe(0);
  await succeeded(engine, engine.instances.launch({ name: "web", image: "nginx", container: {} }));
  await stop();
  await world.close(engine);
  expect(runtime.outside.listenerCount).toBe(0);
});
