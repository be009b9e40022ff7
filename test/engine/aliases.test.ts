/** Aliases over the engine's API: they follow their instance, and outlive the engine. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { FakeWorld, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let engine: EngineCore;

beforeEach(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
  for (const name of ["web", "db"]) await succeeded(engine, engine.instances.launch({ name }));
});
afterEach(() => world.dispose());

const ls = { instance: "web", command: "ls", workingDirectory: "map" } as const;

test("aliases go into the active context, or into the one named", () => {
  expect(engine.aliases.list()).toEqual({ active: "default", contexts: { default: {} } });
  engine.aliases.add("ls", ls);
  engine.aliases.add("ls", { ...ls, instance: "db" }, "work");
  expect(engine.aliases.prefer("work")).toEqual({
    active: "work",
    contexts: { default: { ls }, work: { ls: { ...ls, instance: "db" } } },
  });
  engine.aliases.remove("ls");
  expect(engine.aliases.list().contexts).toEqual({ default: { ls }, work: {} });
  expect(engine.aliases.prefer("default").contexts).toEqual({ default: { ls } });
});

test("what cannot be is refused", () => {
  engine.aliases.add("ls", ls);
  expect(() => engine.aliases.add("ls", ls)).toThrow(/alias 'ls' already exists/);
  expect(() => engine.aliases.add("x", { ...ls, instance: "nosuch" })).toThrow(
    /instance "nosuch" does not exist/,
  );
  expect(() => engine.aliases.remove("x")).toThrow(/nonexistent alias: x/);
  expect(() => engine.aliases.remove("constructor")).toThrow(/nonexistent alias/);
});

test("an alias survives the trash and the engine, and goes with a purge", async () => {
  engine.aliases.add("ls", ls);
  await succeeded(engine, engine.instances.delete("web", { purge: false }));
  await world.close(engine);
  engine = await world.open();
  expect(engine.aliases.list().contexts["default"]).toEqual({ ls });
  await succeeded(engine, engine.instances.purge("web"));
  expect(engine.aliases.list().contexts["default"]).toEqual({});
});
