/** What kind of machine an instance is, as it is printed. Pure but for this computer's architecture. */
import type { Instance } from "../api/instance.ts";
import { hostArch } from "../base/paths.ts";

/** Of a guest that nothing of ours is in, nobody knows whether it is ready. */
export function readyText({ state, ready, guest, screen }: Instance): string {
  if (state !== "running") return "";
  if (guest !== "linux") return screen === undefined ? "" : ` (its screen: VNC on ${screen})`;
  return ready ? "" : " (not ready)";
}

/** What is not as it usually is; undefined where nothing is. */
export function machineText({ arch, guest, firmware, tpm, display, medium }: Instance): string | undefined {
  const words = [
    ...(arch === hostArch() ? [] : [archWord(arch)]),
    ...(guest === "linux" ? [] : [`${guest} guest`]),
    ...(firmware === "bios" || arch === "aarch64" ? [] : [firmware]),
    ...(tpm ? ["TPM"] : []),
    ...(display && guest === "linux" ? ["screen"] : []),
    ...(medium ? [`ISO ${medium.reference}`] : []),
  ];
  return words.length > 0 ? words.join(", ") : undefined;
}

/** What of an encrypted instance is, and what is not. */
export const ENCRYPTED =
  "its disks, snapshots and suspended memory; not its image, its cloud-init seed and logs";

/** Behind the image's name, where the architecture is not this computer's. */
export function foreignArch({ arch }: Pick<Instance, "arch">): string {
  return arch === hostArch() ? "" : ` (${archWord(arch)})`;
}

function archWord(arch: Instance["arch"]): string {
  return arch === "aarch64" ? "arm64" : arch;
}
