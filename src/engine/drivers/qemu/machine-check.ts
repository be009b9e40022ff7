/** Whether this host can run a kind of machine, before anything of it is made. */
import type { Arch, Problem } from "../../../api/instance.ts";
import type { FirmwareKind } from "../../../api/machine.ts";
import { EngineError } from "../../../base/errors.ts";
import type { DriverInstance, MachineNeeds } from "../driver.ts";
import { findUefi, firmwareHint } from "./firmware.ts";
import { type Firmware, installHint } from "./host.ts";
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

/** What the guest boots by. Throws where that is not installed any more. */
export async function firmwareOf(
  platform: NodeJS.Platform,
  { arch, firmware, name }: Pick<DriverInstance, "arch" | "firmware" | "name">,
): Promise<Firmware | undefined> {
  const found = await findUefi(platform, arch, firmware);
  if (found || (firmware === "bios" && arch === "x86_64")) return found;
  const { message, hint } = firmwareMissing(platform, arch, firmware);
  throw new EngineError("missing-dependency", `cannot run ${name}: ${message}`, { hint });
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
