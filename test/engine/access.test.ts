/** What people see and may do at a real engine: lists, events, tokens, what is taken back, and what nobody smuggles in. */
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Grant } from "../../src/api/access.ts";
import type { EngineEvent } from "../../src/api/event.ts";
import type { Instance, LaunchSpec } from "../../src/api/instance.ts";
import type { Operation } from "../../src/api/operation.ts";
import { deferred } from "../../src/base/async.ts";
import { connect } from "../../src/client/connect.ts";
import type { ConnectedClient } from "../../src/client/engine-client.ts";
import { AccessWork } from "../../src/engine/access/access-work.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { silentLog } from "../../src/engine/log.ts";
import { type EngineServer, startServer } from "../../src/engine/server/server.ts";
import { ask, grantTo, not, OWNER, on, user } from "../support/access-world.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let engine: EngineCore;
let server: EngineServer;
let work: AccessWork;
const clients: ConnectedClient[] = [];

beforeEach(async () => {
  world = await FakeWorld.make();
  world.host.networks.set("br0", "good");
  engine = await world.open();
  work = new AccessWork(engine.access);
  const { endpoint } = world.paths;
  server = await startServer({ core: engine, version: "0", endpoint, user: "tester", log: silentLog });
  await launch({ name: "site", project: "web" });
  await launch({ name: "db", project: "ops" });
  await launch({ name: "plain" });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.dispose();
  await server?.close();
  expect(world.host.violations).toEqual([]);
  await world?.dispose();
});

const launch = (spec: LaunchSpec) => succeeded(engine, engine.instances.launch(spec));

async function clientOf(token: string): Promise<ConnectedClient> {
  const client = await connect({ env: { ...process.env, BERTH_HOME: world.root, BERTH_TOKEN: token } });
  clients.push(client);
  return client;
}

const someone = async (name: string, grants: readonly Grant[], limit?: Grant[]) =>
  clientOf(await user(engine.access, name, grants, limit));

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: { code?: string }) => error.code,
  );

const names = async ({ api }: ConnectedClient) => (await api.instances.list()).items.map(({ name }) => name);

describe("lists", () => {
  test("hold what may be seen, and nothing of the rest", async () => {
    await succeeded(engine, engine.instances.stop("site", { force: true }));
    await succeeded(engine, engine.instances.stop("db", { force: true }));
    for (const name of ["site", "db"]) await succeeded(engine, engine.snapshots.take(name, { comment: "" }));
    for (const instance of ["site", "db"])
      engine.aliases.add(`to-${instance}`, { instance, command: "ls", workingDirectory: "map" });
    const amy = await someone("amy", [on("/projects/web", "user")]);
    const { api } = amy;
    expect(await names(amy)).toEqual(["site"]);
    expect((await api.snapshots.list({})).items.map(({ instance }) => instance)).toEqual(["site"]);
    expect((await api.aliases.list()).contexts).toEqual({ default: { "to-site": expect.anything() } });
    const operations = (await api.operations.list()).items.map(({ target }) => target);
    expect(new Set(operations)).toEqual(new Set(["site", "site.snapshot1"]));
    expect(await api.engine.info()).toMatchObject({ dataDirectory: "", logFile: "", problems: [] });
    expect((await api.access.me()).grants).toEqual([on("/projects/web", "user")]);
  });

  test("whoever is granted nothing sees nothing, and no error", async () => {
    const ben = await someone("ben", []);
    expect(await names(ben)).toEqual([]);
    expect((await ben.api.operations.list()).items).toEqual([]);
    expect(await codeOf(ben.api.snapshots.list({ instance: "site" }))).toBe("not-found");
    expect(await codeOf(ben.api.snapshots.list({ instance: "never-was" }))).toBe("not-found");
  });

  test("a single instance may be granted, and one of many denied", async () => {
    const amy = await someone("amy", [on("/projects/ops/instances/db", "user")]);
    expect(await names(amy)).toEqual(["db"]);
    const cat = await someone("cat", [on("/", "admin"), not("/projects/ops", "instance.view")]);
    expect(await names(cat)).toEqual(["plain", "site"]);
    expect(await codeOf(cat.api.instances.get({ name: "db" }))).toBe("not-found");
  });
});

test("events are those of what may be seen, to the removal", async () => {
  const amy = await someone("amy", [on("/projects/web", "user")]);
  const seen: EngineEvent[] = [];
  const gone = deferred<void>();
  const over = new AbortController();
  const events = await amy.api.events.subscribe({}, { signal: over.signal });
  const reading = (async () => {
    for await (const event of events) {
      seen.push(event);
      if (event.type === "instance-removed") gone.resolve();
    }
  })().catch(() => {});
  for (const name of ["db", "plain", "site"])
    await succeeded(engine, engine.instances.delete(name, { purge: true }));
  await gone.promise;
  over.abort();
  await reading;
  const about = seen.flatMap((event) => {
    if (event.type === "instance") return event.instance.name;
    if (event.type === "operation") return event.operation.target;
    return event.type === "instance-removed" ? event.name : [];
  });
  expect(new Set(about)).toEqual(new Set(["site"]));
  expect(about.length).toBeGreaterThan(2);
});

test("whoever may see more or less is told to list again", async () => {
  const amy = await someone("amy", [on("/projects/web", "user")]);
  const seen: string[] = [];
  const twice = deferred<void>();
  const over = new AbortController();
  const events = await amy.api.events.subscribe({}, { signal: over.signal });
  const reading = (async () => {
    for await (const event of events) {
      seen.push(event.type === "instance" ? event.instance.name : event.type);
      if (event.type === "resync" && seen.length === 1)
        await work.grant(OWNER, grantTo("amy", on("/projects/ops", "user")));
      if (event.type === "instance") twice.resolve();
      if (event.type === "resync" && seen.length === 2)
        void engine.instances.update("db", { labels: { a: "b" } });
    }
  })().catch(() => {});
  await twice.promise;
  over.abort();
  await reading;
  expect(seen.slice(0, 2)).toEqual(["resync", "resync"]);
  expect(seen).toContain("db");
});

test("whoever begins something may follow and cancel it, and nobody else who may not see it", async () => {
  const amy = await someone("amy", [on("/projects/web", "operator")]);
  const ben = await someone("ben", [on("/projects/ops", "operator")]);
  const begun = await amy.api.instances.launch({ name: "mine", project: "web" });
  expect(await amy.api.operations.wait({ id: begun.id })).toMatchObject({ status: "succeeded" });
  expect(await codeOf(ben.api.operations.get({ id: begun.id }))).toBe("not-found");
  expect(await codeOf(ben.api.operations.cancel({ id: begun.id }))).toBe("not-found");
  expect(engine.instances.get("mine").project).toBe("web");
  expect(await codeOf(amy.api.instances.launch({ name: "other", project: "ops" }))).toBe("not-found");
  expect(await codeOf(amy.api.instances.launch({ name: "other" }))).toBe("not-found");
});

describe("tokens", () => {
  test("never more than their user, after every change of either", async () => {
    const token = await user(
      engine.access,
      "amy",
      [on("/projects/web", "operator")],
      [on("/projects", "user")],
    );
    const amy = await clientOf(token);
    expect(await names(amy)).toEqual(["site"]);
    expect(await codeOf(amy.api.instances.delete({ name: "site" }))).toBe("permission-denied");
    await work.grant(OWNER, grantTo("amy", on("/projects/ops", "auditor")));
    expect(await names(amy)).toEqual(["db", "site"]);
    expect(await codeOf(amy.api.instances.stop({ name: "db" }))).toBe("permission-denied");
    await work.revoke(OWNER, grantTo("amy", on("/projects/web", "operator")));
    expect(await names(amy)).toEqual(["db"]);
    await work.removeUser("amy");
    expect(await codeOf(amy.api.instances.list())).toBe("unauthenticated");
  });

  test("make no other tokens, and nobody takes another's back", async () => {
    const amy = await someone("amy", [on("/", "operator")]);
    await work.addUser("ben");
    const { id } = await work.addToken(OWNER, { name: "ci", user: "ben" });
    expect(await codeOf(amy.api.access.addToken({ name: "more" }))).toBe("permission-denied");
    expect(await codeOf(amy.api.access.removeToken({ id }))).toBe("not-found");
    expect((await amy.api.access.tokens()).items.map(({ user }) => user)).toEqual(["amy"]);
  });

  test("only their hashes are kept, in a file of the owner's, and they outlive the engine", async () => {
    const token = await user(engine.access, "amy", [on("/projects/web", "user")]);
    const text = await readFile(world.paths.access, "utf8");
    expect((await stat(world.paths.access)).mode & 0o777).toBe(0o600);
    expect(text).not.toContain(token.slice("berth_0123456789abcdef_".length));
    await server.close();
    await world.close(engine);
    engine = await world.open();
    const { endpoint } = world.paths;
    server = await startServer({ core: engine, version: "0", endpoint, user: "tester", log: silentLog });
    expect(await names(await clientOf(token))).toEqual(["site"]);
  });

  test("an expired one is none", async () => {
    let now = Date.now();
    await server.close();
    await world.close(engine);
    engine = await world.open({ now: () => new Date(now) });
    const { endpoint } = world.paths;
    server = await startServer({ core: engine, version: "0", endpoint, user: "tester", log: silentLog });
    work = new AccessWork(engine.access, () => new Date(now));
    await work.addUser("amy");
    const { token } = await work.addToken(OWNER, { name: "ci", user: "amy", days: 1 });
    expect((await ask(endpoint, token, "GET", "/v1/engine/hello")).status).toBe(200);
    now += 86_400_000;
    expect((await ask(endpoint, token, "GET", "/v1/engine/hello")).status).toBe(401);
  });
});

test("without users there is no file; one that cannot be read lets the owner in alone, and is left as it is", async () => {
  expect(await codeOf(stat(world.paths.access))).toBe("ENOENT");
  const token = await user(engine.access, "amy", [on("/", "admin")]);
  await writeFile(world.paths.access, "{");
  await server.close();
  await world.close(engine);
  engine = await world.open();
  const { endpoint } = world.paths;
  server = await startServer({ core: engine, version: "0", endpoint, user: "tester", log: silentLog });
  expect((await ask(endpoint, token, "GET", "/v1/engine/hello")).status).toBe(401);
  expect((await ask(endpoint, undefined, "GET", "/v1/instances")).status).toBe(200);
  const refused = await ask(endpoint, undefined, "POST", "/v1/access/users", { name: "ben" });
  expect([refused.status, refused.text]).toEqual([409, expect.stringContaining("cannot be read")]);
  expect(await readFile(world.paths.access, "utf8")).toBe("{");
});

describe("what is taken back", () => {
  const soon = <T>(promise: Promise<T>) =>
    Promise.race([
      promise,
      new Promise((_, reject) => setTimeout(() => reject(new Error("still open")), 1000)),
    ]);

  /** Opens one, which inside it resolves when the client has heard that it is over. */
  async function streamTo(client: ConnectedClient, name: string): Promise<{ over: Promise<unknown> }> {
    const { stdout } = await client.sftp(name);
    return { over: new Promise((resolve) => stdout.resume().once("close", resolve)) };
  }

  async function open(client: ConnectedClient) {
    const stream = await streamTo(client, "site");
    const events = await client.api.events.subscribe({});
    const ended = (async () => {
      for await (const _ of events);
    })().catch(() => {});
    return [stream.over, ended];
  }

  test.each([
    ["the user", async () => work.removeUser("amy")],
    ["the token", async () => work.removeToken(OWNER, (await work.tokens(OWNER))[0]?.id ?? "")],
  ])("%s: everything that was open ends within a second", async (_, take) => {
    const amy = await someone("amy", [on("/projects/web", "user")]);
    const opened = await open(amy);
    await take();
    await soon(Promise.all(opened));
  });

  test("a grant: what was open by it ends, and the rest goes on", async () => {
    const amy = await someone("amy", [on("/projects/web", "user"), on("/projects/ops", "user")]);
    const site = (await streamTo(amy, "site")).over;
    const other = (await streamTo(amy, "db")).over;
    let isOver = false;
    void other.then(() => {
      isOver = true;
    });
    await work.revoke(OWNER, grantTo("amy", on("/projects/web", "user")));
    await soon(site);
    await work.grant(OWNER, grantTo("amy", on("/projects/web", "auditor")));
    expect(isOver).toBe(false);
    expect((await amy.api.instances.get({ name: "db" })).name).toBe("db");
  });
});

describe("whoever may delegate", () => {
  test("gives what they have there, and neither more nor elsewhere", async () => {
    const amy = await someone("amy", [on("/projects/web", "project-admin")]);
    await work.addUser("ben");
    const grant = (one: Grant) => codeOf(amy.api.access.grant(grantTo("ben", one)));
    expect(await grant(on("/projects/web", "operator"))).toBe("done");
    expect(await grant(on("/projects/web/instances/site", "instance.exec"))).toBe("done");
    expect(await grant(on("/projects/web", "admin"))).toBe("permission-denied");
    expect(await grant(on("/projects/web", "host.mount"))).toBe("permission-denied");
    expect(await grant(on("/projects/ops", "user"))).toBe("permission-denied");
    expect(await grant(on("/", "user"))).toBe("permission-denied");
    expect(await grant(not("/projects/web", "instance.view"))).toBe("permission-denied");
    expect(await codeOf(amy.api.access.addUser({ name: "more" }))).toBe("permission-denied");
    const seen = (await amy.api.access.grants()).items.map(({ path }) => path);
    expect(new Set(seen)).toEqual(new Set(["/projects/web", "/projects/web/instances/site"]));
  });

  test("what they are denied beneath is not given with what lies above", async () => {
    const amy = await someone("amy", [
      on("/projects/web", "project-admin"),
      not("/projects/web/instances/site", "instance.exec"),
    ]);
    await work.addUser("ben");
    expect(await codeOf(amy.api.access.grant(grantTo("ben", on("/projects/web", "user"))))).toBe(
      "permission-denied",
    );
    expect(await codeOf(amy.api.access.grant(grantTo("ben", on("/projects/web", "instance.view"))))).toBe(
      "done",
    );
  });
});

/** Each way into an instance's configuration, for one who may all of it but reach the host. */
describe("nothing that reaches the host is smuggled in", () => {
  let amy: ConnectedClient;
  let folder: string;
  const refused = async (work: Promise<unknown>) => {
    const error = (await work.then(
      () => ({}),
      (thrown: unknown) => thrown,
    )) as { code?: string; message?: string };
    expect([error.code, error.message]).toEqual([
      "permission-denied",
      expect.stringMatching(/lacks (host|container)\./),
    ]);
  };
  const asOwner = (operation: Promise<Operation>) => succeeded(engine, operation);
  const configured = () =>
    JSON.stringify(engine.instances.list().map(({ updatedAt: _, ...one }: Instance) => one));

  beforeEach(async () => {
    folder = path.join(world.root, "secret");
    await mkdir(folder);
    await writeFile(path.join(folder, "disk.raw"), Buffer.alloc(2 ** 20));
    amy = await someone("amy", [on("/projects/web", "project-admin")]);
  });

  test("by a launch", async () => {
    const found = configured();
    const spec = (more: LaunchSpec) => amy.api.instances.launch({ name: "new", project: "web", ...more });
    await refused(spec({ mounts: [{ source: folder }] }));
    await refused(spec({ ports: [{ guestPort: 80, hostAddress: "0.0.0.0" }] }));
    await refused(spec({ networks: [{ network: "br0" }] }));
    await refused(spec({ disks: [{ source: path.join(folder, "disk.raw"), raw: true }] }));
    await refused(spec({ image: `file://${folder}/disk.raw` }));
    expect(configured()).toBe(found);
  });

  test("and nobody learns what is on the host by trying", async () => {
    const spec = (more: LaunchSpec) => ({ name: "new", project: "web", ...more });
    const absent = path.join(world.root, "absent");
    for (const file of [folder, absent]) {
      await refused(amy.api.instances.launch(spec({ mounts: [{ source: file }] })));
      await refused(amy.api.instances.check(spec({ mounts: [{ source: file }] })));
      await refused(amy.api.instances.check(spec({ disks: [{ source: file }] })));
      await refused(amy.api.instances.check(spec({ iso: file })));
      await refused(amy.api.instances.launch(spec({ image: ` ${file}` })));
      await refused(amy.api.mounts.add({ name: "site", source: file }));
      await refused(amy.api.disks.add({ name: "site", source: file }));
    }
  });

  test("by an edit", async () => {
    await asOwner(engine.instances.stop("site", { force: true }));
    const found = configured();
    const { api } = amy;
    const name = "site";
    await refused(api.mounts.add({ name, source: folder }));
    await refused(api.ports.add({ name, guestPort: 80, hostAddress: "0.0.0.0" }));
    await refused(api.networks.attach({ name, network: "br0" }));
    await refused(api.disks.add({ name, source: path.join(folder, "disk.raw"), raw: true }));
    expect(configured()).toBe(found);
    const port = await api.ports.add({ name, guestPort: 80, hostPort: 18_080 });
    expect(await api.operations.wait({ id: port.id })).toMatchObject({ status: "succeeded" });
    await refused(api.ports.update({ name, protocol: "tcp", hostPort: 18_080, hostAddress: "0.0.0.0" }));
  });

  test("by a clone of what has it by the owner's hand", async () => {
    await asOwner(engine.instances.stop("site", { force: true }));
    await asOwner(engine.mounts.add("site", { source: folder }));
    const found = configured();
    await refused(amy.api.instances.clone({ name: "site", as: "copy" }));
    expect(configured()).toBe(found);
    await asOwner(engine.mounts.remove("site", undefined));
    const made = await amy.api.instances.clone({ name: "site", as: "copy" });
    expect(await amy.api.operations.wait({ id: made.id })).toMatchObject({ status: "succeeded" });
    expect(engine.instances.get("copy").project).toBe("web");
  });

  test("by a rollback to when it had it", async () => {
    await asOwner(engine.instances.stop("site", { force: true }));
    await asOwner(engine.mounts.add("site", { source: folder }));
    await asOwner(engine.snapshots.take("site", { name: "mounted", comment: "" }));
    await asOwner(engine.mounts.remove("site", undefined));
    const found = configured();
    await refused(amy.api.snapshots.restore({ name: "site", snapshot: "mounted", destructive: true }));
    expect(configured()).toBe(found);
  });

  test("what is there by the owner's hand stays usable", async () => {
    await asOwner(engine.instances.stop("site", { force: true }));
    await asOwner(engine.mounts.add("site", { source: folder }));
    const { api } = amy;
    const begun = await api.instances.update({ name: "site", labels: { a: "b" } });
    expect(await ended(engine, Promise.resolve(begun))).toMatchObject({ status: "succeeded" });
  });
});

describe("the record", () => {
  test("holds what others changed and what was denied, and what the owner changes once there are others", async () => {
    expect(await engine.audit.list({ limit: 100 })).toEqual([]);
    const { endpoint } = world.paths;
    await ask(endpoint, undefined, "POST", "/v1/instances/plain/stop", {});
    expect(await engine.audit.list({ limit: 100 })).toEqual([]);
    const token = await user(engine.access, "amy", [on("/projects/web", "user")]);
    const amy = await clientOf(token);
    await names(amy);
    const { id } = await amy.api.instances.stop({ name: "site" });
    expect(await codeOf(amy.api.instances.delete({ name: "site" }))).toBe("permission-denied");
    expect(await codeOf(amy.api.instances.get({ name: "db" }))).toBe("not-found");
    await ask(endpoint, undefined, "POST", "/v1/instances/plain/start", {});
    const records = await engine.audit.list({ limit: 100 });
    const credential = token.split("_")[1];
    expect(records.map(({ n: _n, at: _at, prev: _prev, ...rest }) => rest)).toEqual([
      {
        ...{ by: "amy", credential, from: "socket", procedure: "instances.stop", target: "site" },
        ...{ privilege: "instance.power", path: "/projects/web/instances/site" },
        ...{ decision: "allowed", outcome: "done", operation: id },
      },
      {
        ...{ by: "amy", credential, from: "socket", procedure: "instances.delete", target: "site" },
        ...{ privilege: "instance.delete", path: "/projects/web/instances/site" },
        ...{ decision: "denied", outcome: "permission-denied" },
      },
      {
        ...{ by: "amy", credential, from: "socket", procedure: "instances.get", target: "db" },
        ...{ privilege: "instance.view", path: "/projects/ops/instances/db" },
        ...{ decision: "denied", outcome: "not-found" },
      },
      expect.objectContaining({ by: "tester", owner: true, procedure: "instances.start", outcome: "done" }),
    ]);
    expect(JSON.stringify(records)).not.toContain(token.slice("berth_0123456789abcdef_".length));
    expect(await engine.audit.verify()).toMatchObject({ first: 1, last: 4 });
  });

  test("is read by those who may, and kept from the rest", async () => {
    const amy = await someone("amy", [on("/", "auditor")]);
    const ben = await someone("ben", [on("/", "operator")]);
    expect(await codeOf(ben.api.audit.list({}))).toBe("permission-denied");
    expect((await amy.api.audit.list({})).items.map(({ by }) => by)).toEqual(["ben"]);
    expect(await amy.api.audit.verify()).toMatchObject({ first: 1, last: 1 });
  });

  test("what cannot be recorded is not done, but by the owner, who always gets in", async () => {
    const amy = await someone("amy", [on("/projects/web", "user")]);
    await writeFile(world.paths.audit, "in the way");
    expect(await codeOf(amy.api.instances.delete({ name: "site" }))).toBe("no-resources");
    expect(await codeOf(amy.api.instances.stop({ name: "site" }))).toBe("no-resources");
    expect(engine.instances.get("site").state).toBe("running");
    expect((await ask(world.paths.endpoint, undefined, "POST", "/v1/instances/plain/stop", {})).status).toBe(
      200,
    );
    await rm(world.paths.audit);
    expect(await codeOf(amy.api.instances.stop({ name: "site" }))).toBe("done");
    expect((await engine.audit.list({ limit: 9 })).map(({ procedure }) => procedure)).toContain(
      "instances.delete",
    );
  });
});
