/** Where UEFI lies, what is said where it does not, and how a swtpm is started. */
import { expect, test } from "vitest";
import type { Arch } from "../../../../src/api/instance.ts";
import type { FirmwareKind } from "../../../../src/api/machine.ts";
import { firmwareHint, uefiCandidates } from "../../../../src/engine/drivers/qemu/firmware.ts";
import { checkMachine, firmwareMissing } from "../../../../src/engine/drivers/qemu/machine-check.ts";
import { swtpmArgv, swtpmHint } from "../../../../src/engine/drivers/qemu/tpm.ts";

test.each([
  ["linux", "uefi", "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"],
  ["linux", "uefi-secure", "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"],
  [
    "darwin",
    "uefi",
    "/opt/homebrew/share/qemu/edk2-x86_64-code.fd",
    "/opt/homebrew/share/qemu/edk2-i386-vars.fd",
  ],
  [
    "win32",
    "uefi",
    "C:\\Program Files\\qemu\\share\\edk2-x86_64-code.fd",
    "C:\\Program Files\\qemu\\share\\edk2-i386-vars.fd",
  ],
] as [NodeJS.Platform, "uefi" | "uefi-secure", string, string][])(
  "on %s, %s is looked for first at %s",
  (platform, kind, code, variables) => {
    expect(uefiCandidates(platform, kind)[0]).toEqual({ code, variables });
  },
);

test("Secure Boot without enrolled keys is none: QEMU's own firmware is not taken for it", () => {
  for (const platform of ["darwin", "win32"] as const)
    expect(uefiCandidates(platform, "uefi-secure")).toEqual([]);
  for (const { variables } of uefiCandidates("linux", "uefi-secure")) expect(variables).toMatch(/ms|secboot/);
});

test.each([
  ["linux", "x86_64", "uefi", "ovmf"],
  ["linux", "x86_64", "uefi-secure", "ovmf"],
  ["linux", "aarch64", "uefi", "qemu-efi-aarch64"],
  ["darwin", "x86_64", "uefi", "brew"],
  ["win32", "x86_64", "uefi", "winget"],
  ["darwin", "x86_64", "uefi-secure", "--firmware uefi"],
] as [NodeJS.Platform, Arch, FirmwareKind, string][])(
  "on %s, what brings %s %s is named",
  (platform, arch, kind, word) => {
    expect(firmwareMissing(platform, arch, kind).hint).toContain(word);
  },
);

test("what is missing is told by its package", () => {
  expect(firmwareHint("linux", "uefi")).toContain("sudo apt install ovmf");
  expect(swtpmHint("linux")).toContain("sudo apt install swtpm");
  expect(swtpmHint("darwin")).toContain("brew install swtpm");
  expect(swtpmHint("win32")).not.toContain("install");
});

test("a swtpm keeps its state beside the instance and leaves with its QEMU", () => {
  expect(swtpmArgv("/usr/bin/swtpm", "/run/b/1.tpm")).toEqual([
    ...["/usr/bin/swtpm", "socket", "--tpm2", "--tpmstate", "dir=tpm,mode=0600"],
    ...["--ctrl", "type=unixio,path=/run/b/1.tpm,mode=0600", "--terminate"],
  ]);
});

test("a plain machine needs nothing more, and that it is emulated is passed on", async () => {
  const plain = { arch: "x86_64", guest: "linux", firmware: "bios", tpm: false } as const;
  const emulated = { code: "other-architecture", severity: "info", message: "emulated" } as const;
  const other = { code: "accelerator-unusable", severity: "warning", message: "no KVM" } as const;
  expect(await checkMachine("linux", plain, [emulated, other])).toEqual([emulated]);
});
