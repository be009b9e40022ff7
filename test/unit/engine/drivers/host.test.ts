/** What each host offers, where its programs and firmware lie, and how a user gets them. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import type { Arch } from "../../../../src/api/instance.ts";
import {
  type Accelerator,
  acceleratorHint,
  acceleratorsFor,
  findFirmware,
  findProgram,
  firmwareCandidates,
  installHint,
  programFolders,
  systemProgram,
  thisHost,
} from "../../../../src/engine/drivers/qemu/host.ts";

const PLATFORMS: NodeJS.Platform[] = ["linux", "darwin", "win32"];
const ARCHES: Arch[] = ["x86_64", "aarch64"];

afterEach(() => vi.unstubAllEnvs());

test.each<[NodeJS.Platform, Arch, Arch, Accelerator[]]>([
  ["linux", "x86_64", "x86_64", ["kvm", "tcg"]],
  ["linux", "aarch64", "aarch64", ["kvm", "tcg"]],
  ["linux", "x86_64", "aarch64", ["tcg"]],
  ["linux", "aarch64", "x86_64", ["tcg"]],
  ["darwin", "x86_64", "x86_64", ["hvf", "tcg"]],
  ["darwin", "aarch64", "aarch64", ["hvf", "tcg"]],
  ["darwin", "aarch64", "x86_64", ["tcg"]],
  ["win32", "x86_64", "x86_64", ["whpx", "tcg"]],
  ["win32", "aarch64", "aarch64", ["tcg"]],
  ["win32", "x86_64", "aarch64", ["tcg"]],
  ["freebsd", "x86_64", "x86_64", ["tcg"]],
])("on %s %s, guests of %s run by %j", (platform, arch, guest, accelerators) => {
  expect(acceleratorsFor({ platform, arch }, guest)).toEqual(accelerators);
});

test("only arm64 guests need firmware; code and variables are a pair of one folder, written as the host writes", () => {
  for (const platform of PLATFORMS) {
    expect(firmwareCandidates(platform, "x86_64")).toEqual([]);
    const pairs = firmwareCandidates(platform, "aarch64");
    expect(pairs.length).toBeGreaterThan(0);
    const p = platform === "win32" ? path.win32 : path.posix;
    for (const { code, variables } of pairs) {
      expect(p.isAbsolute(code)).toBe(true);
      expect(p.dirname(variables)).toBe(p.dirname(code));
      expect(p.normalize(code)).toBe(code);
      expect(variables).not.toBe(code);
    }
  }
});

test("x86-64 guests are never given firmware", async () => {
  expect(await findFirmware("linux", "x86_64")).toBeUndefined();
});

test("firmware for another platform's hosts is not found on this one", async () => {
  const other = process.platform === "win32" ? "darwin" : "win32";
  expect(await findFirmware(other, "aarch64")).toBeUndefined();
});

test("every platform has folders of its own to look in", () => {
  for (const platform of PLATFORMS) {
    const p = platform === "win32" ? path.win32 : path.posix;
    for (const folder of programFolders(platform)) expect(p.isAbsolute(folder)).toBe(true);
  }
  expect(programFolders("darwin")).toContain("/opt/homebrew/bin");
  expect(programFolders("win32")).toContain("C:\\Program Files\\qemu");
});

test.each([
  ["linux", "x86_64", ["qemu-system-x86 ", "qemu-utils", "qemu-img"]],
  ["linux", "aarch64", ["qemu-system-arm", "qemu-efi-aarch64", "edk2-aarch64"]],
  ["darwin", "x86_64", ["brew install qemu"]],
  ["darwin", "aarch64", ["brew install qemu"]],
  ["win32", "x86_64", ["winget install"]],
  ["win32", "aarch64", ["winget install"]],
] as [NodeJS.Platform, Arch, string[]][])(
  "on %s, QEMU for %s is got by its packages",
  (platform, arch, words) => {
    for (const word of words) expect(installHint(platform, arch)).toContain(word);
  },
);

test("an accelerator that does not work comes with its own way out", () => {
  expect(acceleratorHint("kvm")).toContain("group kvm");
  expect(acceleratorHint("whpx")).toContain("Windows Hypervisor Platform");
  expect(acceleratorHint("hvf")).toContain("Hypervisor framework");
});

test("this host is one of those we know", () => {
  expect(thisHost().platform).toBe(process.platform);
  expect(ARCHES).toContain(thisHost().arch);
  expect(ARCHES.map(systemProgram)).toEqual(["qemu-system-x86_64", "qemu-system-aarch64"]);
});

test("a program is looked for on PATH in its order, before the platform's folders, and must be executable", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "berth host, "));
  try {
    const [first, second] = [path.join(directory, "first"), path.join(directory, "second")];
    for (const folder of [first, second]) await mkdir(folder);
    vi.stubEnv("PATH", [first, second].join(path.delimiter));
    const name = "qemu-system-berth";
    expect(await findProgram(name, "linux")).toBeUndefined();
    await writeFile(path.join(second, name), "#!/bin/sh\n", { mode: 0o755 });
    expect(await findProgram(name, "linux")).toBe(path.join(second, name));
    await writeFile(path.join(first, name), "#!/bin/sh\n", { mode: 0o644 });
    expect(await findProgram(name, "linux")).toBe(path.join(second, name));
    await rm(path.join(first, name));
    await writeFile(path.join(first, name), "#!/bin/sh\n", { mode: 0o755 });
    expect(await findProgram(name, "linux")).toBe(path.join(first, name));
  } finally {
    await rm(directory, { recursive: true });
  }
});

test.runIf(process.platform === "linux")("without a PATH the platform's folders are looked in", async () => {
  vi.stubEnv("PATH", "");
  // Any program that is in one of them on every Linux host.
  expect(await findProgram("env", "linux")).toMatch(/^\/usr\/(local\/)?bin\/env$/);
  expect(await findProgram("berth-no-such-program", "linux")).toBeUndefined();
  expect(await findProgram("env", "win32")).toBeUndefined();
});
