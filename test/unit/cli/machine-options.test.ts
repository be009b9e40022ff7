import { expect, test } from "vitest";
import type { Instance } from "../../../src/api/instance.ts";
import { hostArch } from "../../../src/base/paths.ts";
import { foreignArch, machineText, readyText } from "../../../src/cli/machine-formats.ts";
import { type MachineOptions, machineSpec, mediumReference } from "../../../src/cli/machine-options.ts";

test.each<[MachineOptions, object]>([
  [{}, {}],
  [
    { iso: "/a.iso", tpm: true, display: true },
    { iso: "/a.iso", tpm: true, display: true },
  ],
  [{ iso: "https://x.example/a.iso" }, { iso: "https://x.example/a.iso" }],
  [{ cloudInit: false }, { guest: "other" }],
  [{ cloudInit: true }, {}],
  [{ cloudInit: "file.yaml" }, {}],
  [{ cloudInit: false, guest: "windows" }, { guest: "windows" }],
  [
    { arch: "arm64", firmware: "uefi" },
    { arch: "aarch64", firmware: "uefi" },
  ],
  [{ arch: "AMD64" }, { arch: "x86_64" }],
])("%j asks for %j", (options, spec) => {
  expect(machineSpec(options)).toEqual(spec);
});

test("what contradicts itself, or is not known, is refused", () => {
  expect(() => machineSpec({ cloudInit: false, guest: "linux" })).toThrow(/contradict/);
  expect(() => machineSpec({ arch: "sparc" })).toThrow(/sparc is not a known architecture/);
  expect(mediumReference("a.iso")).toBe(`${process.cwd()}/a.iso`);
});

test("only what is not as usual is shown", () => {
  const usual = {
    state: "running",
    ready: true,
    guest: "linux",
    arch: hostArch(),
    firmware: "bios",
  } as Instance;
  expect([machineText(usual), readyText(usual), foreignArch(usual)]).toEqual([undefined, "", ""]);
  expect(machineText({ ...usual, display: true })).toBe("screen");
  expect(readyText({ ...usual, ready: false })).toBe(" (not ready)");
  const other = hostArch() === "x86_64" ? "aarch64" : "x86_64";
  const win = {
    ...usual,
    ready: false,
    guest: "windows",
    firmware: "uefi",
    tpm: true,
    arch: other,
  } as Instance;
  expect(readyText({ ...win, screen: "/run/x.vnc" })).toBe(" (its screen: VNC on /run/x.vnc)");
  expect(machineText({ ...win, medium: { reference: "/a.iso" } })).toContain("windows guest");
  expect(machineText({ ...win, medium: { reference: "/a.iso" } })).toMatch(/TPM, ISO \/a.iso$/);
  expect(foreignArch(win)).toBe(other === "aarch64" ? " (arm64)" : " (x86_64)");
});
