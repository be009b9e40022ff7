/** Files that were damaged while no engine ran: everything is shown, nothing is deleted. */
import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let id: string;

beforeEach(async () => {
  world = await FakeWorld.make();
  const engine = await world.open();
  await succeeded(engine, engine.instances.launch({ name: "web" }));
  await succeeded(engine, engine.instances.launch({ name: "db" }));
  await succeeded(engine, engine.instances.stop("db", { force: true }));
  id = engine.instances.get("web").id;
  await world.close(engine);
});

afterEach(async () => {
  expect(world.host.violations).toEqual([]);
  await world.dispose();
});

const fileOf = (name: string) => path.join(world.paths.instances, id, name);
const damage = (name: string) => writeFile(fileOf(name), '{"schema":1,"checksum":"0","instance":{}}');

async function treeOf(directory: string): Promise<string[]> {
  return (await readdir(directory, { recursive: true })).sort();
}

async function names(engine: EngineCore): Promise<string[]> {
  return engine.instances.list().map(({ name, state }) => `${name} ${state}`);
}

describe("a descriptor", () => {
  test("that is damaged is replaced by the one before, and says so until the next change", async () => {
    await damage("instance.json");
    const engine = await world.open();
    expect(await names(engine)).toEqual(["db stopped", "web running"]);
    expect(engine.instances.get("web").problems).toMatchObject([{ code: "descriptor-damaged" }]);
    await succeeded(engine, engine.instances.delete("web", { purge: false }));
    expect(engine.instances.get("web").problems).toEqual([]);
    await succeeded(engine, engine.instances.recover("web"));
    await succeeded(engine, engine.instances.start("web"));
  });

  test("that is lost with its predecessor leaves a failed instance under its name, files untouched", async () => {
    await damage("instance.json");
    await damage("instance.json.prev");
    const before = await treeOf(world.paths.instances);
    const engine = await world.open();
    expect(await names(engine)).toEqual(["db stopped", "web failed"]);
    expect(engine.instances.get("web").problems).toMatchObject([{ code: "descriptor-unreadable" }]);
    expect(await treeOf(world.paths.instances)).toEqual(before);
    await expect(engine.instances.start("web")).rejects.toThrow("it is broken");
    await expect(engine.instances.delete("web", { purge: false })).rejects.toThrow("it is broken");
    await succeeded(engine, engine.instances.start("db"));
    await world.close(engine);
    expect(await treeOf(world.paths.instances)).toEqual(before);
    const again = await world.open();
    expect(again.instances.get("web").state).toBe("failed");
    await succeeded(again, again.instances.delete("web", { purge: true }));
    expect(await names(again)).toEqual(["db running"]);
    expect([...world.host.guests.values()].map(({ name }) => name)).toEqual(["db"]);
    expect((await world.leftovers()).instances).toHaveLength(1);
  });

  test("without any record is shown under a name made up for it", async () => {
    const stray = "11111111-2222-4333-8444-555555555555";
    await mkdir(path.join(world.paths.instances, stray));
    const engine = await world.open();
    expect(await names(engine)).toEqual(["broken-11111111 failed", "db stopped", "web running"]);
  });

  test("that was copied by hand shows the copy as broken", async () => {
    const copy = "11111111-2222-4333-8444-555555555555";
    await cp(path.join(world.paths.instances, id), path.join(world.paths.instances, copy), {
      recursive: true,
    });
    const engine = await world.open();
    expect(await names(engine)).toEqual(["broken-11111111 failed", "db stopped", "web running"]);
    expect(engine.instances.get("broken-11111111").problems[0]?.message).toContain("another instance");
  });
});

test("a missing directory is shown, and can be purged", async () => {
  world.host.end(id, { how: "stopped" });
  await rm(path.join(world.paths.instances, id), { recursive: true });
  const engine = await world.open();
  expect(engine.instances.get("web")).toMatchObject({ state: "failed" });
  expect(engine.instances.get("web").problems).toMatchObject([{ code: "directory-missing" }]);
  await succeeded(engine, engine.instances.purge("web"));
  expect(await names(engine)).toEqual(["db stopped"]);
});

test("missing keys make an instance unclear, not lost", async () => {
  await rm(fileOf("secrets.json"));
  const engine = await world.open();
  expect(engine.instances.get("web")).toMatchObject({ state: "unknown" });
  expect(engine.instances.get("web").problems[0]?.message).toContain("its keys are missing");
});

describe("the database", () => {
  test.each([
    ["is garbage", "not a database at all, ".repeat(400)],
    ["is cut short", undefined],
  ])("that %s is kept aside and rebuilt from the directories", async (_how, content) => {
    const whole = await readFile(world.paths.database);
    await writeFile(world.paths.database, content ?? whole.subarray(0, whole.length - 4096 - 100));
    await rm(`${world.paths.database}-wal`, { force: true });
    const engine = await world.open();
    expect(await names(engine)).toEqual(["db stopped", "web running"]);
    expect((await engine.info()).problems).toMatchObject([{ code: "database-damaged", severity: "warning" }]);
    expect((await readdir(world.paths.data)).some((file) => file.startsWith("berth.db.damaged-"))).toBe(true);
    const [a, b] = engine.instances.list().map(({ address }) => address.split(".").slice(0, 2).join("."));
    expect(a).toBe(b);
    await succeeded(engine, engine.instances.launch({ name: "third" }));
    expect(engine.instances.get("third").address.startsWith(`${a}.`)).toBe(true);
  });

  test("that is gone is rebuilt; a half-made launch in it is shown as failed, not deleted", async () => {
    const engine = await world.open();
    world.host.knobsOf.set("half", { create: "never" });
    await engine.instances.launch({ name: "half" });
    await world.host.reached("create", "half");
    await world.close(engine);
    for (const suffix of ["", "-wal", "-shm"]) await rm(world.paths.database + suffix, { force: true });
    const next = await world.open();
    expect(await names(next)).toEqual(["db stopped", "half failed", "web running"]);
    expect(next.instances.get("half").problems).toMatchObject([{ code: "launch-lost" }]);
    await succeeded(next, next.instances.purge("half"));
    expect((await world.leftovers()).instances).toHaveLength(2);
  });

  test("of a newer Berth is refused and left as it is", async () => {
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(world.paths.database);
    database.exec("PRAGMA user_version = 99");
    database.close();
    await copyFile(world.paths.database, `${world.root}/copy`);
    await expect(world.open()).rejects.toThrow("a newer Berth wrote it");
    expect(await readFile(world.paths.database)).toEqual(await readFile(`${world.root}/copy`));
  });

  test("with a row that makes no sense still shows every instance", async () => {
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(world.paths.database);
    database.exec("UPDATE instances SET record = '{\"half\":'");
    database.exec("INSERT INTO settings VALUES ('engine.idle-seconds', '-5')");
    database.exec(
      `INSERT INTO operations (id, kind, target, status, cancellable, input, warnings, created_at, updated_at)
       VALUES ('11111111-2222-4333-8444-555555555555', 'start', 'web', 'running', 1, '{', '[]',
               '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z')`,
    );
    database.close();
    const engine = await world.open();
    expect(await names(engine)).toEqual(["db stopped", "web running"]);
    expect(engine.settings.get()["engine.idle-seconds"]).toBe(120);
    const [start] = engine.operations.list();
    const end = await ended(engine, engine.operations.get(start?.id ?? ""));
    expect(end.error?.message).toContain("its journal entry cannot be read");
  });
});
