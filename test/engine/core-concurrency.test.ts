/** Many clients over few names: whatever they ask for and in whichever order, the engine stays consistent. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Instance } from "../../src/api/instance.ts";
import type { Operation } from "../../src/api/operation.ts";
import { EngineError } from "../../src/base/errors.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld } from "../support/fake-engine.ts";

const CLIENTS = 32;
const STEPS = 12;
const NAMES = ["web", "db", "cache", "queue"];

const VERBS = [
  "launch",
  "start",
  "stop",
  "force",
  "restart",
  "delete",
  "purge-now",
  "recover",
  "purge",
  "cancel",
];
type Verb = (typeof VERBS)[number];

const step = fc.record({
  name: fc.constantFrom(...NAMES),
  verb: fc.constantFrom(...VERBS),
  wait: fc.boolean(),
});

async function ask(
  engine: EngineCore,
  verb: Verb,
  name: string,
  last: Operation | undefined,
): Promise<Operation> {
  const { instances } = engine;
  switch (verb) {
    case "launch":
      return instances.launch({ name });
    case "start":
      return instances.start(name);
    case "stop":
      return instances.stop(name, { force: false });
    case "force":
      return instances.stop(name, { force: true });
    case "restart":
      return instances.restart(name);
    case "delete":
      return instances.delete(name, { purge: false });
    case "purge-now":
      return instances.delete(name, { purge: true });
    case "recover":
      return instances.recover(name);
    case "purge":
      return instances.purge(name);
    default:
      return last ? engine.operations.cancel(last.id) : instances.launch({ name });
  }
}

const EXPECTED = ["already-exists", "not-found", "wrong-state", "busy"];

async function client(
  engine: EngineCore,
  script: { name: string; verb: Verb; wait: boolean }[],
): Promise<void> {
  let last: Operation | undefined;
  for (const { name, verb, wait } of script) {
    try {
      last = await ask(engine, verb, name, last);
      if (wait) await ended(engine, last);
    } catch (error) {
      if (!(error instanceof EngineError) || !EXPECTED.includes(error.code)) throw error;
    }
  }
}

/** What every event must keep true: whole objects, one owner of an address, sequences without gaps. */
async function watch(engine: EngineCore, signal: AbortSignal): Promise<Map<string, Instance>> {
  const known = new Map<string, Instance>();
  let sequence: number | undefined;
  for await (const event of engine.events.subscribe({}, signal)) {
    if (event.type === "resync") known.clear();
    else if (sequence !== undefined) expect(event.sequence).toBe(sequence + 1);
    sequence = event.sequence;
    if (event.type === "instance-removed") expect(known.delete(event.id)).toBe(true);
    if (event.type !== "instance") continue;
    known.set(event.instance.id, event.instance);
    const all = [...known.values()];
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    expect(new Set(all.map(({ address }) => address)).size).toBe(all.length);
    expect(new Set(all.map(({ mac }) => mac)).size).toBe(all.length);
  }
  return known;
}

test("32 clients over four names", async () => {
  const scripts = fc.array(fc.array(step, { minLength: STEPS, maxLength: STEPS }), {
    minLength: CLIENTS,
    maxLength: CLIENTS,
  });
  const property = fc.asyncProperty(scripts, async (all) => {
    const world = await FakeWorld.make();
    try {
      Object.assign(world.host.knobs, { create: 1, start: 1, ready: 2, stop: 1 });
      const engine = await world.open();
      const controller = new AbortController();
      const watching = watch(engine, controller.signal);
      await Promise.all(all.map((script) => client(engine, script)));
      for (const operation of engine.operations.list()) await ended(engine, operation);
      expect(engine.idle).toBe(true);
      await new Promise((resolve) => setImmediate(resolve));
      controller.abort();
      const seen = await watching;
      const instances = engine.instances.list();
      expect([...seen.values()].map(({ id }) => id).sort()).toEqual(instances.map(({ id }) => id).sort());
      for (const instance of instances) {
        expect(seen.get(instance.id)).toEqual(instance);
        expect(instance.operation).toBeUndefined();
        expect(["running", "stopped", "deleted"]).toContain(instance.state);
        expect(world.host.guests.has(instance.id)).toBe(instance.state === "running");
      }
      for (const { status, error } of engine.operations.list()) {
        if (status === "failed") expect(error?.code).not.toBe("internal");
      }
      const { instances: directories, trash } = await world.leftovers();
      expect(directories.sort()).toEqual(instances.map(({ id }) => id).sort());
      expect(trash).toEqual([]);
      expect(world.host.violations).toEqual([]);
      await world.close(engine);
      const next = await world.open();
      const brief = ({ name, state }: Instance) => `${name} ${state}`;
      expect(next.instances.list().map(brief)).toEqual(instances.map(brief));
    } finally {
      await world.dispose();
    }
  });
  await fc.assert(property, { numRuns: 8, seed: 20260217, endOnFailure: true });
}, 60_000);

test("launches without a name at the same time get names of their own", async () => {
  const world = await FakeWorld.make();
  try {
    const engine = await world.open();
    const operations = await Promise.all(Array.from({ length: CLIENTS }, () => engine.instances.launch({})));
    expect(new Set(operations.map(({ target }) => target)).size).toBe(CLIENTS);
    for (const operation of operations) expect((await ended(engine, operation)).status).toBe("succeeded");
    const same = await Promise.allSettled(
      Array.from({ length: CLIENTS }, () => engine.instances.launch({ name: "one" })),
    );
    expect(same.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  } finally {
    await world.dispose();
  }
});
