import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NAME_PATTERN } from "../../../../src/api/names.ts";
import { entriesFrom } from "../../../../src/engine/instances/found.ts";
import { toInstance } from "../../../../src/engine/instances/view.ts";
import type { FoundInstance } from "../../../../src/engine/store/instance-files.ts";
import type { Descriptor, InstanceRecord } from "../../../../src/engine/store/record.ts";

const AT = "2026-01-01T00:00:00.000Z";
const fallback = { arch: "x86_64" as const, driver: "fake", kind: "vm" as const, now: AT };
const ids = Array.from({ length: 4 }, (_, i) => `${i}1111111-2222-4333-8444-555555555555`);
const idOf = (i: number) => ids[i] ?? "";

function descriptor(id: string, more: Partial<Descriptor> = {}): Descriptor {
  return {
    id,
    name: `n${id[0]}`,
    revision: 1,
    kind: "vm",
    driver: "fake",
    arch: "x86_64",
    cpus: 1,
    memoryBytes: 1,
    diskBytes: 1,
    image: { reference: "", os: "", release: "", version: "" },
    address: "10.1.0.20",
    mac: "52:54:00:00:00:01",
    zone: "zone1",
    networks: [],
    ports: [],
    mounts: [],
    disks: [],
    ...{ guest: "linux", firmware: "bios", tpm: false, display: false, encrypted: false },
    snapshots: [],
    snapshotsTaken: 0,
    autostart: "off",
    network: "default",
    labels: {},
    booted: true,
    createdAt: AT,
    ...more,
  };
}

const row = (one: Descriptor, more: Partial<InstanceRecord> = {}): InstanceRecord => ({
  descriptor: one,
  state: "stopped",
  problems: [],
  updatedAt: AT,
  ...more,
});

const brief = (found: FoundInstance[], rows: InstanceRecord[]) =>
  entriesFrom(found, rows, fallback).map((entry) => {
    const { name, state, problems } = toInstance(entry, { name: "zone1", available: true });
    return [name, state, ...problems.map(({ code }) => code)].join(" ");
  });

describe("entriesFrom", () => {
  const one = descriptor(idOf(0));

  test("the directory says what it is, the index what it did", () => {
    const running = row({ ...one, cpus: 7 }, { state: "running" });
    const [entry] = entriesFrom([{ id: one.id, descriptor: one }], [running], fallback);
    expect(entry?.record).toMatchObject({ state: "running", descriptor: { cpus: 1 } });
  });

  test.each<[string, FoundInstance[], InstanceRecord[], string[]]>([
    ["only a directory", [{ id: one.id, descriptor: one }], [], ["n0 stopped"]],
    ["only a row", [], [row(one)], ["n0 failed directory-missing"]],
    [
      "deleted in the directory, not yet in the index",
      [{ id: one.id, descriptor: { ...one, deletedAt: AT } }],
      [row(one, { state: "running" })],
      ["n0 deleted"],
    ],
    [
      "recovered in the directory, not yet in the index",
      [{ id: one.id, descriptor: one }],
      [row({ ...one, deletedAt: AT }, { state: "deleted" })],
      ["n0 stopped"],
    ],
    [
      "only the predecessor, and the index is newer",
      [{ id: one.id, descriptor: one, damage: "cut" }],
      [row({ ...one, revision: 2, deletedAt: AT }, { state: "deleted" })],
      ["n0 deleted descriptor-damaged"],
    ],
    ["unreadable", [{ id: one.id, damage: "cut" }], [row(one)], ["n0 failed descriptor-unreadable"]],
    ["unknown", [{ id: one.id, damage: "cut" }], [], ["broken-01111111 failed descriptor-unreadable"]],
    [
      "one name twice: the older keeps it",
      [
        {
          id: idOf(1),
          descriptor: descriptor(idOf(1), { name: "web", createdAt: "2026-02-01T00:00:00.000Z" }),
        },
        { id: idOf(2), descriptor: descriptor(idOf(2), { name: "web" }) },
      ],
      [],
      ["web stopped", "web-11111111 failed name-taken-twice"],
    ],
  ])("%s", (_what, found, rows, expected) => {
    expect(brief(found, rows)).toEqual(expected);
  });

  test("every instance is there exactly once, under a valid name of its own", () => {
    const names = fc.constantFrom("web", "db", "x".repeat(63));
    const sources = fc.record({
      id: fc.constantFrom(...ids),
      name: names,
      readable: fc.boolean(),
      inIndex: fc.boolean(),
      onDisk: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.uniqueArray(sources, { selector: ({ id }) => id }), (all) => {
        const found = all
          .filter(({ onDisk }) => onDisk)
          .map(
            ({ id, name, readable }): FoundInstance =>
              readable ? { id, descriptor: descriptor(id, { name }) } : { id, damage: "cut" },
          );
        const rows = all
          .filter(({ inIndex }) => inIndex)
          .map(({ id, name }) => row(descriptor(id, { name })));
        const entries = entriesFrom(found, rows, fallback);
        const expected = all.filter(({ inIndex, onDisk }) => inIndex || onDisk).map(({ id }) => id);
        expect(entries.map(({ record }) => record.descriptor.id).sort()).toEqual(expected.sort());
        const shown = entries.map(({ record }) => record.descriptor.name);
        expect(new Set(shown).size).toBe(shown.length);
        for (const name of shown) expect(name).toMatch(NAME_PATTERN);
      }),
    );
  });
});
