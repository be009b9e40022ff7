/** Backups over the real engine, a real repository and disks in memory; restic is asked what it thinks of it. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Backup } from "../../src/api/backup.ts";
import { run } from "../../src/base/run.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { FakeContent } from "../support/fake-points.ts";
import { WORKER } from "../support/repository-worker.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 512 * MIB;

let world: FakeWorld;
let engine: EngineCore;
let places: string;

beforeEach(async () => {
  world = await FakeWorld.make();
  world.images.virtualBytes = DISK_BYTES;
  places = await mkdtemp(path.join(tmpdir(), "berth-backups-"));
  world.repository = { worker: WORKER, settleMs: 0 };
  engine = await world.open();
});
afterEach(async () => {
  expect(world.host.violations).toEqual([]);
  await world.dispose();
  await rm(places, { recursive: true, force: true });
});

const signal = () => AbortSignal.timeout(20_000);
const place = (name = "main") => path.join(places, name);

async function reopened(): Promise<void> {
  await world.close(engine);
  engine = await world.open();
}

async function made(name = "main"): Promise<void> {
  await succeeded(engine, engine.repositories.add({ name, place: place(name), init: true }));
}

/** An instance with some data on its disk. */
async function launched(name = "web"): Promise<FakeContent> {
  await succeeded(engine, engine.instances.launch({ name, diskBytes: DISK_BYTES, labels: { team: "blue" } }));
  const content = new FakeContent(DISK_BYTES);
  content.write(3 * MIB, randomBytes(5 * MIB));
  world.host.contents.set(`${idOf(name)} disk`, content);
  return content;
}

const idOf = (name: string) => engine.instances.get(name).id;
const backUp = (name = "web", more = {}) =>
  succeeded(engine, engine.backups.create(name, { full: false, isProtected: false, ...more }));
const listed = async (query = {}): Promise<Backup[]> => (await engine.backups.list(query, signal())).items;
const latest = async (): Promise<Backup> => (await listed()).at(-1) as Backup;

async function restic(name: string, ...argv: string[]): Promise<string> {
  const env = { RESTIC_PASSWORD: await engine.repositories.reveal(name), RESTIC_CACHE_DIR: place("cache") };
  return (await run(["restic", "-r", place(name), ...argv], { env })).stdout;
}

function sumOf(content: FakeContent): string {
  const hash = createHash("sha256");
  const zeros = Buffer.alloc(65_536);
  for (let block = 0; block < content.sizeBytes / 65_536; block++)
    hash.update(content.blocks.get(block) ?? zeros);
  return hash.digest("hex");
}

const contentOf = (name: string) => world.host.contents.get(`${idOf(name)} disk`) as FakeContent;

test("a running instance is backed up, restic finds all of it good, and a new instance is made of it", async () => {
  const content = await launched();
  await made();
  const variables = randomBytes(1000);
  await writeFile(path.join(world.paths.instances, idOf("web"), "variables"), variables);
  const { progress } = await backUp();
  const [backup] = await listed();
  expect(backup).toMatchObject({
    repository: "main",
    instance: { id: idOf("web"), name: "web" },
    isProtected: false,
  });
  expect(progress?.message).toContain(backup?.id.slice(0, 8));
  expect(await restic("main", "check", "--read-data")).toContain("no errors were found");
  const before = sumOf(content);
  content.write(0, randomBytes(MIB));
  const one = { repository: "main", backup: (backup as Backup).id.slice(0, 8) };
  await succeeded(engine, engine.backups.restore(one, "again", signal()));
  expect(sumOf(contentOf("again"))).toBe(before);
  const restored = path.join(world.paths.instances, idOf("again"), "variables");
  expect(await readFile(restored)).toEqual(variables);
  expect(engine.instances.get("again")).toMatchObject({
    ...{ state: "stopped", diskBytes: DISK_BYTES, labels: { team: "blue" } },
    image: engine.instances.get("web").image,
  });
  await succeeded(engine, engine.instances.start("again"));
});

/** Begins a backup that reads until it is let go on; resolves when its point is open. */
async function reading(content: FakeContent): Promise<{ id: string; goOn: () => void }> {
  let goOn = () => {};
  world.host.reads = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const { id } = await engine.backups.create("web", { full: false, isProtected: false });
  while (content.notes.size === 0) await setImmediate();
  return { id, goOn };
}

test("a backup has its instance for moments alone: it is used meanwhile, and a stop ends the backup", async () => {
  const content = await launched();
  await made();
  const one = await reading(content);
  expect(engine.instances.get("web")).toMatchObject({ state: "running", operation: one.id });
  await succeeded(engine, engine.instances.update("web", { labels: { team: "red" } }));
  await expect(engine.backups.create("web", { full: false, isProtected: false })).rejects.toMatchObject({
    code: "busy",
    message: "cannot back up web: a backup is under way",
  });
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  expect(engine.operations.get(one.id)).toMatchObject({ status: "cancelled" });
  expect(engine.instances.get("web")).toMatchObject({ state: "stopped" });
  expect(content.notes.size).toBe(0);
  const two = await reading(content);
  await expect(engine.snapshots.take("web", { comment: "" })).rejects.toMatchObject({ code: "busy" });
  await succeeded(engine, engine.instances.start("web"));
  expect(engine.operations.get(two.id)).toMatchObject({ status: "cancelled" });
  expect(await listed()).toEqual([]);
  const three = await reading(content);
  three.goOn();
  await succeeded(engine, engine.operations.wait(three.id, signal()));
  expect(engine.instances.get("web").operation).toBeUndefined();
  expect(await listed()).toHaveLength(1);
});

test("the next one reads what has changed, and both hold what was so then", async () => {
  const content = await launched();
  await made();
  await backUp();
  const first = sumOf(content);
  content.write(200 * MIB, randomBytes(MIB));
  await backUp();
  const second = sumOf(content);
  const [one, two] = await listed();
  expect(two?.addedBytes).toBeLessThan(2 * MIB);
  for (const [backup, sum] of [
    [one, first],
    [two, second],
  ] as const) {
    const dumped = await run(
      ["sh", "-c", `restic -r ${place()} dump ${backup?.id} /disks/disk.raw | sha256sum`],
      {
        env: { RESTIC_PASSWORD: await engine.repositories.reveal("main"), RESTIC_CACHE_DIR: place("cache") },
      },
    );
    expect(dumped.stdout).toContain(sum);
  }
});

test("each repository has its own increments", async () => {
  const content = await launched();
  for (const name of ["main", "other"]) await made(name);
  await expect(engine.backups.create("web", { full: false, isProtected: false })).rejects.toMatchObject({
    code: "invalid-argument",
    hint: expect.stringContaining("--repository"),
  });
  for (const repository of ["main", "other", "main"]) {
    content.write(300 * MIB, randomBytes(MIB));
    await backUp("web", { repository });
  }
  const added = (await listed()).map(({ addedBytes }) => Math.round(addedBytes / MIB));
  expect(added).toEqual([6, 6, 1]);
});

test("whoever shows backups hears that they are others: made, protected, deleted, planned", async () => {
  await launched();
  await made();
  let heard = 0;
  const ending = new AbortController();
  const listening = (async () => {
    for await (const { type } of engine.events.subscribe({}, ending.signal))
      if (type === "backups") heard += 1;
  })().catch(() => {});
  const hears = async (work: () => Promise<unknown>) => {
    const before = heard;
    await work();
    await expect.poll(() => heard).toBeGreaterThan(before);
  };
  await hears(() => backUp());
  const one = { repository: "main", backup: (await latest()).id };
  let id = "";
  await hears(async () => ({ id } = await engine.backups.update(one, { isProtected: true }, signal())));
  const again = { repository: "main", backup: id };
  await hears(async () => ({ id } = await engine.backups.update(again, { isProtected: false }, signal())));
  await hears(() => engine.backups.remove({ repository: "main", backup: id }, signal()));
  await hears(async () => engine.repositories.remove("main"));
  ending.abort();
  await listening;
});

test("protected backups stay, others are deleted, and a prune frees their space", async () => {
  const content = await launched();
  await made();
  await backUp("web", { isProtected: true });
  content.write(400 * MIB, randomBytes(8 * MIB));
  await backUp();
  const [kept, gone] = (await listed()).map(({ id }) => ({ repository: "main", backup: id }));
  if (!kept || !gone) throw new Error("there are two");
  await expect(engine.backups.remove(kept, signal())).rejects.toMatchObject({ code: "wrong-state" });
  await engine.backups.remove(gone, signal());
  const pruned = await succeeded(engine, engine.repositories.prune("main"));
  expect(pruned.progress?.message).toMatch(/^8(\.\d+)? ?MiB freed|^[78]\.\d+ ?MiB/);
  const { id } = await engine.backups.update(kept, { isProtected: false }, signal());
  expect(await listed()).toMatchObject([{ id, isProtected: false }]);
  await succeeded(engine, engine.backups.verify({ repository: "main", backup: id }));
  expect(await restic("main", "check", "--read-data")).toContain("no errors were found");
  // What went with the other one is read again: nothing is as before to a backup that is gone.
  await backUp();
  expect(Math.round((await latest()).addedBytes / MIB)).toBe(8);
});

test("a repository of restic's is taken in, and its password is asked for", async () => {
  await launched();
  const env = { RESTIC_PASSWORD: "harbour", RESTIC_CACHE_DIR: place("cache") };
  await run(["restic", "-r", place(), "init"], { env });
  const wanted = { name: "main", place: place() };
  await expect(engine.repositories.add(wanted)).rejects.toMatchObject({ code: "invalid-argument" });
  const wrong = await ended(engine, engine.repositories.add({ ...wanted, password: "hangar" }));
  expect(wrong).toMatchObject({ status: "failed", error: { code: "unauthenticated" } });
  const taken = await ended(engine, engine.repositories.add({ ...wanted, init: true }));
  expect(taken).toMatchObject({ status: "failed", error: { code: "already-exists" } });
  expect(engine.repositories.list()).toEqual([]);
  await succeeded(engine, engine.repositories.add({ ...wanted, password: "harbour" }));
  await backUp();
  const twice = await ended(
    engine,
    engine.repositories.add({ ...wanted, name: "twice", password: "harbour" }),
  );
  expect(twice.error?.message).toContain("main is the same repository");
  expect((await run(["restic", "-r", place(), "snapshots"], { env })).stdout).toContain("1 snapshots");
});

test("repositories are known to the next engine, and their passwords are in no file", async () => {
  await launched();
  await made();
  const password = await engine.repositories.reveal("main");
  await engine.keys.rotate(undefined);
  await backUp();
  await reopened();
  expect(engine.repositories.list()).toMatchObject([{ name: "main", place: place() }]);
  expect(await listed()).toHaveLength(1);
  await engine.keys.rotate(undefined);
  expect(await engine.repositories.reveal("main")).toBe(password);
  for (const file of await readdir(world.root, { recursive: true, withFileTypes: true }))
    if (file.isFile())
      expect((await readFile(path.join(file.parentPath, file.name))).includes(password)).toBe(false);
  await engine.repositories.remove("main");
  expect(engine.repositories.list()).toEqual([]);
  expect(await readdir(place())).toContain("config");
});

test("what is damaged is told by name, and no backup hides another repository's", async () => {
  await launched();
  for (const name of ["main", "other"]) await made(name);
  for (const repository of ["main", "other"]) await backUp("web", { repository });
  const shelf = path.join(place(), "data");
  const [pack] = (await readdir(shelf, { recursive: true, withFileTypes: true })).filter((one) =>
    one.isFile(),
  );
  const file = path.join(pack?.parentPath ?? "", pack?.name ?? "");
  const bytes = await readFile(file);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  await writeFile(file, bytes);
  const checked = await ended(engine, engine.repositories.check("main", { readShare: 1 }));
  expect(checked).toMatchObject({ status: "failed", error: { code: "driver-failed" } });
  expect(checked.error?.message).toContain(pack?.name);
  await succeeded(engine, engine.repositories.check("other", { readShare: 1 }));
  await rm(place(), { recursive: true });
  const { items, problems } = await engine.backups.list({}, signal());
  expect(items.map(({ repository }) => repository)).toEqual(["other"]);
  expect(problems).toMatchObject([{ code: "repository-unreadable" }]);
  const failed = await ended(
    engine,
    engine.backups.create("web", { repository: "main", full: false, isProtected: false }),
  );
  expect(failed).toMatchObject({ status: "failed", error: { code: "not-found" } });
});

test("a restore is refused where a launch would be, and leaves nothing when it fails", async () => {
  await launched();
  await made();
  await backUp();
  const one = { repository: "main", backup: (await latest()).id };
  await expect(engine.backups.restore(one, undefined, signal())).rejects.toMatchObject({
    code: "already-exists",
    message: 'cannot restore web: instance "web" already exists',
  });
  await expect(engine.backups.restore({ ...one, backup: "0000" }, "x", signal())).rejects.toMatchObject({
    code: "not-found",
  });
  for (const shelf of await readdir(path.join(place(), "data")))
    await rm(path.join(place(), "data", shelf), { recursive: true });
  await expect(engine.backups.restore(one, "again", signal())).rejects.toMatchObject({
    code: "driver-failed",
    message: expect.stringContaining("is damaged"),
  });
  expect(engine.instances.list().map(({ name }) => name)).toEqual(["web"]);
});

test("a stopped instance becomes what it was, and what it was in between is in a snapshot", async () => {
  const content = await launched();
  await made();
  await backUp();
  const one = { repository: "main", backup: (await latest()).id };
  const then = sumOf(content);
  content.write(100 * MIB, randomBytes(MIB));
  const between = sumOf(content);
  await expect(engine.backups.revert(one, undefined, signal())).rejects.toMatchObject({
    code: "wrong-state",
  });
  await succeeded(engine, engine.instances.stop("web", { force: true }));
  const { warnings } = await succeeded(engine, engine.backups.revert(one, undefined, signal()));
  expect(sumOf(contentOf("web"))).toBe(then);
  expect(warnings).toEqual(["What web was before is kept in its snapshot before-restore-1"]);
  // What the disk had noted of changes is not believed any more.
  await backUp();
  expect((await latest()).addedBytes).toBeLessThan(MIB);
  await succeeded(engine, engine.snapshots.restore("web", "before-restore-1", { destructive: true }));
  expect(sumOf(contentOf("web"))).toBe(between);
});

test("one disk of a stopped instance becomes what it was, the others stay as they are", async () => {
  const content = await launched();
  await succeeded(engine, engine.disks.add("web", { name: "data", sizeBytes: 64 * MIB }));
  const [data] = await engine.disks.list("web");
  const key = `${idOf("web")} ${data?.id}`;
  const extra = new FakeContent(64 * MIB);
  extra.write(0, randomBytes(MIB));
  world.host.contents.set(key, extra);
  await made();
  await backUp();
  const one = { repository: "main", backup: (await latest()).id };
  const then = sumOf(extra);
  content.write(0, randomBytes(MIB));
  extra.write(0, randomBytes(MIB));
  const between = { first: sumOf(content), data: sumOf(extra) };
  await succeeded(engine, engine.instances.stop("web", { force: true }));
  await expect(engine.backups.revert(one, "nope", signal())).rejects.toMatchObject({
    code: "not-found",
    hint: "There are: disk, data",
  });
  await succeeded(engine, engine.backups.revert(one, "data", signal()));
  const now = () => ({
    first: sumOf(contentOf("web")),
    data: sumOf(world.host.contents.get(key) as FakeContent),
  });
  expect(now()).toEqual({ first: between.first, data: then });
  await succeeded(engine, engine.snapshots.restore("web", "before-restore-1", { destructive: true }));
  expect(now()).toEqual(between);
  await succeeded(engine, engine.disks.remove("web", "data", { force: false }));
  await expect(engine.backups.revert(one, "data", signal())).rejects.toMatchObject({
    code: "not-found",
    hint: expect.stringContaining("berth disk recover web data"),
  });
});

test("a drill proves that a backup can be restored, and leaves nothing but the word of it", async () => {
  await launched();
  await made();
  await backUp();
  const before = await latest();
  expect(before.drilledAt).toBeUndefined();
  const one = { repository: "main", backup: before.id.slice(0, 8) };
  world.host.spoils = true;
  const spoilt = await ended(engine, engine.backups.drill(one, signal()));
  expect(spoilt).toMatchObject({
    status: "failed",
    error: { code: "driver-failed", message: expect.stringContaining(`from byte ${DISK_BYTES >> 1} on`) },
  });
  expect((await latest()).drilledAt).toBeUndefined();
  world.host.spoils = false;
  await succeeded(engine, engine.backups.drill(one, signal()));
  expect(engine.instances.list().map(({ name }) => name)).toEqual(["web"]);
  expect((await world.leftovers()).instances).toEqual([idOf("web")]);
  expect((await listed()).map(({ drilledAt }) => drilledAt)).toEqual([expect.any(String)]);
  // It is still known by what it was called before, and what is read next is what has changed since.
  await succeeded(engine, engine.backups.verify(one));
  await backUp();
  expect((await latest()).addedBytes).toBeLessThan(MIB);
});

test("a restore in place that fails leaves what there was", async () => {
  const content = await launched();
  await made();
  await backUp();
  const one = { repository: "main", backup: (await latest()).id };
  content.write(100 * MIB, randomBytes(MIB));
  const now = sumOf(content);
  await succeeded(engine, engine.instances.stop("web", { force: true }));
  const data = path.join(place(), "data");
  const packs = await readdir(data, { recursive: true, withFileTypes: true });
  const files = packs.filter((each) => each.isFile()).map((each) => path.join(each.parentPath, each.name));
  const bytes = await Promise.all(files.map((file) => readFile(file)));
  // In the middle of the largest is the disk's content; what tells of the backup can still be read.
  const largest = bytes.reduce((a, b) => (b.length > a.length ? b : a));
  largest.fill(0, largest.length >> 1, (largest.length >> 1) + 64);
  await writeFile(files[bytes.indexOf(largest)] ?? "", largest);
  const failed = await ended(engine, engine.backups.revert(one, undefined, signal()));
  expect(failed).toMatchObject({ status: "failed", error: { code: "driver-failed" } });
  expect(sumOf(contentOf("web"))).toBe(now);
  expect(engine.instances.get("web")).toMatchObject({ state: "stopped", problems: [] });
});

test("a password is changed, others are added and taken away, and each opens what it should", async () => {
  await launched();
  await made();
  await backUp();
  const old = await engine.repositories.reveal("main");
  const opens = async (password: string) => {
    const env = { RESTIC_PASSWORD: password, RESTIC_CACHE_DIR: place("cache") };
    return run(["restic", "-r", place(), "snapshots"], { env }).then(
      () => true,
      () => false,
    );
  };
  await engine.repositories.addKey("main", "for a friend", signal());
  await engine.repositories.changePassword("main", undefined, signal());
  const fresh = await engine.repositories.reveal("main");
  expect(await Promise.all([opens(old), opens(fresh), opens("for a friend")])).toEqual([false, true, true]);
  const keys = await engine.repositories.keys("main", signal());
  expect(keys.map(({ isOwn }) => isOwn).sort()).toEqual([false, true]);
  const idWhere = (own: boolean) => keys.find(({ isOwn }) => isOwn === own)?.id.slice(0, 8) ?? "";
  await expect(engine.repositories.removeKey("main", idWhere(true), signal())).rejects.toMatchObject({
    code: "wrong-state",
  });
  await engine.repositories.removeKey("main", idWhere(false), signal());
  expect(await opens("for a friend")).toBe(false);
  await reopened();
  expect(await listed()).toHaveLength(1);
});

test("every tenth time all is read, and what the disk has noted is held against it", async () => {
  const content = await launched();
  await made();
  await backUp();
  for (let round = 0; round < 9; round += 1) await backUp();
  // A change that the disk has not noted.
  const notes = [...content.notes.entries()].map(([point, blocks]) => [point, new Set(blocks)] as const);
  content.write(4 * MIB, randomBytes(MIB));
  for (const [point, blocks] of notes) content.notes.set(point, blocks);
  const { warnings } = await backUp();
  expect(warnings).toEqual([expect.stringContaining("where it had noted no change")]);
  const env = { RESTIC_PASSWORD: await engine.repositories.reveal("main"), RESTIC_CACHE_DIR: place("cache") };
  const dump = `restic -r ${place()} dump ${(await latest()).id} /disks/disk.raw | sha256sum`;
  expect((await run(["sh", "-c", dump], { env })).stdout).toContain(sumOf(content));
  expect((await backUp()).warnings).toEqual([]);
});
