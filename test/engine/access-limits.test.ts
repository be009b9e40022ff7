/** What a project may have, on each way on which an instance comes to be or grows. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ProjectLimits } from "../../src/api/access.ts";
import { AccessWork } from "../../src/engine/access/access-work.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";

const GIB = 2 ** 30;

let world: FakeWorld;
let engine: EngineCore;

beforeEach(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
  await succeeded(engine, engine.instances.launch({ name: "site", project: "web", cpus: 2 }));
  await succeeded(engine, engine.instances.stop("site", { force: true }));
});
afterEach(async () => {
  expect(world.host.violations).toEqual([]);
  await world.dispose();
});

const limit = (limits: ProjectLimits) => new AccessWork(engine.access).limit("web", limits);
const launch = (name: string, more = {}) => engine.instances.launch({ name, project: "web", ...more });
const refused = (work: Promise<unknown>) =>
  expect(work).rejects.toMatchObject({
    code: "no-resources",
    message: expect.stringContaining("project web: it has"),
  });

test("a launch, a clone, sizes, disks and networks are held against it", async () => {
  engine.privateNetworks.create("lan");
  await limit({ instances: 1, cpus: 2, memoryBytes: GIB, diskBytes: 6 * GIB, networks: 0 });
  await refused(launch("second"));
  await refused(engine.instances.clone("site", "copy"));
  await refused(engine.instances.update("site", { cpus: 3 }));
  await refused(engine.instances.update("site", { memoryBytes: 2 * GIB }));
  await refused(engine.instances.update("site", { diskBytes: 7 * GIB }));
  await refused(engine.disks.add("site", { sizeBytes: 2 * GIB }));
  await refused(engine.reach.change("site", "private:lan"));
  expect(engine.instances.list().map(({ name, cpus }) => [name, cpus])).toEqual([["site", 2]]);
  await succeeded(engine, engine.disks.add("site", { name: "data", sizeBytes: GIB }));
  await refused(engine.disks.resize("site", "data", 2 * GIB));
  await succeeded(engine, engine.instances.launch({ name: "elsewhere", cpus: 9 }));
});

test("what a snapshot brings back is held against it, too", async () => {
  await succeeded(engine, engine.snapshots.take("site", { name: "large", comment: "" }));
  await succeeded(engine, engine.instances.update("site", { cpus: 1 }));
  await limit({ cpus: 1 });
  await refused(engine.snapshots.restore("site", "large", { destructive: true }));
});

test("of many that are asked for at once, only as many come as there may be", async () => {
  await limit({ instances: 4, cpus: 5 });
  const asked = await Promise.allSettled(Array.from({ length: 12 }, (_, index) => launch(`one${index}`)));
  const begun = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  expect(begun.length).toBe(3);
  for (const operation of begun) await ended(engine, operation);
  expect(engine.instances.projects()).toMatchObject([
    { name: "default", uses: { instances: 0 } },
    { name: "web", uses: { instances: 4, cpus: 5 } },
  ]);
});

test("what has been accepted counts before it is done", async () => {
  await succeeded(engine, launch("other", { cpus: 1 }));
  await succeeded(engine, engine.instances.stop("other", { force: true }));
  await limit({ cpus: 4 });
  const first = await engine.instances.update("site", { cpus: 3 });
  await refused(engine.instances.update("other", { cpus: 2 }));
  await succeeded(engine, first);
  await succeeded(engine, engine.instances.update("site", { cpus: 1 }));
  await succeeded(engine, engine.instances.update("other", { cpus: 3 }));
});

test("the trash counts until it is purged; limits are taken away again", async () => {
  await limit({ instances: 1 });
  await succeeded(engine, engine.instances.delete("site", { purge: false }));
  await refused(launch("second"));
  await succeeded(engine, engine.instances.purge("site"));
  await succeeded(engine, launch("second"));
  await limit({});
  await succeeded(engine, launch("third"));
});
