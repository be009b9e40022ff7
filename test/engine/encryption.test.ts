/** Encrypted instances over the real engine and a driver whose disks know the keys that open them. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import type { Log } from "../../src/engine/log.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { dieAndRecover, type Scenario } from "../support/mortal.ts";

let world: FakeWorld;

beforeEach(async () => {
  world = await FakeWorld.make();
});
afterEach(async () => {
  expect(world.host.violations).toEqual([]);
  await world.dispose();
});

const launched = async (engine: EngineCore, name = "web") =>
  succeeded(engine, engine.instances.launch({ name, encrypted: true }));
const stopped = async (engine: EngineCore, name = "web") => {
  await launched(engine, name);
  await succeeded(engine, engine.instances.stop(name, { force: true }));
};
const idOf = (engine: EngineCore, name = "web") => engine.instances.get(name).id;
const keysOf = (engine: EngineCore, name = "web") => [...(world.host.keys.get(idOf(engine, name)) ?? [])];

test("one that is launched encrypted has a key of its own, and says that it is", async () => {
  const engine = await world.open();
  await launched(engine);
  await launched(engine, "db");
  await succeeded(engine, engine.instances.launch({ name: "plain" }));
  expect(engine.instances.get("web").encrypted).toBe(true);
  expect(engine.instances.get("plain").encrypted).toBe(false);
  expect(keysOf(engine)).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  expect(keysOf(engine)).not.toEqual(keysOf(engine, "db"));
  expect(keysOf(engine, "plain")).toEqual([]);
  expect(await engine.keys.status()).toMatchObject({
    state: "unlocked",
    protection: "keychain",
    instances: 2,
  });
});

test("its key is in no file, no event and no log", async () => {
  const lines: string[] = [];
  const write = (message: string, fields?: object) => void lines.push(message, JSON.stringify(fields ?? {}));
  const log: Log = { error: write, warn: write, info: write, debug: write, with: () => log };
  world.log = log;
  const engine = await world.open();
  await stopped(engine);
  await succeeded(engine, engine.instances.clone("web", "copy"));
  const before = keysOf(engine);
  await succeeded(engine, engine.instances.rotateKey("web"));
  await engine.keys.rotate(undefined);
  await succeeded(engine, engine.instances.start("web"));
  const secrets = [...before, ...keysOf(engine), ...keysOf(engine, "copy")];
  secrets.push(...[...world.keychain.kept.values()].map((one) => one.reveal()));
  expect(new Set(secrets).size).toBe(4);
  const texts = [...lines, JSON.stringify(engine.instances.list()), JSON.stringify(engine.operations.list())];
  for (const file of await readdir(world.root, { recursive: true, withFileTypes: true }))
    if (file.isFile()) texts.push(await readFile(path.join(file.parentPath, file.name), "latin1"));
  for (const secret of secrets) for (const text of texts) expect(text).not.toContain(secret);
});

test("where the key has no safe place it is refused, and nothing is made in plain text", async () => {
  world.keychain.problem = "there is no D-Bus";
  const engine = await world.open();
  await expect(engine.instances.launch({ name: "web", encrypted: true })).rejects.toMatchObject({
    code: "missing-dependency",
    message: expect.stringMatching(/^cannot launch web: the engine's key has no safe place: .*D-Bus/),
    hint: expect.stringContaining("berth keys init --passphrase"),
    details: { problems: [{ code: "encryption-homeless" }] },
  });
  expect(engine.instances.list()).toEqual([]);
  expect(world.host.calls).toEqual([]);
  await engine.keys.init("correct horse");
  await launched(engine);
});

test("the setting makes it the default of machines; a launch may say otherwise, and a container is no machine", async () => {
  const engine = await world.open();
  engine.settings.set({ "instances.encrypted": true });
  await succeeded(engine, engine.instances.launch({ name: "web" }));
  await succeeded(engine, engine.instances.launch({ name: "plain", encrypted: false }));
  expect(engine.instances.list().map(({ name, encrypted }) => [name, encrypted])).toEqual([
    ["plain", false],
    ["web", true],
  ]);
});

test("under a passphrase: locked after a restart of the engine, what runs goes on, a start says what to do", async () => {
  const first = await world.open();
  await first.keys.init("correct horse");
  expect(first.idle).toBe(false); // Were it to leave, somebody would have to unlock it again.
  await launched(first, "runs");
  await stopped(first);
  await world.close(first);

  const engine = await world.open();
  expect(await engine.keys.status()).toMatchObject({ state: "locked", instances: 2 });
  expect((await engine.info()).problems).toMatchObject([{ code: "keys-locked" }]);
  expect(engine.instances.get("runs").state).toBe("running");
  expect(engine.idle).toBe(true);
  const start = await ended(engine, engine.instances.start("web"));
  expect(start.error).toMatchObject({
    code: "wrong-state",
    message: "cannot open the encrypted disks of web: the engine's key is locked",
    hint: "Unlock it: berth keys unlock",
    details: { keys: "locked" },
  });
  expect(engine.instances.get("web")).toMatchObject({ state: "stopped" });
  await expect(engine.instances.launch({ name: "more", encrypted: true })).rejects.toMatchObject({
    details: { problems: [{ code: "encryption-locked" }] },
  });
  await succeeded(engine, engine.instances.stop("runs", { force: false }));

  await expect(engine.keys.unlock("wrong horse")).rejects.toMatchObject({ code: "permission-denied" });
  await engine.keys.unlock("correct horse");
  expect((await engine.info()).problems).toEqual([]);
  expect(engine.idle).toBe(false);
  await succeeded(engine, engine.instances.start("web"));
  expect(engine.instances.get("web")).toMatchObject({ state: "running", problems: [] });
  await engine.keys.lock();
  expect(engine.idle).toBe(true);
  expect(engine.instances.get("web").state).toBe("running");
});

test("a clone is encrypted by a key of its own; one of a plain instance where that is asked for", async () => {
  const engine = await world.open();
  await stopped(engine);
  await succeeded(engine, engine.instances.clone("web", "copy"));
  expect(engine.instances.get("copy").encrypted).toBe(true);
  expect(keysOf(engine, "copy")).not.toEqual(keysOf(engine));
  await succeeded(engine, engine.instances.start("copy"));

  await succeeded(engine, engine.instances.launch({ name: "plain" }));
  await succeeded(engine, engine.instances.stop("plain", { force: true }));
  await succeeded(engine, engine.instances.clone("plain", "now", { encrypted: true }));
  expect(engine.instances.get("now").encrypted).toBe(true);
  await succeeded(engine, engine.instances.start("now"));
  expect(engine.instances.get("plain").encrypted).toBe(false);
});

test("its key is changed while it is stopped; the one before opens nothing any more", async () => {
  const engine = await world.open();
  await stopped(engine);
  const [before] = keysOf(engine);
  await succeeded(engine, engine.instances.rotateKey("web"));
  expect(keysOf(engine)).toHaveLength(1);
  expect(keysOf(engine)).not.toEqual([before]);
  await succeeded(engine, engine.instances.start("web"));
  await expect(engine.instances.rotateKey("web")).rejects.toMatchObject({ code: "wrong-state" });
  await succeeded(engine, engine.instances.suspend("web"));
  await expect(engine.instances.rotateKey("web")).rejects.toMatchObject({ code: "wrong-state" });
  await succeeded(engine, engine.instances.launch({ name: "plain" }));
  await expect(engine.instances.rotateKey("plain")).rejects.toMatchObject({
    message: "cannot change the key of plain: it is not encrypted",
    hint: expect.stringContaining("clone plain --encrypted"),
  });
});

test("the engine's key is rotated: those in the trash come along", async () => {
  const engine = await world.open();
  await stopped(engine);
  await stopped(engine, "old");
  await succeeded(engine, engine.instances.delete("old", { purge: false }));
  const [id] = world.keychain.kept.keys();
  await engine.keys.rotate(undefined);
  expect([...world.keychain.kept.keys()]).not.toContain(id);
  expect(world.keychain.kept.size).toBe(1);
  await succeeded(engine, engine.instances.recover("old"));
  for (const name of ["web", "old"]) await succeeded(engine, engine.instances.start(name));
});

const SCENARIOS: Scenario[] = [
  {
    name: "a launch",
    prepare: async () => {},
    act: (engine) => engine.instances.launch({ name: "web", encrypted: true }),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("web")).toMatchObject({ state: "running", encrypted: true });
      expect(keysOf(engine)).toHaveLength(1);
    },
  },
  {
    name: "a clone",
    prepare: stopped,
    act: (engine) => engine.instances.clone("web", "copy"),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(engine.instances.get("copy")).toMatchObject({ state: "stopped", encrypted: true });
    },
  },
  {
    name: "a change of its key",
    prepare: stopped,
    act: (engine) => engine.instances.rotateKey("web"),
    expected: (engine, operation) => {
      expect(operation.status).toBe("succeeded");
      expect(keysOf(engine)).toHaveLength(1);
    },
  },
];

test.each(SCENARIOS)(
  "$name ends well, whenever the engine dies, and its disk opens",
  async (scenario) => {
    let deaths = 0;
    for (let at = 0; await dieAndRecover(world, scenario, at); at += 1) {
      deaths += 1;
      const engine = await world.open();
      for (const { name } of engine.instances.list()) await succeeded(engine, engine.instances.start(name));
      expect(world.host.violations).toEqual([]);
      await world.dispose();
      world = await FakeWorld.make();
    }
    expect(deaths).toBeGreaterThan(3);
  },
  120_000,
);
