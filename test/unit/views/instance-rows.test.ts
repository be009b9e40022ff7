/** Groups, filter and order of the tree, and what a change draws anew. */
import { performance } from "node:perf_hooks";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Instance, InstanceState } from "../../../src/api/instance.ts";
import { Emitter } from "../../../src/base/event.ts";
import {
  type GroupBy,
  InstanceRows,
  isGroupBy,
  labelKeys,
  matches,
  wordsOf,
} from "../../../src/views/instance-rows.ts";
import { Model } from "../../../src/views/model.ts";
import { instance } from "./fixtures.ts";

function setup(all: readonly Instance[]) {
  const instances = new Map(all.map((one) => [one.id, one]));
  const changed = new Emitter<readonly string[]>();
  const model = new Model({
    ...{ instances, operations: new Map() },
    onDidChangeInstances: changed.event,
    onDidChangeOperations: new Emitter<readonly string[]>().event,
  });
  const rows = new InstanceRows(model);
  const put = (one: Instance) => {
    instances.set(one.id, one);
    changed.fire([one.id]);
    return rows.update([one.id]);
  };
  const drop = (id: string) => {
    instances.delete(id);
    changed.fire([id]);
    return rows.update([id]);
  };
  const names = () =>
    rows.groups.map(({ label, ids }) => `${label}: ${ids.map((id) => model.get(id)?.name).join(" ")}`);
  return { rows, put, drop, names, model };
}

const web = instance({ name: "web", labels: { env: "test", team: "a" } });
const db = instance({ name: "db", state: "stopped", labels: { env: "live" } });
const old = instance({ name: "old", state: "deleted" });
const box = instance({ name: "box", kind: "container", zone: { name: "zone2", available: true } });

test.each<[GroupBy, string[]]>([
  ["none", [": box db web"]],
  ["state", ["Running: box web", "Stopped: db"]],
  ["kind", ["Containers: box", "Virtual Machines: db web"]],
  ["engine", ["This Computer: box db web"]],
  ["zone", ["zone1: db web", "zone2: box"]],
  ["label:env", ["env: live: db", "env: test: web", "Without env: box"]],
  ["label:none-has-it", ["Without none-has-it: box db web"]],
])("grouped by %s", (by, groups) => {
  const { rows, names, model } = setup([web, db, old, box]);
  rows.arrange(by, "");
  expect(names()).toEqual(groups);
  expect(rows.trash.map((id) => model.get(id)?.name)).toEqual(["old"]);
  expect(rows.shown).toBe(3);
});

test.each([
  ["", "web db box"],
  ["we", "web"],
  ["STOPPED", "db"],
  ["env=test", "web"],
  ["zone2", "box"],
  ["ubuntu running", "web box"],
  ["ubuntu nothing", ""],
  ["10.77.0.5 live", "db"],
])("the filter %j lets %j through", (filter, names) => {
  const found = [web, db, box].filter((one) => matches(one, wordsOf(filter)));
  expect(found.map(({ name }) => name).join(" ")).toBe(names);
});

test("what is neither shown nor hidden by a change is drawn alone", () => {
  const { rows, put } = setup([web, db]);
  rows.arrange("state", "");
  expect(put({ ...web, ready: false })).toEqual({ all: false, groups: [], rows: [web.id] });
});

test("a change of groups draws the two groups, a new group draws everything", () => {
  const { rows, put, drop, names } = setup([web, box, db, instance({ name: "db2", state: "stopped" })]);
  rows.arrange("state", "");
  expect(names()).toEqual(["Running: box web", "Stopped: db db2"]);
  expect(put({ ...web, state: "stopped" }).groups.sort()).toEqual(["running", "stopped"]);
  expect(names()).toEqual(["Running: box", "Stopped: db db2 web"]);
  expect(put({ ...web, state: "suspended" }).all).toBe(true);
  expect(drop(db.id)).toEqual({ all: false, groups: ["stopped"], rows: [] });
  expect(put({ ...box, state: "deleted" }).all).toBe(true);
});

test("what the filter hides is not drawn, and comes back when it fits", () => {
  const { rows, put, names } = setup([web, db]);
  rows.arrange("none", "web");
  expect(names()).toEqual([": web"]);
  expect(put({ ...db, ready: false })).toEqual({ all: false, groups: [], rows: [] });
  expect(put({ ...db, name: "web2" }).all).toBe(true);
  expect(names()).toEqual([": web web2"]);
});

test("names sort anew when one is renamed", () => {
  const { put, names } = setup([web, db]);
  expect(put({ ...web, name: "a" }).all).toBe(true);
  expect(names()).toEqual([": a db"]);
});

test("one step after the other leads where a fresh arrangement leads", () => {
  const change = fc.record({
    at: fc.nat(9),
    state: fc.constantFrom(...InstanceState.options),
    name: fc.constantFrom("a", "b", "c", "web"),
    gone: fc.boolean(),
  });
  const by = fc.constantFrom<GroupBy>("none", "state", "kind", "label:env");
  fc.assert(
    fc.property(
      by,
      fc.constantFrom("", "web"),
      fc.array(change, { maxLength: 20 }),
      (group, filter, steps) => {
        const all = Array.from({ length: 10 }, (_, at) => instance({ name: `i${at}` }));
        const { rows, put, drop, names, model } = setup(all);
        rows.arrange(group, filter);
        for (const { at, gone, ...patch } of steps) {
          const one = all[at];
          if (one && gone) drop(one.id);
          else if (one) put({ ...one, ...patch });
        }
        const before = names();
        const trash = [...rows.trash];
        rows.arrange(group, filter);
        expect(names()).toEqual(before);
        expect(rows.trash).toEqual(trash);
        expect(rows.shown + trash.length).toBeLessThanOrEqual(model.all().length);
      },
    ),
  );
});

test("groups that a setting may name", () => {
  for (const good of ["none", "state", "kind", "engine", "zone", "label:a"])
    expect(isGroupBy(good)).toBe(true);
  for (const bad of ["", "label:", "colour", 3, undefined]) expect(isGroupBy(bad)).toBe(false);
  expect(labelKeys([web, db, box])).toEqual(["env", "team"]);
});

test("an event among 1,000 instances costs one row, and little time", () => {
  const states = ["running", "stopped"] as const;
  const all = Array.from({ length: 1000 }, (_, at) =>
    instance({ name: `web-${at}`, state: states[at % 2] ?? "running", labels: { env: `e${at % 10}` } }),
  );
  const { rows, put } = setup(all);
  for (const by of ["none", "state", "label:env"] as const) {
    const whole = median(() => rows.arrange(by, "web"));
    void rows.groups;
    let at = 0;
    const drawn: number[] = [];
    const one = median(() => {
      at += 7;
      const instance = all[at % 1000];
      if (instance) drawn.push(put({ ...instance, ready: at % 2 === 0 }).rows.length);
    });
    expect(new Set(drawn)).toEqual(new Set([1]));
    console.log(`1,000 instances by ${by}: whole ${whole.toFixed(2)} ms, one event ${one.toFixed(3)} ms`);
    expect(one).toBeLessThan(50);
  }
});

function median(work: () => void): number {
  const times = Array.from({ length: 21 }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[10] ?? 0;
}
