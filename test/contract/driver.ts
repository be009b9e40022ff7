/** What every driver promises, held against each one by its own test file. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Metrics } from "../../src/api/metrics.ts";
import { abortable } from "../../src/base/async.ts";
import { EngineError } from "../../src/base/errors.ts";
import type { Ctx } from "../../src/engine/ctx.ts";
import type { Driver, DriverInstance } from "../../src/engine/drivers/driver.ts";
import { bytesOf, FIRST_DISK, type Point, type PointRequest } from "../../src/engine/drivers/points.ts";
import type { Running } from "../../src/engine/drivers/running.ts";
import type { ExecRequest } from "../../src/engine/guest/guest.ts";
import { silentLog } from "../../src/engine/log.ts";
import { told } from "../support/point-model.ts";
import { ABILITIES, type Ability, has, VM_ABILITIES } from "./abilities.ts";
import { firstHeader, says, text, view } from "./streams.ts";

export type Harness = {
  driver: Driver;
  /** A driver as the next engine makes it, over the same host. */
  anotherDriver(): Driver;
  /** An instance whose directory exists and whose image is ready. */
  instance(name: string): Promise<DriverInstance>;
  /** What instances of a driver with logs print when they start. */
  prints?: string;
  /** What else holds of the guest when it is first ready. */
  readyToo?(running: Running, instance: DriverInstance): Promise<void>;
  dispose(): Promise<void>;
};

export function ctx(signal: AbortSignal = AbortSignal.timeout(240_000)): Ctx {
  return { signal, progress: () => {}, log: silentLog };
}

/** Runs a command and resolves with all it did. */
export async function execIn(running: Running, request: ExecRequest, input = "") {
  const child = await running.guest.exec(ctx(), request);
  child.stdin.end(input);
  const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), child.exited]);
  return { stdout, stderr, ...exit };
}

async function screenOf(running: Running) {
  const screen = await running.openDisplay?.(ctx());
  if (!screen) throw new Error("this guest has no screen");
  return screen;
}

/** Two points in a row, the second of which knows of the first. */
async function readPoints(
  open: (request: PointRequest) => Promise<Point>,
  consistency?: string,
): Promise<void> {
  // As in use: no point is ever called what another was.
  const [firstId, secondId] = [randomUUID(), randomUUID()];
  const first = await open({ id: firstId, keep: [] });
  const [disk] = first.disks;
  if (!disk) throw new Error("a point without a disk");
  expect(first.consistency).toBe(consistency ?? first.consistency);
  expect([disk.id, disk.isIncrement]).toEqual([FIRST_DISK, false]);
  for await (const { offset, length, zero } of disk.extents(ctx())) {
    expect(offset + length).toBeLessThanOrEqual(disk.sizeBytes);
    const bytes = Math.min(length, 65_536);
    if (!zero) await bytesOf(disk, ctx(), offset, bytes);
  }
  await first.close(ctx(), true);
  const generations = Object.fromEntries(first.disks.map((one) => [one.id, one.generation]));
  const second = await open({ id: secondId, since: { id: firstId, generations }, keep: [] });
  expect(second.disks.map((one) => one.isIncrement)).toEqual(first.disks.map(() => true));
  const changed = second.disks[0] && (await told(second.disks[0]));
  if (consistency === "offline") expect(changed).toEqual([]);
  await second.close(ctx(), false);
  await second.close(ctx(), false);
}

const EXTRA = { name: "made", sizeBytes: 2 ** 26, slot: 0 };

/** A key that changes nothing in a guest; its keysym. */
const SHIFT = 0xffe1;

export function describeDriver(
  name: string,
  makeHarness: () => Promise<Harness>,
  offers: readonly Ability[] = VM_ABILITIES,
): void {
  /** A promise of those drivers alone that declare the ability. */
  const testOf = (ability: Ability, promise: string, body: () => Promise<void>) => {
    if (offers.includes(ability)) test(promise, body);
  };
  describe(`the driver ${name}`, () => {
    let harness: Harness;
    let driver: Driver;
    let instance: DriverInstance;
    let running: Running;
    let bootId: string | undefined;

    beforeAll(async () => {
      harness = await makeHarness();
      driver = harness.driver;
      instance = { ...(await harness.instance("contract")), display: offers.includes("display") };
    });
    afterAll(() => harness?.dispose());

    test("says what it is and that it is available", async () => {
      const info = await driver.probe(ctx());
      expect(info).toMatchObject({ name: driver.name, kind: driver.kind, available: true });
      expect(info.arches).toContain(instance.arch);
    });

    test("does not run what was never started", async () => {
      expect(await driver.attach(ctx(), instance)).toBeUndefined();
    });

    test("creates once, however often it is asked", async () => {
      await driver.create(ctx(), instance);
      const bytes = await driver.diskUsage(instance);
      await driver.create(ctx(), instance);
      expect(await driver.diskUsage(instance)).toBe(bytes);
      expect(bytes).toBeGreaterThanOrEqual(0);
    });

    testOf(
      "extra disks",
      "makes extra disks, empty or with what they are given, and enlarges them, however often it is asked",
      async () => {
        const { disks } = driver;
        if (!disks) throw new Error("this driver gives instances but one disk");
        const before = (await driver.diskUsage(instance)) ?? 0;
        const extra = { id: randomUUID(), name: "data", sizeBytes: 64 * 2 ** 20, slot: 0 };
        const other = { id: randomUUID(), name: "other", sizeBytes: 2 ** 20, slot: 1 };
        for (let i = 0; i < 2; i += 1) {
          await disks.create(ctx(), instance, extra);
          await disks.resize(ctx(), instance, extra, 128 * 2 ** 20);
        }
        expect(await disks.usage(instance, other)).toBeUndefined();
        await expect(
          disks.create(ctx(), instance, other, () => Promise.reject(new Error("no content"))),
        ).rejects.toThrow("no content");
        expect(await disks.usage(instance, other)).toBeUndefined();
        await disks.create(ctx(), instance, other);
        for (let i = 0; i < 2; i += 1) await disks.remove(ctx(), instance, other);
        expect(await disks.usage(instance, other)).toBeUndefined();
        instance = { ...instance, disks: [{ ...extra, sizeBytes: 128 * 2 ** 20 }] };
        expect(await driver.diskUsage(instance)).toBeGreaterThanOrEqual(before);
        expect(disks.most(instance)).toBeGreaterThan(1);
      },
    );

    test("keeps snapshots of a disk, whatever happens to others of them", async () => {
      const { snapshots } = driver;
      if (!snapshots) throw new Error("this driver keeps none");
      const [first, second] = [randomUUID(), randomUUID()];
      await snapshots.take(ctx(), instance, first);
      await snapshots.take(ctx(), instance, first);
      await snapshots.take(ctx(), instance, second);
      await snapshots.remove(ctx(), instance, first);
      await snapshots.remove(ctx(), instance, first);
      await snapshots.restore(ctx(), instance, second);
      await snapshots.restore(ctx(), instance, second);
      await expect(snapshots.restore(ctx(), instance, first)).rejects.toThrow();
      await snapshots.remove(ctx(), instance, second);
    });

    testOf("points", "tells what a disk at rest holds, and that it has not changed since", async () => {
      const { points } = driver;
      if (!points) throw new Error("this driver has no disks to read");
      await readPoints((request) => points.open(ctx(), instance, request), "offline");
    });

    testOf("points", "makes a disk of what was read, where there is none", async () => {
      const id = randomUUID();
      const blocks = async function* () {
        yield { offset: 2 ** 20, data: Buffer.alloc(2 ** 16, 7) };
      };
      const write = () => driver.points?.write(ctx(), instance, { id, sizeBytes: 2 ** 26 }, blocks());
      await write();
      await expect(write()).rejects.toMatchObject({ code: "already-exists" });
      await driver.points?.overwrite(ctx(), { ...instance, disks: [{ id, ...EXTRA }] }, { id }, blocks());
    });

    test("leaves nothing running when a start is cancelled", async () => {
      const controller = new AbortController();
      controller.abort(new DOMException("cancelled", "AbortError"));
      await expect(driver.start(ctx(controller.signal), instance)).rejects.toMatchObject({
        name: "AbortError",
      });
      expect(await driver.attach(ctx(), instance)).toBeUndefined();
    });

    test("starts a guest that becomes ready and takes commands", async () => {
      running = await driver.start(ctx(), instance);
      const report = await running.guest.waitReady(ctx());
      expect(report.errors).toEqual([]);
      const answer = await execIn(running, { argv: ["echo", "hello guest"] });
      expect(answer).toEqual({ stdout: "hello guest\n", stderr: "", code: 0 });
      bootId = (await running.guest.details(ctx())).bootId;
      expect(bootId).toMatch(/^[0-9a-f-]{36}$/);
      await harness.readyToo?.(running, instance);
    });

    test("can do what it declares, and nothing else", () => {
      expect(ABILITIES.filter((ability) => has(driver, running, ability))).toEqual(
        ABILITIES.filter((ability) => offers.includes(ability)),
      );
    });

    test("lets go without stopping, and the next engine adopts the same boot", async () => {
      running.release();
      const adopted = await harness.anotherDriver().attach(ctx(), instance);
      if (!adopted) throw new Error("not adopted");
      running = adopted;
      expect((await running.guest.details(ctx())).bootId).toBe(bootId);
      expect(running.startedAt.getTime()).toBeLessThanOrEqual(Date.now());
    });

    testOf(
      "console",
      "its console asks who is there, and says what is typed; whoever leaves may come back",
      async () => {
        const { console } = running;
        if (!console) throw new Error("this driver gives guests no console");
        for (let i = 0; i < 2; i += 1) {
          const port = await console(ctx());
          // Asked before its getty runs, nobody answers; but then that asks by itself. Ctrl-U takes back what was typed.
          port.write("\x15\r");
          await says(port, "login:");
          port.write(`who${i}`);
          await says(port, `who${i}`);
          port.destroy();
        }
      },
    );

    testOf(
      "display",
      "its screen is seen by several viewers at once; whoever leaves may come back",
      async () => {
        for (let i = 0; i < 2; i += 1) {
          const screens = [await screenOf(running), await screenOf(running)];
          for (const viewer of await Promise.all(screens.map(view))) {
            const { width, height } = await viewer.picture();
            expect(width * height).toBeGreaterThan(0);
            for (const down of [true, false]) viewer.key(SHIFT, down);
          }
          for (const screen of screens) screen.destroy();
        }
      },
    );

    testOf(
      "extra disks",
      "gives a running guest a disk more, and takes it away, however often it is asked",
      async () => {
        const { disks } = running;
        if (!disks || !driver.disks) throw new Error("this driver plugs nothing in");
        const hot = { id: randomUUID(), name: "hot", sizeBytes: 64 * 2 ** 20, slot: 1 };
        await driver.disks.create(ctx(), instance, hot);
        for (let i = 0; i < 2; i += 1) await disks.attach(ctx(), hot);
        await disks.resize(ctx(), hot, 128 * 2 ** 20);
        for (let i = 0; i < 2; i += 1) await disks.detach(ctx(), hot);
        await disks.attach(ctx(), hot);
        // It is there when its guest is suspended, and when that goes on.
        instance = { ...instance, disks: [...instance.disks, { ...hot, sizeBytes: 128 * 2 ** 20 }] };
      },
    );

    testOf("suspend", "suspends, and goes on in the same boot with the next engine's driver", async () => {
      if (!running.suspend) throw new Error("this driver cannot suspend");
      await running.suspend(ctx());
      expect(await running.exited).toEqual({ how: "stopped" });
      expect(await driver.attach(ctx(), instance)).toBeUndefined();
      expect(await driver.isSuspended?.(instance)).toBe(true);
      running = await harness.anotherDriver().start(ctx(), instance);
      expect(await driver.isSuspended?.(instance)).toBe(false);
      await running.wake?.();
      await running.guest.waitReady(ctx());
      expect((await running.guest.details(ctx())).bootId).toBe(bootId);
    });

    testOf("suspend", "lets a guest run on when its suspend is called off", async () => {
      const controller = new AbortController();
      controller.abort(new DOMException("cancelled", "AbortError"));
      await expect(running.suspend?.(ctx(controller.signal))).rejects.toMatchObject({ name: "AbortError" });
      expect(await driver.isSuspended?.(instance)).toBe(false);
      expect((await running.guest.details(ctx())).bootId).toBe(bootId);
    });

    testOf("pause", "halts and goes on in the same run, however often it is asked", async () => {
      for (let i = 0; i < 2; i += 1) await running.pause?.(ctx());
      expect(await harness.anotherDriver().attach(ctx(), instance)).toBeDefined();
      for (let i = 0; i < 2; i += 1) await running.unpause?.(ctx());
      expect((await execIn(running, { argv: ["echo", "on"] })).stdout).toBe("on\n");
      expect((await running.guest.details(ctx())).bootId).toBe(bootId);
    });

    testOf("stats", "tells what it uses until nobody listens any more", async () => {
      const listening = new AbortController();
      const told: Metrics[] = [];
      for await (const metrics of running.stats?.(ctx(listening.signal)) ?? []) {
        told.push(metrics);
        if (told.length === 2) listening.abort();
      }
      expect(told.length).toBe(2);
      expect(told[1]?.memory?.usedBytes).toBeGreaterThan(0);
    });

    testOf("logs", "gives what it printed", async () => {
      const log = await driver.logs?.(ctx(), instance, {});
      if (!log) throw new Error("no log");
      expect(await text(log)).toContain(harness.prints);
    });

    testOf(
      "points",
      "tells what a disk holds while its guest goes on, and what has changed since",
      async () => {
        await readPoints(async (request) => {
          if (!running.openPoint) throw new Error("its disks cannot be read");
          return running.openPoint(ctx(), instance, request);
        });
      },
    );

    testOf("attach", "joins its main process, and leaves it as it is", async () => {
      const main = await running.attach?.(ctx(), {});
      main?.close();
      await main?.exited.catch(() => {});
      expect((await execIn(running, { argv: ["echo", "on"] })).stdout).toBe("on\n");
      expect((await running.guest.details(ctx())).bootId).toBe(bootId);
    });

    testOf("export", "gives its file system as a tar, whether it runs or not", async () => {
      const tar = await driver.export?.(ctx(), instance);
      expect(await firstHeader(tar)).toContain("ustar");
    });

    test("stops gracefully, and tells", async () => {
      await running.stop(ctx(), "graceful");
      expect(await running.exited).toEqual({ how: "stopped" });
      expect(await driver.attach(ctx(), instance)).toBeUndefined();
    });

    testOf("logs", "gives what it printed when it has ended, and ends where that is followed", async () => {
      const log = await driver.logs?.(ctx(), instance, { follow: true });
      if (!log) throw new Error("no log");
      expect(await text(log)).toContain(harness.prints);
    });

    testOf("export", "gives its file system as a tar when it has ended", async () => {
      const tar = await driver.export?.(ctx(), instance);
      expect(await firstHeader(tar)).toContain("ustar");
    });

    test("enlarges and copies the disk of what does not run, however often it is asked", async () => {
      for (let i = 0; i < 2; i += 1) await driver.resizeDisk?.(ctx(), instance, instance.diskBytes + 2 ** 30);
      const own = { disks: instance.disks, formerKeys: [instance.login.client.publicKey] };
      const copy = { ...(await harness.instance("copy")), ...own };
      for (let i = 0; i < 2; i += 1) await driver.clone?.(ctx(), instance, copy);
      expect(await driver.diskUsage(copy)).toBeGreaterThanOrEqual(0);
      await driver.reseed?.(ctx(), { ...copy, name: "renamed" });
    });

    testOf("suspend", "memory that is discarded does not come back", async () => {
      running = await driver.start(ctx(), instance);
      await running.suspend?.(ctx());
      await driver.discardMemory?.(instance);
      await driver.discardMemory?.(instance);
      expect(await driver.isSuspended?.(instance)).toBe(false);
    });

    test("starts again, and stops at once when forced", async () => {
      running = await driver.start(ctx(), instance);
      await running.stop(ctx(), "force");
      expect(await running.exited).toEqual({ how: "stopped" });
    });

    testOf("attach", "whoever has joined its main process is told of its end, with a code", async () => {
      running = await driver.start(ctx(), instance);
      const main = await running.attach?.(ctx(), {});
      main?.stdout.resume();
      await running.stop(ctx(), "graceful");
      expect((await main?.exited)?.code).toEqual(expect.any(Number));
    });

    testOf("display", "a viewer of its screen is told of the end of the run", async () => {
      running = await driver.start(ctx(), instance);
      const viewer = await view(await screenOf(running));
      await running.stop(ctx(), "force");
      await abortable(viewer.end(), AbortSignal.timeout(30_000));
    });

    test("a delete ends what runs, and may be repeated", async () => {
      running = await driver.start(ctx(), instance);
      running.release();
      await driver.delete(ctx(), instance);
      await driver.delete(ctx(), instance);
      expect(await driver.attach(ctx(), instance)).toBeUndefined();
    });

    test("refuses what it cannot do with an EngineError", async () => {
      const tooSmall = { ...(await harness.instance("small")), diskBytes: 1024 };
      const failure = await driver.create(ctx(), tooSmall).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure !== undefined) expect(failure).toBeInstanceOf(EngineError);
      else await expect(driver.diskUsage(tooSmall)).resolves.toBeGreaterThanOrEqual(0);
    });
  });
}
