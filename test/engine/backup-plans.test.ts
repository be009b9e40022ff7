/** Backups that are made by themselves, by a clock that the tests set. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { BackupPlan } from "../../src/api/backup.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { FakeWorld, succeeded } from "../support/fake-engine.ts";
import { FakeContent } from "../support/fake-points.ts";
import { WORKER } from "../support/repository-worker.ts";

const DISK_BYTES = 512 * 2 ** 20;
const HOURLY = { schedule: { every: "hour", minute: 0 } } as const;

let world: FakeWorld;
let engine: EngineCore;
let places: string;
let now: Date;

const open = () => world.open({ now: () => now });
const later = (minutes: number) => {
  now = new Date(now.getTime() + minutes * 60_000);
};

beforeEach(async () => {
  now = new Date(2026, 10, 30, 12, 30);
  world = await FakeWorld.make();
  world.images.virtualBytes = DISK_BYTES;
  world.repository = { worker: WORKER, settleMs: 0 };
  places = await mkdtemp(path.join(tmpdir(), "berth-plans-"));
  engine = await open();
  await succeeded(engine, engine.instances.launch({ name: "web", diskBytes: DISK_BYTES }));
  world.host.contents.set(`${engine.instances.get("web").id} disk`, new FakeContent(DISK_BYTES));
  await succeeded(
    engine,
    engine.repositories.add({ name: "main", place: path.join(places, "main"), init: true }),
  );
});
afterEach(async () => {
  await world.dispose();
  await rm(places, { recursive: true, force: true });
});

const signal = () => AbortSignal.timeout(20_000);
const count = async () => (await engine.backups.list({}, signal())).items.length;
const plan = () => engine.backupPlans.list()[0] as BackupPlan;
const last = () => plan().lastAt;
/** What was planned begins once more to wait for its time. */
const again = (more = {}) => engine.backupPlans.set("web", { ...HOURLY, ...more });
const made = async (at: Date) => {
  await expect.poll(last, { timeout: 20_000 }).toBe(at.toISOString());
  await expect.poll(() => engine.operations.list().some(({ status }) => status === "running")).toBe(false);
};

test("the first is made at once, the next when it is due, and what is missed is made up for once", async () => {
  expect(engine.idle).toBe(true);
  again();
  expect(engine.idle).toBe(false);
  await made(now);
  expect(plan()).toMatchObject({
    ...{ instance: "web", repository: "main" },
    nextAt: new Date(2026, 10, 30, 13, 0).toISOString(),
  });
  later(29);
  again();
  later(1);
  again();
  await made(now);
  expect(await count()).toBe(2);
  await world.close(engine);
  later(24 * 60);
  engine = await open();
  await made(now);
  expect(await count()).toBe(3);
  engine.backupPlans.remove("web");
  expect(engine.idle).toBe(true);
});

test("what the plan does not keep is forgotten; what is protected stays", async () => {
  await succeeded(engine, engine.backups.create("web", { full: false, isProtected: true }));
  for (let round = 0; round < 3; round += 1) {
    later(60);
    again({ retention: { last: 2 } });
    await made(now);
  }
  await expect.poll(count, { timeout: 20_000 }).toBe(3);
  const { items } = await engine.backups.list({}, signal());
  expect(items.map(({ isProtected }) => isProtected)).toEqual([true, false, false]);
});

test("one that fails is tried again a while later, and says why until it is made", async () => {
  await rm(path.join(places, "main", "config"));
  again();
  await expect.poll(() => plan().problem, { timeout: 20_000 }).toContain("there is none");
  expect(plan().nextAt).toBe(new Date(2026, 10, 30, 12, 40).toISOString());
  await engine.repositories.remove("main");
  expect(engine.backupPlans.list()).toEqual([]);
});

test("where backups are planned, a share is read daily, and what is not needed goes weekly", async () => {
  const kinds = () =>
    engine.operations
      .list()
      .filter(({ kind, status }) => status === "succeeded" && /check|prune/.test(kind))
      .map(({ kind }) => kind);
  again();
  await made(now);
  expect(kinds()).toEqual([]);
  later(24 * 60);
  again();
  await expect.poll(kinds, { timeout: 20_000 }).toEqual(["check-repository"]);
  later(7 * 24 * 60);
  again();
  await expect.poll(kinds, { timeout: 20_000 }).toEqual(["check-repository", "prune-repository"]);
});
