/** Whether this host can run a kind of machine, before anything of it is made. */
import type { Arch, Problem } from "../../../api/instance.ts";
import type { FirmwareKind } from "../../../api/machine.ts";
import type { MachineNeeds } from "../driver.ts";
import { findUefi, firmwareHint } from "./firmware.ts";
import { installHint } from "./host.ts";
import { findSwtpm, swtpmHint } from "./tpm.ts";

/** `known` is what the probe found out of this architecture. */
export async function checkMachine(
  platform: NodeJS.Platform,
  { arch, firmware, tpm }: MachineNeeds,
  known: readonly Problem[],
): Promise<Problem[]> {
  const problems = known.filter(({ code }) => code === "other-architecture");
  if (firmware !== "bios" && !(await findUefi(platform, arch, firmware)))
    problems.push(firmwareMissing(platform, arch, firmware));
  if (tpm && !(await findSwtpm(platform))) {
    const message = "swtpm, which makes a guest's TPM, is not installed";
    problems.push({ code: "swtpm-missing", severity: "error", message, hint: swtpmHint(platform) });
  }
  return problems;
}

export function firmwareMissing(
  platform: NodeJS.Platform,
  arch: Arch,
  kind: FirmwareKind,
): Problem & { hint: string } {
  const what = kind === "uefi-secure" ? "UEFI firmware with Secure Boot" : "UEFI firmware";
  const message = `no ${what} for ${arch} guests was found`;
  const hint = arch === "aarch64" ? installHint(platform, arch) : firmwareHint(platform, kind);
  return { code: "firmware-missing", severity: "error", message, hint };
}
