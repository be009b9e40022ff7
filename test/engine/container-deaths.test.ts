/**
 * An engine that dies at a step of a container's restore in place, or of its drill: the next one brings it to its end.
 * `BERTH_EVERY_DEATH=1` takes every step, which is long; otherwise it is each seventh.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { tarOf } from "../support/container-image.ts";
import { FakeContainerDriver, FakeRuntime } from "../support/fake-containers.ts";
import { FakeDriver } from "../support/fake-driver.ts";
import { FakeWorld, succeeded } from "../support/fake-engine.ts";
import { filesIn, launchKept } from "../support/kept-container.ts";
import { dieAndRecover, type Scenario } from "../support/mortal.ts";
import { WORKER } from "../support/repository-worker.ts";

const STRIDE = process.env["BERTH_EVERY_DEATH"] ? 1 : 7;

let world: FakeWorld;
let runtime: FakeRuntime;
let places: string;

beforeEach(async () => {
  await begin();
});
afterEach(async () => {
  await end();
});

async function begin(): Promise<void> {
  world = await FakeWorld.make();
  runtime = new FakeRuntime();
  world.drivers = () => [new FakeDriver(world.host), new FakeContainerDriver(runtime)];
  world.repository = { worker: WORKER, settleMs: 0 };
  places = await mkdtemp(path.join(tmpdir(), "berth-container-deaths-"));
}

async function end(): Promise<void> {
  await world.dispose();
  await rm(places, { recursive: true, force: true });
}

const signal = () => AbortSignal.timeout(20_000);
const one = async (engine: EngineCore) => {
  const [backup] = (await engine.backups.list({}, signal())).items;
  return { repository: "main", backup: backup?.id ?? "" };
};
const filesOf = (engine: EngineCore) => filesIn(runtime.trees.get(engine.instances.get("web").id)?.root);

/** It rests, and holds something else than its backup. */
async function prepare(engine: EngineCore): Promise<void> {
  await launchKept(engine, runtime);
  const place = path.join(places, "main");
  await succeeded(engine, engine.repositories.add({ name: "main", place, init: true }));
  await succeeded(engine, engine.backups.create("web", { full: false, isProtected: false }));
  await succeeded(engine, engine.instances.stop("web", { force: true }));
  const { id } = engine.instances.get("web");
  const held = runtime.trees.get(id);
  if (held) runtime.trees.set(id, { ...held, root: await tarOf([{ name: "new", body: Buffer.from("x") }]) });
}

const SCENARIOS: Scenario[] = [
  {
    name: "a restore in place",
    prepare,
    act: async (engine) => engine.backups.revert(await one(engine), undefined, signal()),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      const { container, ...web } = engine.instances.get("web");
      expect(web).toMatchObject({ state: "stopped", snapshotCount: 1 });
      expect(container?.volumes).toMatchObject([{ name: expect.stringMatching(/^data-/), target: "/data" }]);
    },
  },
  {
    name: "a drill",
    prepare,
    act: async (engine) => engine.backups.drill(await one(engine), signal()),
    // What an engine died in proves nothing any more, and is gone.
    expected: (engine, operation) => {
      expect(["succeeded", "failed"]).toContain(operation.status);
      expect(engine.instances.list().map(({ name }) => name)).toEqual(["web"]);
      expect([...runtime.trees.keys()]).toEqual([engine.instances.get("web").id]);
      expect([...runtime.volumes.keys()]).toEqual([]);
    },
  },
];

test.each(SCENARIOS)(
  "$name, at its steps",
  async (scenario) => {
    let deaths = 0;
    for (let at = 0; await dieAndRecover(world, scenario, at); at += STRIDE) {
      deaths += 1;
      const engine = await world.open();
      const isBack = engine.instances.get("web").snapshotCount > 0;
      expect((await filesOf(engine)).has(isBack ? "etc/motd" : "new")).toBe(true);
      if (isBack) {
        // What there was is gone back to, whatever happened.
        const how = { destructive: true, automatic: false };
        await succeeded(engine, engine.snapshots.restore("web", "before-restore-1", how));
        expect((await filesOf(engine)).has("new")).toBe(true);
        expect(engine.instances.get("web").container?.volumes).toMatchObject([{ name: "data" }]);
      }
      expect(runtime.host.violations).toEqual([]);
      await end();
      await begin();
    }
    expect(deaths).toBeGreaterThan(0);
  },
  300_000,
);
