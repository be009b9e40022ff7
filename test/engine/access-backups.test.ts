/** Backups of several projects in one repository: each is there for those who may see its instance, and goes back to its project. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Grant } from "../../src/api/access.ts";
import type { Backup } from "../../src/api/backup.ts";
import { connect } from "../../src/client/connect.ts";
import type { ConnectedClient } from "../../src/client/engine-client.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { silentLog } from "../../src/engine/log.ts";
import { type EngineServer, startServer } from "../../src/engine/server/server.ts";
import { on, user } from "../support/access-world.ts";
import { FakeWorld, succeeded } from "../support/fake-engine.ts";
import { FakeContent } from "../support/fake-points.ts";
import { WORKER } from "../support/repository-worker.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 512 * MIB;

let world: FakeWorld;
let engine: EngineCore;
let server: EngineServer;
let place: string;
let backups: Record<string, Backup>;
const clients: ConnectedClient[] = [];

beforeEach(async () => {
  world = await FakeWorld.make();
  world.images.virtualBytes = DISK_BYTES;
  world.repository = { worker: WORKER, settleMs: 0 };
  place = await mkdtemp(path.join(tmpdir(), "berth-access-backups-"));
  engine = await world.open();
  const { endpoint } = world.paths;
  server = await startServer({ core: engine, version: "0", endpoint, user: "tester", log: silentLog });
  for (const name of ["main", "other"])
    await succeeded(engine, engine.repositories.add({ name, place: path.join(place, name), init: true }));
  backups = { site: await backedUp("site", "web"), db: await backedUp("db", "ops") };
}, 60_000);
afterEach(async () => {
  for (const client of clients.splice(0)) client.dispose();
  await server?.close();
  expect(world.host.violations).toEqual([]);
  await world?.dispose();
  await rm(place, { recursive: true, force: true });
});

async function backedUp(name: string, project: string): Promise<Backup> {
  await succeeded(engine, engine.instances.launch({ name, project, diskBytes: DISK_BYTES }));
  const content = new FakeContent(DISK_BYTES);
  content.write(MIB, randomBytes(MIB));
  world.host.contents.set(`${engine.instances.get(name).id} disk`, content);
  const wanted = { repository: "main", full: false, isProtected: false };
  await succeeded(engine, engine.backups.create(name, wanted));
  const { items } = await engine.backups.list({ instance: name }, AbortSignal.timeout(20_000));
  return items[0] as Backup;
}

async function someone(name: string, grants: readonly Grant[]): Promise<ConnectedClient> {
  const token = await user(engine.access, name, grants);
  const client = await connect({ env: { ...process.env, BERTH_HOME: world.root, BERTH_TOKEN: token } });
  clients.push(client);
  return client;
}

const one = (name: string) => ({ repository: "main", backup: backups[name]?.id ?? "" });

async function errorOf(work: Promise<unknown>): Promise<string> {
  const error = (await work.then(
    () => ({}),
    (thrown: unknown) => thrown,
  )) as { code?: string; message?: string };
  return `${error.code}: ${error.message}`;
}

test("each is listed for those who see both its repository and its instance", async () => {
  expect(backups["site"]?.instance.project).toBe("web");
  const amy = await someone("amy", [on("/repositories/main", "backup-op"), on("/projects/web", "backup-op")]);
  expect((await amy.api.repositories.list()).items.map(({ name }) => name)).toEqual(["main"]);
  expect((await amy.api.backups.list({})).items.map(({ instance }) => instance.name)).toEqual(["site"]);
  const ben = await someone("ben", [on("/projects/web", "backup-op")]);
  expect((await ben.api.backups.list({})).items).toEqual([]);
  expect(await errorOf(ben.api.backups.list({ repository: "main" }))).toMatch(/^not-found: /);
  const never = await errorOf(ben.api.backups.list({ repository: "never" }));
  expect((await errorOf(ben.api.backups.list({ repository: "main" }))).replace("main", "never")).toBe(never);
  await engine.backupPlans.set("db", { repository: "main", schedule: { every: "hour", minute: 1 } });
  expect((await amy.api.backups.plans()).items).toEqual([]);
});

test("another project's is one that never was, whatever is asked of it", async () => {
  const amy = await someone("amy", [on("/repositories/main", "backup-op"), on("/projects/web", "backup-op")]);
  const { api } = amy;
  const ways: ((of: { repository: string; backup: string }) => Promise<unknown>)[] = [
    (of) => api.backups.restore({ ...of, as: "mine" }),
    (of) => api.backups.revert(of),
    (of) => api.backups.drill(of),
    (of) => api.backups.browse(of),
    (of) => api.backups.remove(of),
    (of) => api.backups.update({ ...of, isProtected: true }),
  ];
  const [foreign, never] = [one("db"), { repository: "main", backup: "abcdef0123456789" }];
  for (const way of ways) {
    const said = (await errorOf(way(foreign))).replaceAll(foreign.backup.slice(0, 8), "ID");
    expect(said).toMatch(/^not-found: /);
    expect(said).toBe((await errorOf(way(never))).replaceAll(never.backup.slice(0, 8), "ID"));
  }
  expect(engine.instances.list().map(({ name }) => name)).toEqual(["db", "site"]);
});

test("what is restored belongs to the project that it came from", async () => {
  const amy = await someone("amy", [on("/repositories/main", "backup-op"), on("/projects/web", "backup-op")]);
  const begun = await amy.api.backups.restore({ ...one("site"), as: "again" });
  expect(await amy.api.operations.wait({ id: begun.id })).toMatchObject({ status: "succeeded" });
  expect(engine.instances.get("again").project).toBe("web");
  const cat = await someone("cat", [on("/repositories/main", "backup-op"), on("/projects/web", "auditor")]);
  expect(await errorOf(cat.api.backups.restore({ ...one("site"), as: "more" }))).toBe(
    "permission-denied: cannot restore the backup: cat lacks backup.restore on /projects/web/instances/site",
  );
  const eve = await someone("eve", [on("/repositories/main", "auditor"), on("/projects/web", "backup-op")]);
  expect(await errorOf(eve.api.backups.restore({ ...one("site"), as: "more" }))).toMatch(
    /^permission-denied: .*eve lacks backup\.restore on \/repositories\/main$/,
  );
});

test("backups go into repositories that one sees, and into no others", async () => {
  const amy = await someone("amy", [on("/repositories/main", "auditor"), on("/projects/web", "operator")]);
  const wanted = { name: "site", full: false, isProtected: false };
  expect(await errorOf(amy.api.backups.create({ ...wanted, repository: "other" }))).toMatch(/^not-found: /);
  const begun = await amy.api.backups.create(wanted); // The only one there is for her.
  expect(await amy.api.operations.wait({ id: begun.id })).toMatchObject({ status: "succeeded" });
  expect(await errorOf(amy.api.repositories.prune({ name: "main" }))).toMatch(/^permission-denied: /);
  expect(await errorOf(amy.api.repositories.reveal({ name: "main" }))).toMatch(/^permission-denied: /);
  expect(await errorOf(amy.api.repositories.reveal({ name: "other" }))).toMatch(/^not-found: /);
});
