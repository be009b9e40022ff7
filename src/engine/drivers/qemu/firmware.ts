/** UEFI of x86-64 guests, which lies in a different place everywhere. Pure, but for `findUefi`. */
import path from "node:path";
import type { Arch } from "../../../api/instance.ts";
import type { FirmwareKind } from "../../../api/machine.ts";
import { exists } from "../../../base/durable.ts";
import { type Firmware, findFirmware } from "./host.ts";

type Uefi = Exclude<FirmwareKind, "bios">;

/** With Secure Boot only builds that enforce it, with variables in which Microsoft's keys are enrolled. */
export function uefiCandidates(platform: NodeJS.Platform, kind: Uefi): Firmware[] {
  const p = platform === "win32" ? path.win32 : path.posix;
  const pair = (folder: string, code: string, variables: string) => ({
    code: p.join(folder, code),
    variables: p.join(folder, variables),
  });
  const debian = "/usr/share/OVMF";
  if (kind === "uefi-secure") {
    if (platform !== "linux") return [];
    return [
      pair(debian, "OVMF_CODE_4M.ms.fd", "OVMF_VARS_4M.ms.fd"),
      pair(debian, "OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd"),
      pair("/usr/share/edk2/ovmf", "OVMF_CODE.secboot.fd", "OVMF_VARS.secboot.fd"),
      pair("/usr/share/qemu", "ovmf-x86_64-smm-ms-code.bin", "ovmf-x86_64-smm-ms-vars.bin"),
    ];
  }
  const fromQemu = (folder: string) => pair(folder, "edk2-x86_64-code.fd", "edk2-i386-vars.fd");
  if (platform === "darwin") return ["/opt/homebrew/share/qemu", "/usr/local/share/qemu"].map(fromQemu);
  if (platform === "win32") return ["C:\\Program Files\\qemu\\share"].map(fromQemu);
  return [
    pair(debian, "OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"),
    pair(debian, "OVMF_CODE.fd", "OVMF_VARS.fd"),
    pair("/usr/share/edk2/ovmf", "OVMF_CODE.fd", "OVMF_VARS.fd"),
    pair("/usr/share/edk2/x64", "OVMF_CODE.4m.fd", "OVMF_VARS.4m.fd"),
    pair("/usr/share/qemu", "ovmf-x86_64-4m-code.bin", "ovmf-x86_64-4m-vars.bin"),
    fromQemu("/usr/share/qemu"),
  ];
}

/** undefined where the guest boots by BIOS, or where what it needs is not installed. */
export async function findUefi(
  platform: NodeJS.Platform,
  arch: Arch,
  kind: FirmwareKind,
): Promise<Firmware | undefined> {
  if (arch === "aarch64") return findFirmware(platform, arch);
  if (kind === "bios") return undefined;
  for (const firmware of uefiCandidates(platform, kind)) {
    if ((await exists(firmware.code)) && (await exists(firmware.variables))) return firmware;
  }
  return undefined;
}

export function firmwareHint(platform: NodeJS.Platform, kind: FirmwareKind): string {
  if (platform === "linux")
    return "Install it: sudo apt install ovmf (Debian, Ubuntu) or sudo dnf install edk2-ovmf (Fedora)";
  if (kind === "uefi-secure")
    return "Use --firmware uefi: QEMU on this platform brings no keys for Secure Boot.";
  return platform === "darwin"
    ? "Install QEMU anew: brew reinstall qemu"
    : "Install QEMU anew: winget install SoftwareFreedomConservancy.QEMU";
}
