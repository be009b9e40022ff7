/**
 * A QEMU that is killed at moments nobody chose, while its disks are written to, points are opened, read and closed: what is
 * called an increment is always all that has changed. `BERTH_POINT_KILLS` says how often, `BERTH_SEED` where chance begins.
 */
import { expect, test } from "vitest";
import { sleep } from "../../src/base/async.ts";
import type { Point } from "../../src/engine/drivers/points.ts";
import { PointMachine } from "../support/point-machine.ts";
import { pointCtx, readExtents, readWhole } from "../support/point-model.ts";

const KILLS = Number(process.env["BERTH_POINT_KILLS"] ?? 12);
const SEED = Number(process.env["BERTH_SEED"] ?? 1);

/** The same numbers from the same seed (mulberry32). */
function chance(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** What a backup knows of the last point that it has kept. */
type Kept = { id: string; generations: Record<string, number>; content: Uint8Array[] };
type Found = { increments: number; wholes: number };

class Trial {
  readonly #machine: PointMachine;
  readonly #below: (below: number) => number;
  readonly found: Found = { increments: 0, wholes: 0 };
  #kept: Kept | undefined;
  #points = 0;

  constructor(machine: PointMachine, below: (below: number) => number) {
    this.#machine = machine;
    this.#below = below;
  }

  /** Works on the disks until the machine is killed or told to quit. */
  async round(): Promise<void> {
    if (this.#below(4) === 0)
      await this.#backUp((request) => this.#machine.points.open(pointCtx(), this.#machine.instance, request));
    await this.#machine.start();
    const quits = this.#below(3) === 0;
    const working = this.#work(quits);
    if (quits) {
      await working;
      await this.#machine.quit();
      return;
    }
    const ended = working.catch(() => {});
    await sleep(this.#below(400));
    await this.#machine.kill();
    await ended;
  }

  async #work(once: boolean): Promise<void> {
    for (let n = 0; n < (once ? 3 : 1_000); n += 1) {
      await this.#write(1 + this.#below(6));
      await this.#backUp(
        (request) => this.#machine.open(request),
        () => this.#write(1 + this.#below(4)),
      );
    }
  }

  async #write(times: number): Promise<void> {
    for (let n = 0; n < times; n += 1) {
      const at = this.#below(4096) * 4;
      const length = Math.min(4 * (1 + this.#below(40)), 16_384 - at);
      const kind =
        ["write -z", "discard", "write -P 9"][this.#below(10)] ?? `write -P ${1 + this.#below(200)}`;
      await this.#machine.io(this.#below(2) === 0 ? "first" : "second", `${kind} ${at}k ${length}k`);
    }
  }

  /** What an increment makes of the last kept point must be what the disk is. */
  async #backUp(
    open: (request: Parameters<PointMachine["open"]>[0]) => Promise<Point>,
    meanwhile: () => Promise<void> = async () => {},
  ): Promise<void> {
    this.#points += 1;
    const id = `p${this.#points}`;
    const before = this.#kept;
    const point = await open({ id, since: before, keep: before ? [before.id] : [] });
    let isKept = false;
    try {
      const first: Uint8Array[] = [];
      for (const disk of point.disks) first.push(await readWhole(disk));
      await meanwhile();
      const content: Uint8Array[] = [];
      for (const [index, disk] of point.disks.entries()) {
        const told = await readExtents(disk, before?.content[index]);
        const whole = await readWhole(disk);
        this.found[disk.isIncrement ? "increments" : "wholes"] += 1;
        if (!same(whole, first[index] ?? told)) wrong.push(`${id}: disk ${index} does not stay as it was`);
        if (!same(told, whole))
          wrong.push(`${id} since ${before?.id}: disk ${index}, increment: ${disk.isIncrement}`);
        content.push(whole);
      }
      if (this.#below(4) > 0) {
        const generations = Object.fromEntries(point.disks.map((one) => [one.id, one.generation]));
        // From here on it counts, whatever becomes of closing it.
        this.#kept = { id, generations, content };
        isKept = true;
      }
    } finally {
      await point.close(pointCtx(), isKept);
    }
  }
}

const wrong: string[] = [];
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

test(`no increment lacks anything after ${KILLS} kills`, { timeout: 60_000 + KILLS * 10_000 }, async () => {
  const machine = await PointMachine.make();
  const trial = new Trial(machine, chance(SEED));
  try {
    for (let n = 0; n < KILLS; n += 1) await trial.round();
    expect(wrong).toEqual([]);
    expect(trial.found.increments).toBeGreaterThan(0);
    expect(trial.found.wholes).toBeGreaterThan(0);
    await machine.points.endLeftovers(machine.instance);
    expect((await machine.leftovers()).filter((name) => !name.includes(".nb"))).toEqual([]);
  } finally {
    await machine.dispose();
  }
});
