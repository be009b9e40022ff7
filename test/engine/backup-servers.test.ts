/** Backups on a server, by an engine; what each kind of place promises, the contract suites say. */
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { FakeContent } from "../support/fake-points.ts";
import { WORKER } from "../support/repository-worker.ts";
import { REST_LOGIN, type RestServer, startRestServer } from "../support/rest-server.ts";

const DISK_BYTES = 512 * 2 ** 20;

let world: FakeWorld;
let engine: EngineCore;
let server: RestServer;

beforeEach(async () => {
  server = await startRestServer({ login: true, tls: true });
  world = await FakeWorld.make();
  world.images.virtualBytes = DISK_BYTES;
  world.repository = { worker: WORKER, settleMs: 0 };
  engine = await world.open();
});
afterEach(async () => {
  await world.dispose();
  await server.stop();
});

const signal = () => AbortSignal.timeout(20_000);

test("a repository on a server with a login and a certificate of its own, whose secrets stay ours", async () => {
  const { user, password } = REST_LOGIN;
  const login = `${user}:${encodeURIComponent(password)}@`;
  const place = `rest:https://${login}127.0.0.1:${server.port}/fleet`;
  const distrusted = await ended(engine, engine.repositories.add({ name: "main", place, init: true }));
  expect(distrusted).toMatchObject({ status: "failed", error: { code: "place-unreachable" } });
  const access = { ca: server.certificate.pem };
  await succeeded(engine, engine.repositories.add({ name: "main", place, init: true, access }));
  expect(engine.repositories.list()).toMatchObject([
    { place: `rest:https://${user}@127.0.0.1:${server.port}/fleet` },
  ]);
  await succeeded(engine, engine.instances.launch({ name: "web", diskBytes: DISK_BYTES }));
  const content = new FakeContent(DISK_BYTES);
  content.write(0, randomBytes(3_000_000));
  world.host.contents.set(`${engine.instances.get("web").id} disk`, content);
  await succeeded(engine, engine.backups.create("web", { full: false, isProtected: false }));
  await world.close(engine);
  engine = await world.open();
  const [backup] = (await engine.backups.list({}, signal())).items;
  const one = { repository: "main", backup: backup?.id ?? "" };
  await succeeded(engine, engine.backups.restore(one, "again", signal()));
  const again = world.host.contents.get(`${engine.instances.get("again").id} disk`);
  expect([...(again?.blocks ?? [])]).toEqual([...content.blocks]);
});
