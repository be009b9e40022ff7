/** Extents from what a server tells, against a model that goes byte by byte. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Extent } from "../../../../../src/engine/drivers/points.ts";
import { ALLOCATION, dirtyContext } from "../../../../../src/engine/drivers/qemu/points/extents.ts";
import type { NbdClient } from "../../../../../src/engine/drivers/qemu/points/nbd.ts";
import type { Run } from "../../../../../src/engine/drivers/qemu/points/nbd-wire.ts";
import { NbdDisk } from "../../../../../src/engine/drivers/qemu/points/point-disk.ts";
import { told } from "../../../../support/point-model.ts";

/** What a unit of the disk was, whether it had changed, and whether it is copied: zeros have taken its place then. */
type Unit = { zero: boolean; dirty: boolean; copied: boolean };
const Bits = { zero: fc.boolean(), dirty: fc.boolean(), copied: fc.boolean() };
const Units = fc.array(fc.record(Bits), { minLength: 1, maxLength: 60 });
/** How long the runs are that the server makes of that: they need not be as long as they could. */
const Lengths = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 10 });

/** A server that tells of a few units with every answer, and of more than was asked for. */
function server(units: readonly Unit[], lengths: readonly number[], answers: readonly number[]): NbdClient {
  let turn = 0;
  const runs = (from: number, flag: (unit: Unit) => number): Run[] => {
    const runsNow: Run[] = [];
    turn += 1;
    for (let at = from, n = 0; at < units.length && n < (answers[turn % answers.length] ?? 1); n += 1) {
      const most = lengths[(at + n) % lengths.length] ?? 1;
      let length = 1;
      const same = (index: number) => flag(units[index] as Unit) === flag(units[at] as Unit);
      while (length < most && at + length < units.length && same(at + length)) length += 1;
      runsNow.push({ length, flags: flag(units[at] as Unit) });
      at += length;
    }
    return runsNow;
  };
  const status = async (offset: number) =>
    new Map([
      [ALLOCATION, runs(offset, ({ zero, copied }) => (zero || copied ? 3 : 0))],
      [dirtyContext("b"), runs(offset, ({ dirty }) => (dirty ? 1 : 0))],
    ]);
  return { size: units.length, status } as unknown as NbdClient;
}

/** The server of the copies. */
function copiesOf(units: readonly Unit[], lengths: readonly number[], answers: readonly number[]): NbdClient {
  const told = units.map(({ copied }) => ({ zero: !copied, dirty: false, copied: false }));
  return server(told, lengths, answers);
}

function expected(units: readonly Unit[], isWanted: (unit: Unit) => boolean): Extent[] {
  const all: Extent[] = [];
  for (const [offset, unit] of units.entries()) {
    if (!isWanted(unit)) continue;
    const last = all.at(-1);
    if (last && last.zero === unit.zero && last.offset + last.length === offset) last.length += 1;
    else all.push({ offset, length: 1, zero: unit.zero });
  }
  return all;
}

test("an increment is all that is dirty, a whole all that is not zero, each part as long as it can be", async () => {
  await fc.assert(
    fc.asyncProperty(Units, Lengths, Lengths, async (all, lengths, answers) => {
      const units = all.map((unit) => ({ ...unit, copied: false }));
      const named = { id: "disk", generation: 0 };
      const increment = new NbdDisk(server(units, lengths, answers), { ...named, bitmap: "b" });
      expect(await told(increment)).toEqual(expected(units, ({ dirty }) => dirty));
      const whole = new NbdDisk(server(units, lengths, answers), { ...named, bitmap: undefined });
      expect(await told(whole)).toEqual(expected(units, ({ zero }) => !zero));
    }),
    { numRuns: 300 },
  );
});

test("nothing is called zero of which there is a copy, whatever the view says of what has taken its place", async () => {
  await fc.assert(
    fc.asyncProperty(Units, Lengths, Lengths, async (units, lengths, answers) => {
      const copies = copiesOf(units, answers, lengths);
      const named = { id: "disk", generation: 0, copies };
      const seen = units.map((unit) => ({ ...unit, zero: unit.zero && !unit.copied }));
      const increment = new NbdDisk(server(units, lengths, answers), { ...named, bitmap: "b" });
      expect(await told(increment)).toEqual(expected(seen, ({ dirty }) => dirty));
      const whole = new NbdDisk(server(units, lengths, answers), { ...named, bitmap: undefined });
      expect(await told(whole)).toEqual(expected(seen, ({ zero }) => !zero));
    }),
    { numRuns: 300 },
  );
});
