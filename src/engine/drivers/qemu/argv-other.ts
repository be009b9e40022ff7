/**
 * Devices of guests that are used by their screen. All of them have drivers in an installer of Windows, and so in any
 * other system: SATA or NVMe, an Intel network card, a plain display, USB. Pure.
 */
import type { Arch } from "../../../api/instance.ts";
import type { FirmwareKind, GuestKind } from "../../../api/machine.ts";
import type { DriverDisk } from "../driver.ts";
import { type DiskFile, deviceId, diskNode } from "./argv-disks.ts";
import { escaped } from "./argv-text.ts";
import type { Accelerator } from "./host.ts";

/** A chipset's SATA controller has six ports; the first disk and the CD-ROM drive take two. */
export const MOST_SATA_DISKS = 4;
const FIRST_SATA_PORT = 2;
const MOST_NVME_DISKS = 4;

export const CDROM = "cdrom";

export function mostOtherDisks(arch: Arch): number {
  return arch === "x86_64" ? MOST_SATA_DISKS : MOST_NVME_DISKS;
}

/** The disk before the drive: as long as nothing can be booted from it, the firmware goes on to the installer. */
export function otherDisks(arch: Arch, medium: string | undefined, disks: readonly DiskFile[]): string[] {
  const x86 = arch === "x86_64";
  const first = x86 ? "ide-hd,drive=disk,bus=ide.0" : "nvme,drive=disk,serial=disk";
  const drive = x86
    ? ["-device", `ide-cd,id=${CDROM},drive=medium,bus=ide.1,bootindex=2`]
    : ["-device", "usb-bot,id=bot", "-device", `scsi-cd,id=${CDROM},drive=medium,bus=bot.0,bootindex=2`];
  return [
    ...["-device", `${first},bootindex=1`],
    ...["-drive", mediumDrive(medium)],
    ...drive,
    ...disks.flatMap((one) => ["-blockdev", JSON.stringify(diskNode(one)), "-device", extra(arch, one)]),
  ];
}

/** A drive is there whether or not something is in it. */
function mediumDrive(file: string | undefined): string {
  const empty = "if=none,id=medium,media=cdrom,readonly=on";
  return file === undefined ? empty : `${empty},format=raw,file=${escaped(file)}`;
}

function extra(arch: Arch, { name, slot }: Pick<DriverDisk, "name" | "slot">): string {
  const id = deviceId({ name });
  const own = `id=${id},drive=${id},serial=${name}`;
  return arch === "x86_64" ? `ide-hd,${own},bus=ide.${FIRST_SATA_PORT + slot}` : `nvme,${own}`;
}

export function otherNic(arch: Arch, network: string, mac: string): string {
  return `${arch === "x86_64" ? "e1000e" : "virtio-net-pci"},netdev=${network},mac=${mac},romfile=`;
}

/** A display that a VNC viewer of this host's user can attach to, and a pointer that needs no capture. */
export function screen(arch: Arch, vnc: string): string[] {
  return [
    ...["-device", arch === "x86_64" ? "VGA,id=screen" : "ramfb,id=screen"],
    ...["-vnc", `unix:${escaped(vnc)}`],
  ];
}

export function usb(): string[] {
  const on = (device: string) => ["-device", `${device},bus=usb.0`];
  return ["-device", "qemu-xhci,id=usb", ...on("usb-tablet"), ...on("usb-kbd")];
}

/** Windows takes the hardware's clock for local time. */
export function clock(guest: GuestKind): string[] {
  return guest === "windows" ? ["-rtc", "base=localtime"] : [];
}

/** What lets Windows run well on KVM: it knows Hyper-V. */
export function enlightened(cpu: string, guest: GuestKind, accelerator: Accelerator): string {
  const x86 = "hv_relaxed,hv_vapic,hv_spinlocks=0x1fff,hv_time";
  return guest === "windows" && accelerator === "kvm" ? `${cpu},${x86}` : cpu;
}

/** Secure Boot is only as good as the protection of its variables: only code in system management mode may write them. */
export function secureBoot(firmware: FirmwareKind): string[] {
  if (firmware !== "uefi-secure") return [];
  const globals = [
    "driver=cfi.pflash01,property=secure,value=on",
    "driver=ICH9-LPC,property=disable_s3,value=1",
  ];
  return globals.flatMap((one) => ["-global", one]);
}

export function tpm(arch: Arch, socket: string | undefined): string[] {
  if (socket === undefined) return [];
  return [
    ...["-chardev", `socket,id=tpm,path=${escaped(socket)}`],
    ...["-tpmdev", "emulator,id=tpm,chardev=tpm"],
    ...["-device", `${arch === "x86_64" ? "tpm-crb" : "tpm-tis-device"},tpmdev=tpm`],
  ];
}
