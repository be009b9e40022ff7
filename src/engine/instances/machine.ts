/** What kind of machine a launch asks for: what is left open is decided, and what contradicts itself is told. Pure. */
import { type Arch, DEFAULTS } from "../../api/instance.ts";
import { type FirmwareKind, type GuestKind, INSTALL_DEFAULTS } from "../../api/machine.ts";
import type { MachineNeeds } from "../drivers/driver.ts";
import type { BaseImage } from "../store/record.ts";
import type { Finding, Sizes } from "./check.ts";
import type { ParsedSpec } from "./plan.ts";

/** Of an instance whose disk began empty. */
export const BLANK_IMAGE: BaseImage = {
  id: "blank",
  path: "none",
  format: "qcow2",
  sizeBytes: 0,
  virtualBytes: 0,
  user: "none",
};

export function isBlank(base: Pick<BaseImage, "id"> | undefined): boolean {
  return base?.id === BLANK_IMAGE.id;
}

/** What an installer is given to install to. */
export function startsBlank({ image, iso }: Pick<ParsedSpec, "image" | "iso">): boolean {
  return image === undefined && iso !== undefined;
}

/** An installer, unless told otherwise, is of a guest that nothing is known of. */
export function machineOf(spec: ParsedSpec, host: Arch): MachineNeeds {
  const arch = spec.arch ?? host;
  const guest = spec.guest ?? (spec.iso === undefined ? "linux" : "other");
  return { arch, guest, firmware: spec.firmware ?? usualFirmware(arch, guest), tpm: spec.tpm ?? false };
}

/** Nobody could use a guest without SSH that has none. */
export function hasDisplay({ guest, display }: { guest: GuestKind; display?: boolean | undefined }): boolean {
  return guest !== "linux" || display === true;
}

/** Arm has no other; Windows installs itself for UEFI best; everything else is quickest by BIOS. */
function usualFirmware(arch: Arch, guest: GuestKind): FirmwareKind {
  return arch === "aarch64" || guest === "windows" ? "uefi" : "bios";
}

export function sizesOf(spec: ParsedSpec, { guest }: Pick<MachineNeeds, "guest">): Sizes {
  const usual = guest === "linux" ? DEFAULTS : startsBlank(spec) ? INSTALL_DEFAULTS[guest] : DEFAULTS;
  return {
    cpus: spec.cpus ?? usual.cpus,
    memoryBytes: spec.memoryBytes ?? usual.memoryBytes,
    diskBytes: spec.diskBytes ?? usual.diskBytes,
  };
}

export function machineFindings(spec: ParsedSpec, { arch, guest, firmware }: MachineNeeds): Finding[] {
  const findings: Finding[] = [];
  const refuse = (code: string, message: string, hint?: string) =>
    findings.push({
      ...{ code, severity: "error", message, error: "invalid-argument" },
      ...(hint === undefined ? {} : { hint }),
    });
  if (arch === "aarch64" && firmware === "bios")
    refuse("firmware-impossible", "arm64 guests boot by UEFI only", "Leave out the firmware.");
  if (arch === "aarch64" && firmware === "uefi-secure")
    refuse("firmware-impossible", "Secure Boot is there for x86_64 guests only", "Use uefi.");
  if (guest === "linux" && spec.iso !== undefined)
    refuse(
      "iso-impossible",
      "a guest that cloud-init makes ready has no CD-ROM drive",
      "Leave out the guest.",
    );
  if (guest !== "linux" && spec.display === false)
    refuse("display-impossible", "a guest that is used by its screen cannot be without one");
  if (guest !== "linux" && spec.userData !== undefined)
    refuse("user-data-impossible", "user-data is given, but the guest has no cloud-init to read it");
  if (guest !== "linux" && spec.mounts && spec.mounts.length > 0)
    refuse("mount-impossible", "mounts are asked for, but Berth has no login in the guest to make them");
  return findings;
}
