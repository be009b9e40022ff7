/** What differs between the hosts that QEMU runs on. Pure, but for what looks at this host itself. */
import { networkInterfaces } from "node:os";
import path from "node:path";
import type { Arch } from "../../../api/instance.ts";
import type { HostNetwork } from "../../../api/network.ts";
import { exists } from "../../../base/durable.ts";
import { hostArch } from "../../../base/paths.ts";
import { which } from "../../../base/run.ts";

export type Accelerator = "kvm" | "hvf" | "whpx" | "tcg";

export type Host = { platform: NodeJS.Platform; arch: Arch };

export function thisHost(): Host {
  return { platform: process.platform, arch: hostArch() };
}

/** Best first; emulation is always possible. Hardware helps only guests of the host's own architecture. */
export function acceleratorsFor(host: Host, guest: Arch): Accelerator[] {
  if (host.arch !== guest) return ["tcg"];
  if (host.platform === "linux") return ["kvm", "tcg"];
  if (host.platform === "darwin") return ["hvf", "tcg"];
  if (host.platform === "win32" && host.arch === "x86_64") return ["whpx", "tcg"];
  return ["tcg"];
}

/** Where installers put QEMU on hosts that do not put it on PATH. */
export function programFolders(platform: NodeJS.Platform): string[] {
  if (platform === "darwin") return ["/opt/homebrew/bin", "/usr/local/bin", "/opt/local/bin"];
  if (platform === "win32")
    return ["C:\\Program Files\\qemu", "C:\\msys64\\ucrt64\\bin", "C:\\msys64\\mingw64\\bin"];
  return ["/usr/bin", "/usr/local/bin", "/usr/libexec"];
}

export function systemProgram(guest: Arch): string {
  return `qemu-system-${guest}`;
}

/** The program's absolute path, or undefined where it is not installed. */
export async function findProgram(name: string, platform: NodeJS.Platform): Promise<string | undefined> {
  const onPath = await which(name);
  if (onPath) return onPath;
  const p = platform === "win32" ? path.win32 : path.posix;
  for (const folder of programFolders(platform)) {
    const file = await which(p.join(folder, name));
    if (file) return file;
  }
  return undefined;
}

/** UEFI code and the variables' template that goes with it. */
export type Firmware = { code: string; variables: string };

/** x86-64 guests use the BIOS that comes with QEMU; arm64 ones need UEFI, which lies in a different place everywhere. */
export function firmwareCandidates(platform: NodeJS.Platform, guest: Arch): Firmware[] {
  if (guest === "x86_64") return [];
  const pair = (folder: string, code: string, variables: string) => {
    const p = platform === "win32" ? path.win32 : path.posix;
    return { code: p.join(folder, code), variables: p.join(folder, variables) };
  };
  const fromQemu = (folder: string) => pair(folder, "edk2-aarch64-code.fd", "edk2-arm-vars.fd");
  if (platform === "darwin") return ["/opt/homebrew/share/qemu", "/usr/local/share/qemu"].map(fromQemu);
  if (platform === "win32") return ["C:\\Program Files\\qemu\\share"].map(fromQemu);
  return [
    pair("/usr/share/AAVMF", "AAVMF_CODE.fd", "AAVMF_VARS.fd"),
    pair("/usr/share/edk2/aarch64", "QEMU_EFI-pflash.raw", "vars-template-pflash.raw"),
    pair("/usr/share/edk2/aarch64", "QEMU_CODE.fd", "QEMU_VARS.fd"),
    fromQemu("/usr/share/qemu"),
  ];
}

export async function findFirmware(platform: NodeJS.Platform, guest: Arch): Promise<Firmware | undefined> {
  for (const firmware of firmwareCandidates(platform, guest)) {
    if ((await exists(firmware.code)) && (await exists(firmware.variables))) return firmware;
  }
  return undefined;
}

/** Where distributions put the program that makes taps on bridges, what it may do, and what runs its launcher. */
export const BRIDGE_HELPERS = [
  "/usr/lib/qemu/qemu-bridge-helper",
  "/usr/libexec/qemu-bridge-helper",
  "/usr/lib/qemu-bridge-helper",
  "/usr/local/libexec/qemu-bridge-helper",
];
export const BRIDGE_CONFIG = "/etc/qemu/bridge.conf";
export const PYTHONS = ["/usr/bin/python3", "/usr/local/bin/python3"];

/** What an interface of this host is now; undefined where it is gone. Windows' adapters are not looked at. */
export async function interfaceType(
  platform: NodeJS.Platform,
  name: string,
): Promise<HostNetwork["type"] | undefined> {
  if (platform === "win32") return "other";
  if (platform === "darwin") return Object.hasOwn(networkInterfaces(), name) ? "other" : undefined;
  const folder = path.posix.join("/sys/class/net", name);
  if (!(await exists(folder))) return undefined;
  if (await exists(path.posix.join(folder, "bridge"))) return "bridge";
  return (await exists(path.posix.join(folder, "wireless"))) ? "wifi" : "ethernet";
}

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** How a user gets QEMU here. */
export function installHint(platform: NodeJS.Platform, guest: Arch): string {
  const arm = guest === "aarch64";
  if (platform === "darwin") return "Install it: brew install qemu";
  if (platform === "win32") return "Install it: winget install SoftwareFreedomConservancy.QEMU";
  const debian = arm ? "qemu-system-arm qemu-efi-aarch64" : "qemu-system-x86";
  const fedora = arm ? "qemu-system-aarch64 edk2-aarch64" : "qemu-system-x86";
  return `Install it: sudo apt install ${debian} qemu-utils (Debian, Ubuntu) or sudo dnf install ${fedora} qemu-img (Fedora)`;
}

/** What keeps an accelerator from working, by the platform's usual reasons. */
export function acceleratorHint(accelerator: Accelerator): string {
  if (accelerator === "kvm") {
    return "Guests run emulated, which is many times slower. Enable virtualisation in the firmware (or nested virtualisation in the outer machine), and add yourself to the group kvm.";
  }
  if (accelerator === "whpx") {
    return "Guests run emulated, which is many times slower. Turn on the Windows feature “Windows Hypervisor Platform”, then restart.";
  }
  return "Guests run emulated, which is many times slower. Check that QEMU is signed for the Hypervisor framework.";
}
