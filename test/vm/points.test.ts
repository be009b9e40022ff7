/** Points of disks that a real QEMU writes to while they are read. */
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sleep } from "../../src/base/async.ts";
import { bytesOf, type Point, type PointDisk } from "../../src/engine/drivers/points.ts";
import { nodesOf, recoverFromPoint } from "../../src/engine/drivers/qemu/points/graph.ts";
import type { GuestProcess } from "../../src/engine/guest/guest.ts";
import { PointMachine } from "../support/point-machine.ts";
import { pointCtx, readExtents, readWhole, told } from "../support/point-model.ts";

let machine: PointMachine;
beforeEach(async () => {
  machine = await PointMachine.make();
});
afterEach(() => machine.dispose());

const since = ({ disks }: Point, id: string) => ({
  id,
  generations: Object.fromEntries(disks.map((one) => [one.id, one.generation])),
});
const disksOf = ({ disks }: Point) => disks as [PointDisk, PointDisk];

/** The notes that there are, and whatever else of a point is in QEMU. */
async function inQemu(): Promise<string[]> {
  const nodes = await nodesOf(machine.monitor);
  const added = nodes.map(({ node }) => node).filter((node) => /^p[cfv]-/.test(node));
  return [...added, ...nodes.flatMap(({ bitmaps }) => bitmaps.map(({ name }) => name))]
    .filter(Boolean)
    .sort();
}

async function runState(): Promise<unknown> {
  return ((await machine.monitor.execute("query-status")) as { status: unknown }).status;
}

test("what the guest writes, discards and zeroes meanwhile is not in the point, and is in the next increment", async () => {
  await machine.start();
  await machine.io("first", "write -P 1 0 1M", "write -P 2 8M 64k");
  await machine.io("second", "write -P 3 4k 4k");
  const a = await machine.open({ id: "a", keep: [] });
  expect(a.consistency).toBe("crash");
  expect(await runState()).toBe("running");
  const [one, two] = disksOf(a);
  await machine.io("first", "write -P 4 0 64k", "discard 8M 64k", "write -z 256k 4k", "write -P 5 12M 4k");
  await machine.io("second", "write -P 6 4k 8k");
  const before = [await readExtents(one), await readExtents(two)] as const;
  expect(before).toEqual([await readWhole(one), await readWhole(two)]);
  expect([before[0][0], before[0][64], before[0][2048], before[0][3072]]).toEqual([1, 1, 2, 0]);
  expect([...before[1].subarray(0, 4)]).toEqual([0, 3, 0, 0]);
  await a.close(pointCtx(), true);
  expect(await inQemu()).toEqual(["bk-a", "bk-a"]);
  expect(await machine.leftovers()).toEqual([]);

  const b = await machine.open({ id: "b", since: since(a, "a"), keep: [] });
  await machine.io("first", "write -P 7 0 16M");
  await machine.io("second", "write -P 7 0 16M");
  const after = [await readExtents(disksOf(b)[0], before[0]), await readExtents(disksOf(b)[1], before[1])];
  expect(disksOf(b).map((disk) => disk.isIncrement)).toEqual([true, true]);
  expect(after).toEqual([await readWhole(disksOf(b)[0]), await readWhole(disksOf(b)[1])]);
  expect([after[0]?.[0], after[0]?.[64], after[0]?.[2048], after[0]?.[3072]]).toEqual([4, 0, 0, 5]);
  expect([...(after[1]?.subarray(0, 4) ?? [])]).toEqual([0, 6, 6, 0]);
  const extents = await told(disksOf(b)[0]);
  expect(extents.reduce((sum, { length }) => sum + length, 0)).toBe(4 * 65_536);
  await b.close(pointCtx(), true);
  expect(await inQemu()).toEqual(["bk-b", "bk-b"]);
  await machine.quit();
});

test("a point that is not kept loses nothing of what it was since; notes outlive a stop, and go on at rest", async () => {
  await machine.start();
  const a = await machine.open({ id: "a", keep: [] });
  let content = await readExtents(disksOf(a)[0]);
  await a.close(pointCtx(), true);
  await machine.io("first", "write -P 1 0 4k");
  const failed = await machine.open({ id: "failed", since: since(a, "a"), keep: [] });
  await machine.io("first", "write -P 2 1M 4k");
  await failed.close(pointCtx(), false);
  expect(await inQemu()).toEqual(["bk-a", "bk-a"]);
  await machine.io("first", "write -P 3 2M 4k");
  await machine.quit();

  const b = await machine.points.open(pointCtx(), machine.instance, {
    id: "b",
    since: since(a, "a"),
    keep: [],
  });
  expect(b.consistency).toBe("offline");
  expect(disksOf(b)[0].isIncrement).toBe(true);
  content = await readExtents(disksOf(b)[0], content);
  expect(content).toEqual(await readWhole(disksOf(b)[0]));
  expect([content[0], content[256], content[512]]).toEqual([1, 2, 3]);
  await b.close(pointCtx(), true);

  await machine.start();
  await machine.io("first", "write -P 4 3M 4k");
  const c = await machine.open({ id: "c", since: since(b, "b"), keep: [] });
  expect(disksOf(c)[0].isIncrement).toBe(true);
  expect(await readExtents(disksOf(c)[0], content)).toEqual(await readWhole(disksOf(c)[0]));
  await c.close(pointCtx(), true);
  expect(await inQemu()).toEqual(["bk-c", "bk-c"]);
});

test("an engine that dies with a point open: the next one clears it away, and both points can be gone on from", async () => {
  await machine.start();
  await machine.io("first", "write -P 1 0 64k");
  const a = await machine.open({ id: "a", keep: [] });
  const atA = await readExtents(disksOf(a)[0]);
  await a.close(pointCtx(), true);
  await machine.io("first", "write -P 2 64k 64k");
  const b = await machine.open({ id: "b", since: since(a, "a"), keep: [] });
  const atB = await readWhole(disksOf(b)[0]);
  await machine.io("first", "write -P 3 128k 64k");
  // It may have died while the guest was halted.
  await machine.monitor.execute("stop");

  await recoverFromPoint(await machine.reconnect(), machine.instance);
  expect(await runState()).toBe("running");
  expect(await inQemu()).toEqual(["bk-a", "bk-a", "bk-b", "bk-b"]);
  expect((await machine.leftovers()).filter((name) => name.endsWith(".qcow2"))).toEqual([]);
  await expect(bytesOf(disksOf(b)[0], pointCtx(), 0, 4096)).rejects.toThrow();
  await machine.io("first", "write -P 4 192k 64k");
  // One that is halted for another reason stays so.
  await machine.monitor.execute("stop");
  for (const [id, content] of [
    ["a", atA],
    ["b", atB],
  ] as const) {
    const c = await machine.open({ id: `after-${id}`, since: since(a, id), keep: [] });
    expect(c.consistency).toBe("paused");
    expect(disksOf(c)[0].isIncrement).toBe(true);
    expect(await readExtents(disksOf(c)[0], content)).toEqual(await readWhole(disksOf(c)[0]));
    await c.close(pointCtx(), false);
  }
  expect(await runState()).toBe("paused");
});

test("a QEMU that is killed with a point open: reads fail, nothing is left, and its notes are not believed", async () => {
  await machine.start();
  const a = await machine.open({ id: "a", keep: [] });
  await a.close(pointCtx(), true);
  await machine.quit();
  await machine.start();
  const b = await machine.open({ id: "b", since: since(a, "a"), keep: ["a"] });
  await machine.io("first", "write -P 1 0 64k");
  const reading = Array.from({ length: 8 }, (_, n) =>
    bytesOf(disksOf(b)[0], pointCtx(), n * 2 ** 20, 2 ** 20),
  );
  const read = Promise.allSettled(reading);
  await machine.kill();
  await read;
  await expect(bytesOf(disksOf(b)[0], pointCtx(), 0, 4096)).rejects.toThrow();
  await b.close(pointCtx(), true);
  expect(await machine.leftovers()).toEqual([]);
  for (const id of ["a", "b"]) {
    const c = await machine.points.open(pointCtx(), machine.instance, {
      id: `after-${id}`,
      since: since(a, id),
      keep: [],
    });
    expect(disksOf(c)[0].isIncrement).toBe(false);
    await c.close(pointCtx(), id === "b");
  }
  await machine.start();
  expect(await inQemu()).toEqual(["bk-after-b", "bk-after-b"]);
});

test("a point that is called off while it is opened leaves the guest running and nothing behind", async () => {
  await machine.start();
  for (const ms of [0, 5, 20, 60, 120]) {
    const calledOff = new AbortController();
    const opening = machine.open({ id: "a", keep: [] }, calledOff.signal);
    await sleep(ms);
    calledOff.abort();
    await opening.then(
      (point) => point.close(pointCtx(), false),
      () => {},
    );
    expect([await inQemu(), await machine.leftovers(), await runState()]).toEqual([[], [], "running"]);
  }
});

/** A guest that freezes; `code` is how its script ends once it was told to thaw. */
function freezes(code: number): { isFrozen: boolean; exec: () => Promise<GuestProcess> } {
  const guest = { isFrozen: false, exec: async () => child };
  const { stdin, stdout, stderr } = pipes();
  const exited = new Promise<{ code: number }>((resolve) => {
    stdin.on("finish", () => {
      guest.isFrozen = false;
      stdout.end();
      resolve({ code });
    });
  });
  const child = { stdin, stdout, stderr, exited, close: () => void stdin.end() } as unknown as GuestProcess;
  guest.isFrozen = true;
  stdout.write("frozen\n");
  return guest;
}

function pipes() {
  return { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
}

test.each([
  ["frozen", 0],
  ["crash", 124],
] as const)("a guest that froze is called %s where its script ends with %i", async (consistency, code) => {
  await machine.start();
  const guest = freezes(code);
  machine.guest = { ...machine.guest, exec: guest.exec };
  const a = await machine.open({ id: "a", keep: [] });
  expect(a.consistency).toBe(consistency);
  expect(guest.isFrozen).toBe(false);
  await a.close(pointCtx(), false);
});
