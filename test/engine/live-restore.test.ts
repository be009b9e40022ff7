/** Guests that start before their data is there: over the real engine, a real repository and disks in memory. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Instance } from "../../src/api/instance.ts";
import type { Operation } from "../../src/api/operation.ts";
import type { OneBackup } from "../../src/engine/backup-core.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { FakeContent } from "../support/fake-points.ts";
import { WORKER } from "../support/repository-worker.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 512 * MIB;

let world: FakeWorld;
let engine: EngineCore;
let places: string;
let one: OneBackup;

const signal = () => AbortSignal.timeout(20_000);
const place = () => path.join(places, "main");
/** What is made of the backup in a test. */
let made = "";
const show = (name = made): Instance => engine.instances.get(name);
const contentOf = (name: string) => world.host.contents.get(`${show(name).id} disk`) as FakeContent;
const codes = () => show().problems.map(({ code }) => code);

function restoring(name: string): Promise<Operation> {
  made = name;
  return engine.backups.restore(one, name, signal(), { live: true });
}

beforeAll(async () => {
  world = await FakeWorld.make();
  world.images.virtualBytes = DISK_BYTES;
  places = await mkdtemp(path.join(tmpdir(), "berth-live-"));
  world.repository = { worker: WORKER, settleMs: 0 };
  engine = await world.open();
  await succeeded(engine, engine.instances.launch({ name: "web", diskBytes: DISK_BYTES }));
  const content = new FakeContent(DISK_BYTES);
  content.write(3 * MIB, randomBytes(5 * MIB));
  content.write(300 * MIB, randomBytes(7 * MIB));
  world.host.contents.set(`${show("web").id} disk`, content);
  await succeeded(engine, engine.repositories.add({ name: "main", place: place(), init: true }));
  await succeeded(engine, engine.backups.create("web", { full: false, isProtected: false }));
  const { items } = await engine.backups.list({}, signal());
  one = { repository: "main", backup: items[0]?.id ?? "" };
});
afterEach(() => {
  expect(world.host.violations).toEqual([]);
});
afterAll(async () => {
  await world.dispose();
  await rm(places, { recursive: true, force: true });
});

async function reopened(): Promise<void> {
  await world.close(engine);
  engine = await world.open();
}

/** Of what brings the data in; the last one. */
async function arrived(status = "succeeded"): Promise<void> {
  const last = engine.operations.list().findLast(({ kind }) => kind === "restore-backup");
  expect(await ended(engine, engine.operations.get(last?.id ?? ""))).toMatchObject({ status });
}

async function until(is: () => boolean): Promise<void> {
  await expect.poll(is, { timeout: 15_000 }).toBe(true);
}

function isWhole(): void {
  expect(contentOf(made).blocks).toEqual(contentOf("web").blocks);
  expect(show()).toMatchObject({ state: "running", problems: [] });
}

test("what was stopped in the middle goes on at its next start, by another engine, too", async () => {
  world.host.knobs.fill = "never";
  await succeeded(engine, restoring("halved"));
  await world.host.reached("fill", "halved");
  await succeeded(engine, engine.instances.stop("halved", { force: true }));
  await arrived("failed");
  await reopened();
  expect(show()).toMatchObject({ state: "stopped" });
  expect(show().problems[0]?.message).toContain("a part of its data is in the backup");
  await rename(place(), `${place()}.away`);
  const refused = await ended(engine, engine.instances.start("halved"));
  expect(refused.error?.message).toContain("main");
  await rename(`${place()}.away`, place());
  world.host.knobs.fill = 0;
  await succeeded(engine, engine.instances.start("halved"));
  await arrived();
  isWhole();
});

test("a guest waits for a repository that is away, and that is told", async () => {
  let open = () => {};
  world.host.knobs.fill = new Promise<void>((resolve) => {
    open = resolve;
  });
  await succeeded(engine, restoring("waiting"));
  await world.host.reached("fill", "waiting");
  await rename(place(), `${place()}.away`);
  open();
  await until(() => codes().includes("data-unreachable"));
  expect(show().state).toBe("running");
  await rename(`${place()}.away`, place());
  await until(() => codes().length === 0);
  isWhole();
});

test("an engine that dies on the way to the start goes on under the same operation", async () => {
  world.host.knobs.start = "never";
  const { id } = await restoring("late");
  await world.host.reached("start", "late");
  await reopened();
  delete world.host.knobs.start;
  await reopened();
  expect(await ended(engine, engine.operations.get(id))).toMatchObject({ status: "succeeded" });
  await until(() => codes().length === 0);
  isWhole();
});

test("a guest runs before its data is there; until it is, the backup stays and the disks are left alone", async () => {
  world.host.knobs.fill = "never";
  await succeeded(engine, restoring("new"));
  await world.host.reached("fill", "new");
  expect(show()).toMatchObject({ state: "running", ready: true });
  expect(codes()).toEqual(["data-awaited"]);
  const words = `its data is still on the way from the backup ${one.backup.slice(0, 8)} (`;
  expect(show().problems[0]?.message).toContain(words);
  const create = { full: false, isProtected: false };
  await expect(engine.backups.create("new", create)).rejects.toThrow(`cannot back up new: ${words}`);
  await expect(engine.instances.suspend("new")).rejects.toThrow(`cannot suspend new: ${words}`);
  await expect(engine.instances.clone("new", "copy")).rejects.toThrow(`cannot clone new: ${words}`);
  await expect(engine.backups.remove(one, signal())).rejects.toThrow("new still awaits data of it");
  await expect(engine.repositories.remove("main")).rejects.toThrow("new still awaits data of it");
  await engine.backups.update(one, { isProtected: true }, signal());
  await engine.backups.update(one, { isProtected: false }, signal());
  const { items } = await engine.backups.list({}, signal());
  const renamed = { repository: "main", backup: items[0]?.id ?? "" };
  expect(renamed.backup).not.toBe(one.backup);
  await expect(engine.backups.remove(renamed, signal())).rejects.toThrow("new still awaits data of it");

  world.host.knobs.fill = 0;
  await reopened();
  await arrived();
  isWhole();
  await engine.backups.remove(renamed, signal());
  await succeeded(engine, engine.instances.stop("new", { force: false }));
  await succeeded(engine, engine.instances.start("new"));
  isWhole();
});
