import { expect, test } from "vitest";
import type { Instance } from "../../../src/api/instance.ts";
import type { Operation } from "../../../src/api/operation.ts";
import { Emitter } from "../../../src/base/event.ts";
import { Model } from "../../../src/views/model.ts";
import { instance, operation } from "./fixtures.ts";

function setup(...all: Instance[]) {
  const instances = new Map(all.map((one) => [one.id, one]));
  const operations = new Map<string, Operation>();
  const changedInstances = new Emitter<readonly string[]>();
  const changedOperations = new Emitter<readonly string[]>();
  const model = new Model({
    instances,
    operations,
    onDidChangeInstances: changedInstances.event,
    onDidChangeOperations: changedOperations.event,
  });
  const seen: (readonly string[])[] = [];
  model.onDidChange((ids) => seen.push(ids));
  const put = (one: Instance) => {
    instances.set(one.id, one);
    changedInstances.fire([one.id]);
  };
  return { model, instances, operations, changedOperations, seen, put };
}

test("an expected state is shown at once and gives way to the engine's own event", () => {
  const one = instance({ state: "stopped" });
  const { model, seen, put } = setup(one);
  model.expect(one.id, "starting");
  expect(model.get(one.id)?.state).toBe("starting");
  expect(seen).toEqual([[one.id]]);
  put({ ...one, updatedAt: "2026-11-23T10:00:01.000Z", state: "running" });
  expect(model.get(one.id)?.state).toBe("running");
});

test("an expected state ends with its owner, and not with the owner of an earlier one", () => {
  const one = instance();
  const { model } = setup(one);
  const first = model.expect(one.id, "stopping");
  const second = model.expect(one.id, "restarting");
  first.dispose();
  expect(model.get(one.id)?.state).toBe("restarting");
  second.dispose();
  expect(model.get(one.id)?.state).toBe("running");
});

test("progress of an operation touches the row that it works on, and no other", () => {
  const working = operation();
  const busy = instance({ name: "busy", operation: working.id });
  const { model, operations, changedOperations, seen } = setup(busy, instance({ name: "idle" }));
  operations.set(working.id, working);
  changedOperations.fire([working.id]);
  expect(seen).toEqual([[busy.id]]);
  expect(model.operationOf(busy)).toBe(working);
  operations.set(working.id, { ...working, status: "failed" });
  expect(model.operationOf(busy)).toBeUndefined();
});

test("the trash is apart from the living, and names are found", () => {
  const { model } = setup(
    instance({ name: "b" }),
    instance({ name: "a" }),
    instance({ name: "c", state: "deleted" }),
  );
  expect(model.alive().map(({ name }) => name)).toEqual(["a", "b"]);
  expect(model.trash().map(({ name }) => name)).toEqual(["c"]);
  expect(model.byName("c")?.state).toBe("deleted");
  expect(model.byName("d")).toBeUndefined();
});

test("after its end the model says nothing any more", () => {
  const one = instance();
  const { model, seen, put } = setup(one);
  model.dispose();
  put({ ...one });
  expect(seen).toEqual([]);
});
