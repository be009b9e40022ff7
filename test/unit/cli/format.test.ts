import { expect, test } from "vitest";
import type { ImageEntry } from "../../../src/api/image.ts";
import type { Instance } from "../../../src/api/instance.ts";
import { formatFind, formatList, type InfoItem, stateWord, table } from "../../../src/cli/format.ts";
import { formatsOf } from "../../../src/cli/formats.ts";
import { progressText } from "../../../src/cli/progress.ts";

const formatInfo = (items: InfoItem[], format: "table" | "json") =>
  formatsOf("berth").info({ items, snapshots: [], onlySnapshots: false }, format);

const web: Instance = {
  id: "00000000-0000-4000-8000-000000000001",
  name: "web",
  kind: "vm",
  driver: "qemu",
  arch: "x86_64",
  state: "running",
  ready: true,
  problems: [],
  image: {
    reference: "24.04",
    sha256: "a".repeat(64),
    os: "Ubuntu",
    release: "24.04 LTS",
    version: "20260518",
  },
  cpus: 2,
  memoryBytes: 2 ** 30,
  diskBytes: 5 * 2 ** 30,
  address: "10.77.0.5",
  mac: "52:54:00:00:00:01",
  zone: { name: "zone1", available: true },
  networks: [],
  accelerator: "kvm",
  ports: [],
  mounts: [],
  disks: [],
  ...{ guest: "linux", firmware: "bios", tpm: false, display: false, encrypted: false },
  snapshotCount: 0,
  autostart: "off",
  network: "default",
  labels: {},
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
};
const stopped: Instance = { ...web, name: "a-long-name", state: "stopped", ready: false };

test("list is a table with aligned columns, an address only where it can be used", () => {
  expect(formatList([web, stopped], "table")).toBe(
    [
      "Name         State    IPv4       Image",
      "web          Running  10.77.0.5  Ubuntu 24.04 LTS",
      "a-long-name  Stopped  --         Ubuntu 24.04 LTS",
      "",
    ].join("\n"),
  );
  expect(formatList([], "table")).toBe("No instances found.\n");
});

test("list as JSON has Multipass's keys and indentation", () => {
  const text = formatList([web, stopped], "json");
  expect(text).toMatch(/^\{\n {4}"list": \[\n {8}\{\n {12}"name": "web",/);
  expect(JSON.parse(text).list[1]).toMatchObject({ state: "Stopped", ipv4: [], release: "Ubuntu 24.04 LTS" });
});

test("info as JSON keeps Multipass's types", () => {
  const details = {
    addresses: ["10.77.0.5"],
    cpus: 2,
    load: [0.1, 0.2, 0.3] as [number, number, number],
    memory: { usedBytes: 100, totalBytes: 1000 },
    disk: { usedBytes: 5, totalBytes: 10 },
    release: "Ubuntu 24.04.1 LTS",
  };
  const { info } = JSON.parse(formatInfo([{ instance: web, details }], "json"));
  expect(info.web).toMatchObject({
    state: "Running",
    cpu_count: "2",
    load: [0.1, 0.2, 0.3],
    disks: { sda1: { used: "5", total: "10" } },
    memory: { used: 100, total: 1000 },
    ipv4: ["10.77.0.5"],
  });
  const silent = JSON.parse(formatInfo([{ instance: stopped, details: { addresses: [] } }], "json")).info[
    "a-long-name"
  ];
  expect(silent).toMatchObject({
    release: "",
    cpu_count: "",
    load: [],
    disks: { sda1: {} },
    memory: {},
    ipv4: [],
  });
});

test("info as text shows problems with their hints", () => {
  const problems = [
    { code: "x", severity: "warning" as const, message: "KVM does not work", hint: "Enable it." },
  ];
  const text = formatInfo([{ instance: { ...web, problems }, details: { addresses: [] } }], "table");
  expect(text).toContain("warning:        KVM does not work\n                Enable it.\n");
  expect(text).toContain("Name:           web\n");
});

test("what a guest or a catalog says cannot move the cursor", () => {
  expect(table(["A"], [["x\u001b[2Jy\nz"]])).toBe("A\nxy z\n");
});

test("find lists references and their aliases", () => {
  const entry: ImageEntry = {
    reference: "24.04",
    remote: "release",
    aliases: ["24.04", "noble", "n", "lts"],
    os: "Ubuntu",
    release: "24.04 LTS",
    version: "20260518",
    arch: "x86_64",
    supported: true,
    cached: false,
  };
  expect(formatFind([entry], "table")).toContain("24.04  noble,lts  20260518  Ubuntu 24.04 LTS");
  expect(JSON.parse(formatFind([entry], "json")).images["24.04"]).toMatchObject({
    os: "Ubuntu",
    remote: "release",
  });
});

test("every state has a word of Multipass's form", () => {
  const zone = { name: "zone1", available: true };
  const disabled = { ...zone, available: false };
  expect(stateWord({ state: "creating", zone })).toBe("Starting");
  expect(stateWord({ state: "deleted", zone })).toBe("Deleted");
  expect(stateWord({ state: "stopped", zone: disabled })).toBe("Unavailable");
  expect(stateWord({ state: "suspended", zone: disabled })).toBe("Unavailable");
  expect(stateWord({ state: "deleted", zone: disabled })).toBe("Deleted");
});

test.each([
  [undefined, "Starting"],
  [{ phase: "download", done: 2 ** 20, total: 4 * 2 ** 20 }, "Downloading the image 25% of 4MiB"],
  [{ phase: "cloud-init", message: "modules-final" }, "Waiting for cloud-init (modules-final)"],
  [{ phase: "boot" }, "Booting"],
  [{ phase: "packages", done: 3 }, "Packages 3"],
])("progress %j reads %j", (progress, text) => {
  expect(progressText(progress)).toBe(text);
});
