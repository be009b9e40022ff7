/** Engines that die at a step that a test chooses, and what must be true of the next one. */
import { expect } from "vitest";
import type { Operation } from "../../src/api/operation.ts";
import { privateDirectory } from "../../src/base/durable.ts";
import type { Ctx } from "../../src/engine/ctx.ts";
import type { Driver, DriverInstance } from "../../src/engine/drivers/driver.ts";
import type { Running } from "../../src/engine/drivers/running.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { InstanceFiles } from "../../src/engine/store/instance-files.ts";
import { openStore } from "../../src/engine/store/store.ts";
import { Crash } from "./crash.ts";
import { FakeDriver, type FakeHost } from "./fake-driver.ts";
import { ended, type FakeWorld } from "./fake-engine.ts";

const STORE_STEPS = [
  "saveInstance",
  "dropInstance",
  "beginOperation",
  "undoOperation",
  "endOperation",
  "writeSettings",
] as const;
const DRIVER_STEPS = ["create", "start", "delete", "resizeDisk", "reseed", "clone", "discardMemory"] as const;
const TREE_STEPS = ["makeImage", "make", "open", "volumes", "removeVolumes"] as const;
const SNAPSHOT_STEPS = ["take", "restore", "remove"] as const;
const FILE_STEPS = [
  "prepare",
  "writeDescriptor",
  "writeSecrets",
  "writeKey",
  "moveToTrash",
  "emptyTrash",
] as const;

/** An engine that dies at the n-th point, and what ends it for good. */
export async function mortal(
  world: FakeWorld,
  at: number,
): Promise<{ engine: EngineCore; crash: Crash; bury: () => void }> {
  const crash = new Crash(at);
  await privateDirectory(world.paths.data);
  const store = await openStore(world.paths.database);
  const engine = await world.open({
    store: crash.wrap("store", store, STORE_STEPS),
    files: crash.wrap("files", new InstanceFiles(world.paths), FILE_STEPS),
    drivers: () => {
      const driver = new MortalDriver(world.host, crash);
      const encryption = crash.wrap("encryption", driver.encryption, ["addKey", "removeKey"]);
      const points = crash.wrap("points", driver.points, ["open", "write", "overwrite"]);
      const machines = crash.wrap("driver", Object.assign(driver, { encryption, points }), DRIVER_STEPS);
      const others = world.drivers().filter(({ kind }) => kind === "container");
      return [machines, ...others.map((other) => mortalContainers(other, crash))];
    },
  });
  world.forget(engine);
  return { engine, crash, bury: () => store.close() };
}

function mortalContainers(driver: Driver, crash: Crash): Driver {
  const { trees, snapshots } = driver;
  const parts = {
    ...(trees ? { trees: crash.wrap("trees", trees, TREE_STEPS) } : {}),
    ...(snapshots ? { snapshots: crash.wrap("snapshots", snapshots, SNAPSHOT_STEPS) } : {}),
  };
  return crash.wrap("containers", Object.assign(driver, parts), ["create", "start", "delete"]);
}

/** Its running instances die with the engine, too. */
class MortalDriver extends FakeDriver {
  readonly #crash: Crash;

  constructor(host: FakeHost, crash: Crash) {
    super(host);
    this.#crash = crash;
  }

  override async start(ctx: Ctx, instance: DriverInstance): Promise<Running> {
    return this.#crash.wrap("running", await super.start(ctx, instance), ["stop", "suspend"]);
  }

  override async attach(ctx: Ctx, instance: DriverInstance): Promise<Running | undefined> {
    const running = await super.attach(ctx, instance);
    return running && this.#crash.wrap("running", running, ["stop", "suspend"]);
  }
}

export type Scenario = {
  name: string;
  prepare: (engine: EngineCore) => Promise<void>;
  act: (engine: EngineCore) => Promise<Operation>;
  /** How it may end when the operation was journaled. */
  expected: (engine: EngineCore, operation: Operation, firstBoot: string | undefined) => void;
};

/** Of the instance that scenarios are about. */
export const stateOf = (engine: EngineCore) =>
  engine.instances.list().find(({ name }) => name === "web")?.state;

/** One death and what follows. Resolves to false when the verb ended before it came. */
export async function dieAndRecover(world: FakeWorld, scenario: Scenario, at: number): Promise<boolean> {
  const first = await world.open();
  await scenario.prepare(first);
  await world.close(first);
  const bootBefore = world.host.named("web")?.bootId;
  const before = stateOf(first);

  const { engine: second, crash, bury } = await mortal(world, at);
  let asked: Operation | undefined;
  const acting = scenario.act(second).then(
    async (operation) => {
      asked = operation;
      await ended(second, operation);
    },
    () => {},
  );
  await Promise.race([acting, crash.died]);
  // Whatever the dead engine still had in hand ends here, without effect.
  await new Promise((resolve) => setImmediate(resolve));
  bury();
  const where = `${scenario.name}, dead ${crash.passed.at(-1)}`;

  const third = await world.open();
  const known = third.operations
    .list()
    .filter(({ status, kind }) => status === "running" || kind === asked?.kind);
  const operation = asked
    ? known.find(({ id }) => id === asked?.id)
    : known.find((one) => one.status === "running");
  if (asked) expect(operation, where).toBeDefined();
  for (const one of third.operations.list()) await ended(third, one);
  await settled(third);
  if (operation) scenario.expected(third, third.operations.get(operation.id), bootBefore);
  else {
    expect(stateOf(third), where).toBe(before);
    expect(world.host.named("web")?.bootId, where).toBe(bootBefore);
  }
  await nothingHalfMade(world, third, where);
  const view = third.instances.list().map(({ name, state, problems }) => ({ name, state, problems }));
  await world.close(third);

  const fourth = await world.open();
  expect(fourth.idle, where).toBe(true);
  expect(
    fourth.instances.list().map(({ name, state, problems }) => ({ name, state, problems })),
    where,
  ).toEqual(view);
  await world.close(fourth);
  return crash.dead;
}

/** Adopted guests become ready beside everything else. */
export async function settled(engine: EngineCore): Promise<void> {
  const waiting = () => engine.instances.list().some(({ state, ready }) => state === "running" && !ready);
  for (let i = 0; waiting() && i < 1000; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

export async function nothingHalfMade(world: FakeWorld, engine: EngineCore, where: string): Promise<void> {
  const instances = engine.instances.list();
  const { instances: directories, trash } = await world.leftovers();
  expect(directories.sort(), where).toEqual(instances.map(({ id }) => id).sort());
  expect(trash, where).toEqual([]);
  expect(world.host.violations, where).toEqual([]);
  for (const instance of instances) {
    expect(instance.operation, where).toBeUndefined();
    expect(["running", "stopped", "suspended", "deleted"], where).toContain(instance.state);
    expect(world.host.guests.has(instance.id), where).toBe(instance.state === "running");
  }
  expect(world.host.guests.size, where).toBeLessThanOrEqual(instances.length);
}
