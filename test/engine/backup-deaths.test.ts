/**
 * An engine that dies at a step of a backup, or of a restore: the next one brings it to its end. `BERTH_EVERY_DEATH=1` takes
 * every step, which is long; otherwise it is each fifth.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { FakeWorld, succeeded } from "../support/fake-engine.ts";
import { FakeContent } from "../support/fake-points.ts";
import { dieAndRecover, type Scenario } from "../support/mortal.ts";
import { WORKER } from "../support/repository-worker.ts";

const DISK_BYTES = 512 * 2 ** 20;
const STRIDE = process.env["BERTH_EVERY_DEATH"] ? 1 : 5;

let world: FakeWorld;
let places: string;

beforeEach(async () => {
  await begin();
});
afterEach(async () => {
  await end();
});

async function begin(): Promise<void> {
  world = await FakeWorld.make();
  world.images.virtualBytes = DISK_BYTES;
  world.repository = { worker: WORKER, settleMs: 0 };
  places = await mkdtemp(path.join(tmpdir(), "berth-deaths-"));
}

async function end(): Promise<void> {
  await world.dispose();
  await rm(places, { recursive: true, force: true });
}

const signal = () => AbortSignal.timeout(20_000);
const backUp = (engine: EngineCore) => engine.backups.create("web", { full: false, isProtected: false });
const listed = async (engine: EngineCore) => (await engine.backups.list({}, signal())).items;
const contentOf = (engine: EngineCore, name: string) =>
  world.host.contents.get(`${engine.instances.get(name).id} disk`) as FakeContent;

async function prepare(engine: EngineCore): Promise<void> {
  await succeeded(engine, engine.instances.launch({ name: "web", diskBytes: DISK_BYTES }));
  const content = new FakeContent(DISK_BYTES);
  content.write(0, randomBytes(3_000_000));
  world.host.contents.set(`${engine.instances.get("web").id} disk`, content);
  const place = path.join(places, "main");
  await succeeded(engine, engine.repositories.add({ name: "main", place, init: true }));
  await succeeded(engine, backUp(engine));
}

const SCENARIOS: Scenario[] = [
  {
    name: "a backup",
    prepare,
    act: backUp,
    expected: (_engine, operation) => expect(operation.status).toBe("succeeded"),
  },
  {
    name: "a restore",
    prepare,
    act: async (engine) => {
      const [backup] = await listed(engine);
      return engine.backups.restore({ repository: "main", backup: backup?.id ?? "" }, "again", signal());
    },
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("again")).toMatchObject({ state: "stopped" });
      expect([...contentOf(engine, "again").blocks]).toEqual([...contentOf(engine, "web").blocks]);
    },
  },
  {
    name: "a restore in place",
    prepare: async (engine) => {
      await prepare(engine);
      contentOf(engine, "web").write(9_000_000, randomBytes(1_000_000));
      await succeeded(engine, engine.instances.stop("web", { force: true }));
    },
    act: async (engine) => {
      const [backup] = await listed(engine);
      return engine.backups.revert({ repository: "main", backup: backup?.id ?? "" }, undefined, signal());
    },
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("web")).toMatchObject({ state: "stopped", snapshotCount: 1 });
      expect(Math.max(...contentOf(engine, "web").blocks.keys())).toBeLessThan(3_000_000 / 65_536);
    },
  },
  {
    name: "a drill",
    prepare,
    act: async (engine) => {
      const [backup] = await listed(engine);
      return engine.backups.drill({ repository: "main", backup: backup?.id ?? "" }, signal());
    },
    // What an engine died in proves nothing any more, and is gone.
    expected: (engine, operation) => {
      expect(["succeeded", "failed"]).toContain(operation.status);
      expect(engine.instances.list().map(({ name }) => name)).toEqual(["web"]);
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
      // One that was acknowledged is there, and nothing is there twice.
      const backups = await listed(engine);
      expect(new Set(backups.map(({ id }) => id)).size).toBe(backups.length);
      expect(backups.length).toBeGreaterThanOrEqual(1);
      expect(backups.length).toBeLessThanOrEqual(2);
      await succeeded(engine, engine.repositories.check("main", { readShare: 0 }));
      await succeeded(engine, backUp(engine));
      expect(world.host.violations).toEqual([]);
      await end();
      await begin();
    }
    expect(deaths).toBeGreaterThan(0);
  },
  300_000,
);
