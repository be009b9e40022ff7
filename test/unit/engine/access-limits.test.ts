/** Limits of projects: what fits, what does not, and that nobody is kept from having less. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ProjectLimits } from "../../../src/api/access.ts";
import { excessOf, type Sized, usesOf } from "../../../src/engine/access/limits.ts";

const GIB = 2 ** 30;
const one = (more: Partial<Sized> = {}): Sized => ({
  ...{ cpus: 1, memoryBytes: GIB, diskBytes: 5 * GIB, disks: [], network: "default" },
  ...more,
});

test("all of a project's instances count, with all their disks and the networks that they are in", () => {
  const disks = [{ sizeBytes: GIB }, { sizeBytes: 2 * GIB }];
  expect(
    usesOf([
      one({ disks, network: "private:a" }),
      one({ cpus: 3, network: "private:a" }),
      one({ network: "nat" }),
    ]),
  ).toEqual({
    ...{ instances: 3, cpus: 5, memoryBytes: 3 * GIB, diskBytes: 18 * GIB, networks: 1 },
  });
});

test.each<[string, ProjectLimits, Sized, string | undefined]>([
  ["nothing is limited", {}, one(), undefined],
  ["it fits exactly", { instances: 2, cpus: 2, memoryBytes: 2 * GIB, diskBytes: 10 * GIB }, one(), undefined],
  ["too many", { instances: 1 }, one(), "it has 1 of 1 instances, and would have 2"],
  [
    "too much memory",
    { memoryBytes: 2 * GIB },
    one({ memoryBytes: 2 * GIB }),
    "it has 1GiB of 2GiB memory, and would have 3GiB",
  ],
  [
    "too large an extra disk",
    { diskBytes: 10 * GIB },
    one({ disks: [{ sizeBytes: 1 }] }),
    "it has 5GiB of 10GiB disk, and would have 10GiB",
  ],
  [
    "a network too many",
    { networks: 0 },
    one({ network: "private:a" }),
    "it has 0 of 0 private networks, and would have 1",
  ],
  ["a container without a limit", { cpus: 9 }, one({ cpus: 0 }), "a limit of CPUs is needed in it"],
  ["one that is not limited there", { memoryBytes: 9 * GIB }, one({ cpus: 0 }), undefined],
])("%s", (_, limits, after, expected) => {
  expect(excessOf(limits, [one()], undefined, after)).toBe(expected);
});

const sized = fc.record({
  cpus: fc.integer({ min: 1, max: 8 }),
  memoryBytes: fc.integer({ min: 1, max: 8 }),
  diskBytes: fc.integer({ min: 1, max: 8 }),
  disks: fc.array(fc.record({ sizeBytes: fc.integer({ min: 1, max: 4 }) }), { maxLength: 3 }),
  network: fc.constantFrom<Sized["network"]>("default", "private:a", "private:b"),
});
const limit = fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined });
const limits = fc
  .record({ instances: limit, cpus: limit, memoryBytes: limit, diskBytes: limit, networks: limit })
  .map((all) => JSON.parse(JSON.stringify(all)) as ProjectLimits);

test("whatever is made and changed, what is accepted never leads beyond a limit", () => {
  fc.assert(
    fc.property(limits, fc.array(fc.tuple(sized, fc.option(fc.nat())), { maxLength: 30 }), (of, steps) => {
      const members: Sized[] = [];
      for (const [after, at] of steps) {
        const index = at === null || members.length === 0 ? undefined : at % members.length;
        const before = index === undefined ? undefined : members[index];
        const others = members.filter((_, position) => position !== index);
        if (excessOf(of, others, before, after) !== undefined) continue;
        if (index === undefined) members.push(after);
        else members[index] = after;
        const uses = usesOf(members);
        for (const [measure, most] of Object.entries(of))
          expect(uses[measure as keyof typeof uses]).toBeLessThanOrEqual(most as number);
      }
    }),
    { numRuns: 1000 },
  );
});

test("whoever has too much already may have less, and nothing more", () => {
  const others = [one({ cpus: 8 })];
  expect(excessOf({ cpus: 4 }, others, one({ cpus: 4 }), one({ cpus: 2 }))).toBeUndefined();
  expect(
    excessOf({ cpus: 4 }, others, one({ cpus: 4 }), one({ cpus: 4, memoryBytes: 9 * GIB })),
  ).toBeUndefined();
  expect(excessOf({ cpus: 4 }, others, one({ cpus: 2 }), one({ cpus: 3 }))).toContain("would have 11");
});
