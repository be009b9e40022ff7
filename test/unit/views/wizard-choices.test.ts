import { expect, test } from "vitest";
import type { ImageEntry } from "../../../src/api/image.ts";
import { groupImages } from "../../../src/views/image-groups.ts";
import {
  canEncrypt,
  nameProblem,
  overHost,
  sizeChoices,
  typedCpus,
  typedDisk,
  typedMemory,
  typedReference,
} from "../../../src/views/wizard-choices.ts";

const GIB = 2 ** 30;
const host = { cpus: 2, memoryBytes: 4 * GIB, freeDiskBytes: 20 * GIB };

function image(patch: Partial<ImageEntry>): ImageEntry {
  return {
    reference: "x",
    remote: "release",
    aliases: [],
    os: "Ubuntu",
    release: "24.04 LTS",
    version: "20261015",
    arch: "x86_64",
    supported: true,
    cached: false,
    ...patch,
  };
}

test("encryption is offered where it can be done now", () => {
  const driver = { name: "qemu", kind: "vm", available: true, arches: [], problems: [] } as const;
  const engine = { drivers: [{ ...driver, arches: [], problems: [], features: ["encryption"] }] };
  const other = { drivers: [{ ...driver, arches: [], problems: [], features: ["clone"] }] };
  const keychain = { name: "the keychain" };
  const broken = { ...keychain, problem: "there is none" };
  expect(canEncrypt({ state: "unlocked", keychain: broken }, engine)).toBe(true);
  expect(canEncrypt({ state: "none", keychain }, engine)).toBe(true);
  expect(canEncrypt({ state: "none", keychain: broken }, engine)).toBe(false);
  expect(canEncrypt({ state: "locked", keychain }, engine)).toBe(false);
  expect(canEncrypt({ state: "unlocked", keychain }, other)).toBe(false);
});

test("popular images come first, the rest by distribution, newest first", () => {
  const groups = groupImages([
    image({ reference: "22.04", release: "22.04 LTS", aliases: ["jammy"] }),
    image({
      reference: "24.04",
      aliases: ["lts", "noble"],
      codename: "Noble Numbat",
      cached: true,
      sizeBytes: 600 * 2 ** 20,
    }),
    image({ reference: "25.10", release: "25.10" }),
    image({ reference: "daily:26.04", remote: "daily", release: "26.04", aliases: ["lts"] }),
    image({ reference: "debian", remote: "", os: "Debian", release: "12" }),
  ]);
  expect(groups.map(({ title, choices }) => [title, choices.map(({ reference }) => reference)])).toEqual([
    ["Popular", ["24.04", "debian"]],
    ["Ubuntu", ["25.10", "22.04"]],
    ["Ubuntu · daily", ["daily:26.04"]],
  ]);
  expect(groups[0]?.choices[0]).toMatchObject({
    label: "Ubuntu 24.04 LTS “Noble Numbat”",
    description: "24.04, lts, noble",
    detail: "version 20261015 · 600 MiB · on this host",
  });
});

test.each([
  ["", undefined],
  ["  ", undefined],
  ["lts", undefined],
  ["two words", undefined],
  ["https://example.com/a.img", "https://example.com/a.img"],
  [" file:///tmp/a.qcow2 ", "file:///tmp/a.qcow2"],
  ["daily:26.04", "daily:26.04"],
])("typed %j is taken as %j", (text, reference) => {
  expect(typedReference(text, new Set(["lts"]))).toBe(reference);
});

test.each([
  ["web", undefined],
  ["", /needed/],
  ["-web", /begin with a letter/],
  ["we_b", /letters, digits/],
  ["a".repeat(64), /at most 63/],
  ["taken", /exists already/],
])("the name %j", (name, problem) => {
  const found = nameProblem(name, new Set(["taken"]));
  if (problem) expect(found).toMatch(problem);
  else expect(found).toBeUndefined();
});

test("a size beyond the host says what the host has", () => {
  expect(overHost({ cpus: 4, memoryBytes: 8 * GIB, diskBytes: 40 * GIB }, host)).toBe(
    "This host has 2 CPUs, 4 GiB of memory and 20 GiB of free disk.",
  );
  expect(overHost({ cpus: 2 }, host)).toBeUndefined();
  const details = sizeChoices(host).map(({ label, detail }) => [label, detail !== undefined]);
  expect(details).toEqual([
    ["Small", false],
    ["Medium", false],
    ["Large", true],
    ["Custom…", false],
  ]);
});

test.each([
  [typedCpus, "2", { value: 2 }],
  [typedCpus, "3", { value: 3, warning: "This host has 2 CPUs." }],
  [typedCpus, "0", { refused: "At least 1 CPU is needed." }],
  [typedCpus, "-1", { refused: "Write a whole number, such as 2." }],
  [typedCpus, "1.5", { refused: "Write a whole number, such as 2." }],
  [typedMemory, "1 GiB", { value: GIB }],
  [typedMemory, "2G", { value: 2 * GIB }],
  [typedMemory, "64M", { refused: "At least 128 MiB is needed." }],
  [typedMemory, "0", { refused: "At least 128 MiB is needed." }],
  [
    typedMemory,
    "1CiG",
    { refused: "1CiG is not a valid memory size. Write a number and a unit, such as 512M or 2G." },
  ],
  [typedMemory, "8G", { value: 8 * GIB, warning: "This host has 4 GiB of memory." }],
  [typedDisk, "100M", { refused: "At least 512 MiB is needed." }],
  [
    typedDisk,
    "-5G",
    { refused: "-5G is not a valid disk size. Write a number and a unit, such as 512M or 2G." },
  ],
])("%o reads %j", (read, text, expected) => {
  expect(read(text, host)).toEqual(expected);
});
