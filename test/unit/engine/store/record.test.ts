import fc from "fast-check";
import { expect, test } from "vitest";
import { type Descriptor, formatDescriptor, parseDescriptor } from "../../../../src/engine/store/record.ts";

const descriptor: Descriptor = {
  id: "11111111-2222-4333-8444-555555555555",
  name: "web",
  revision: 3,
  kind: "vm",
  driver: "qemu",
  arch: "x86_64",
  cpus: 1,
  memoryBytes: 2 ** 30,
  diskBytes: 5 * 2 ** 30,
  image: { reference: "24.04", os: "Ubuntu", release: "24.04 LTS", version: "20260101" },
  base: { id: "abc", path: "/c/abc.qcow2", format: "qcow2", sizeBytes: 1, virtualBytes: 2, user: "ubuntu" },
  address: "10.44.1.2",
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
  createdAt: "2026-01-01T00:00:00.000Z",
};

test("what is written is what is read", () => {
  expect(parseDescriptor(formatDescriptor(descriptor))).toEqual(descriptor);
});

test("what awaits data cannot be read by an engine that knows of none", () => {
  const awaited = { repository: descriptor.id, backup: "1a2b", disks: [{ id: "disk", stored: "disk" }] };
  const text = formatDescriptor({ ...descriptor, awaited });
  expect(JSON.parse(text)).toMatchObject({ schema: 2 });
  expect(parseDescriptor(text)).toEqual({ ...descriptor, awaited });
});

test.each([
  ["", "JSON"],
  ["null", "expected object"],
  ['{"schema":1,"checksum":"0","instance":{}}', "checksum does not match"],
  [formatDescriptor(descriptor).replace('"schema":1', '"schema":3'), "a newer Berth"],
  [formatDescriptor(descriptor).replace('"web"', '"wed"'), "checksum does not match"],
  [formatDescriptor({ ...descriptor, name: "-bad-" }), "Invalid instance name"],
  [formatDescriptor({ ...descriptor, cpus: 0 }), "cpus"],
  [formatDescriptor({ ...descriptor, address: "" }), "a machine is never without an address"],
])("%j is refused: %s", (text, reason) => {
  expect(() => parseDescriptor(text)).toThrow(reason);
});

test("a container may be without limits, and without an address or with one that it once drew", () => {
  const free = { ...descriptor, cpus: 0, memoryBytes: 0, diskBytes: 0, container: { env: { A: "b" } } };
  for (const one of [free, { ...free, address: "" }])
    expect(parseDescriptor(formatDescriptor(one))).toEqual(one);
});

test("any cut, any changed byte is noticed, never read as something else", () => {
  const text = formatDescriptor(descriptor);
  fc.assert(
    fc.property(fc.nat({ max: text.length - 1 }), fc.integer({ min: 32, max: 126 }), (at, code) => {
      const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
      for (const damaged of [text.slice(0, at), changed]) {
        try {
          expect(parseDescriptor(damaged)).toEqual(descriptor);
        } catch (error) {
          expect(String(error)).toContain("cannot read the instance's descriptor");
        }
      }
    }),
    { numRuns: 500 },
  );
});
