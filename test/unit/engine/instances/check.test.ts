import { describe, expect, test } from "vitest";
import { checkDriver, checkSizes, refusal, taken } from "../../../../src/engine/instances/check.ts";

const GIB = 2 ** 30;
const host = { cpus: 4, memoryBytes: 8 * GIB, freeDiskBytes: 50 * GIB };
const small = { cpus: 1, memoryBytes: GIB, diskBytes: 5 * GIB };

describe("checkSizes", () => {
  test("what fits has no findings", () => {
    expect(checkSizes(small, host, [])).toEqual([]);
    expect(checkSizes({ cpus: 4, memoryBytes: 8 * GIB, diskBytes: 45 * GIB }, host, [])).toEqual([]);
  });

  test.each([
    [{ ...small, cpus: 5 }, "cpus-exceeds-host", "5 CPUs asked for, but this host has 4 CPUs"],
    [
      { ...small, memoryBytes: 9 * GIB },
      "memory-exceeds-host",
      "9GiB of memory asked for, but this host has 8GiB of memory",
    ],
    [
      { ...small, diskBytes: 51 * GIB },
      "disk-exceeds-host",
      "a disk of 51GiB asked for, but 50GiB are free on this host",
    ],
  ])("%j is refused with the numbers", (wanted, code, message) => {
    expect(checkSizes(wanted, host, [])).toMatchObject([{ code, message, error: "no-resources" }]);
  });

  test("more than is left is a warning", () => {
    const others = [
      { ...small, cpus: 3, memoryBytes: 5 * GIB },
      { ...small, cpus: 1, memoryBytes: 2 * GIB },
    ];
    const found = checkSizes({ cpus: 1, memoryBytes: 2 * GIB, diskBytes: 48 * GIB }, host, others);
    expect(found.map(({ code, severity }) => `${code} ${severity}`)).toEqual([
      "cpus-over-provisioned warning",
      "memory-over-provisioned warning",
      "disk-over-provisioned warning",
    ]);
    expect(found[1]?.message).toContain("would have 9GiB of memory; this host has 8GiB");
    expect(refusal("web", found)).toBeUndefined();
  });
});

test("a driver that is not there refuses with its own words", () => {
  const info = {
    name: "qemu",
    kind: "vm" as const,
    available: false,
    arches: [],
    features: [],
    problems: [],
  };
  expect(checkDriver({ ...info, available: true })).toEqual([]);
  expect(checkDriver(info)).toMatchObject([{ code: "driver-unavailable", error: "missing-dependency" }]);
  const missing = {
    code: "qemu-missing",
    severity: "error" as const,
    message: "no QEMU",
    hint: "Install it.",
  };
  expect(checkDriver({ ...info, problems: [missing] })).toMatchObject([missing]);
});

test("a refusal tells of every reason, under the first one's code", () => {
  const found = [taken("web", false), ...checkSizes({ ...small, cpus: 9 }, host, [])];
  const error = refusal("web", found);
  expect(error?.code).toBe("already-exists");
  expect(error?.message).toBe(
    'cannot launch web: instance "web" already exists; 9 CPUs asked for, but this host has 4 CPUs',
  );
  expect(error?.hint).toBe("Choose another name.");
});
