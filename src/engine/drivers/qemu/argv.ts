/** QEMU's command line for an instance. Pure: everything it depends on is a parameter, so it is tested in tables. */
import { createHash } from "node:crypto";
import type { Arch } from "../../../api/instance.ts";
import type { FirmwareKind, GuestKind } from "../../../api/machine.ts";
import type { HostNic } from "../../../api/network.ts";
import { leadsOut, type NetworkMode } from "../../../api/network-mode.ts";
import type { Subnet } from "../driver.ts";
import { serialPort } from "./argv-console.ts";
import { type DiskFile, diskPorts, extraDisks, isExtraDisk, qcow2Node } from "./argv-disks.ts";
import { clock, enlightened, otherDisks, otherNic, screen, secureBoot, tpm, usb } from "./argv-other.ts";
import { escaped } from "./argv-text.ts";
import type { Accelerator } from "./host.ts";
import type { Share } from "./shares.ts";

export type ArgvInput = {
  platform: NodeJS.Platform;
  program: string;
  arch: Arch;
  accelerator: Accelerator;
  id: string;
  name: string;
  cpus: number;
  memoryBytes: number;
  mac: string;
  address: string;
  subnet: Subnet;
  /** What the guest reaches. */
  network: NetworkMode;
  /** Path of the Unix socket of its LAN NIC; absent where it cannot or must not have one. */
  lan?: string | undefined;
  /** The versioned machine that its memory was made with; left out: this QEMU's newest. */
  machine?: string | undefined;
  /** NICs on networks of this host. */
  networks: readonly Pick<HostNic, "network" | "mac">[];
  /** It shall wait for the memory of a suspended guest, and go on with that. */
  incoming?: boolean;
  shares: readonly Share[];
  disks: readonly DiskFile[];
  /** Arguments that give the key of its disks; absent where they are not encrypted. */
  keys?: readonly string[] | undefined;
  guest: GuestKind;
  /** A screen; any guest but Linux has one anyway. */
  display: boolean;
  firmware: FirmwareKind;
  files: {
    disk: string;
    /** Where what the disk lacks still is served. */
    awaited?: string | undefined;
    /** Of a guest with cloud-init. */
    seed: string;
    /** Of any other guest: the Unix socket of its screen, and what is in its drive. */
    vnc: string;
    medium?: string | undefined;
    /** The Unix socket of its TPM, where it has one. */
    tpm?: string | undefined;
    serialLog: string;
    /** The Unix socket of its serial port. */
    console: string;
    /** Path of a Unix socket; on Windows the name of a pipe, without `\\.\pipe\`. */
    monitor: string;
    /** UEFI, where the architecture needs it. */
    firmware?: { code: string; variables: string } | undefined;
  };
};

export const SSH_PORT = 22;

export function qemuArgv(input: ArgvInput): string[] {
  const { files } = input;
  return [
    input.program,
    "-nodefaults",
    "-no-user-config",
    ...sandbox(input.platform),
    ...["-name", `guest=${escaped(input.name)},debug-threads=on`],
    ...["-uuid", input.id],
    ...(input.keys ?? []),
    ...["-machine", `${machine(input)}${sharedMemory(input) ? ",memory-backend=ram" : ""}${undumped(input)}`],
    ...(sharedMemory(input) ? ["-object", `memory-backend-memfd,id=ram,size=${memory(input)},share=on`] : []),
    ...["-accel", accelerator(input.accelerator)],
    ...["-cpu", enlightened(cpuModel(input.arch, input.accelerator), input.guest, input.accelerator)],
    ...["-smp", String(input.cpus)],
    ...["-m", memory(input)],
    ...["-display", "none"],
    ...["-chardev", monitor(input.platform, files.monitor)],
    ...["-mon", "chardev=monitor,mode=control"],
    ...["-chardev", serialPort(input.platform, files, input.incoming ?? false)],
    ...["-serial", "chardev:serial"],
    ...secureBoot(input.firmware),
    ...firmware(files.firmware),
    ...["-blockdev", JSON.stringify(firstNode(input))],
    ...(input.guest === "linux" ? linuxDevices(input) : otherDevices(input)),
    ...tpm(input.arch, files.tpm),
    ...(input.incoming ? ["-incoming", "defer"] : []),
  ];
}

function firstNode({ files, keys }: ArgvInput) {
  return qcow2Node("disk", files.disk, keys !== undefined, files.awaited);
}

function linuxDevices(input: ArgvInput): string[] {
  return [
    ...["-device", "virtio-blk-pci,drive=disk,bootindex=1"],
    ...["-blockdev", seed(input.files.seed)],
    ...["-device", "virtio-blk-pci,drive=seed"],
    ...["-netdev", userNetwork(input)],
    ...["-device", nic("net", outwardMac(input.mac))],
    ...lan(input),
    ...hostNics(input, nic),
    ...["-object", "rng-builtin,id=rng"],
    ...["-device", "virtio-rng-pci,rng=rng"],
    ...input.shares.flatMap(share),
    ...diskPorts(),
    ...extraDisks(input.disks),
    ...(input.display ? [...usb(), ...screen(input.arch, input.files.vnc)] : []),
  ];
}

function otherDevices(input: ArgvInput): string[] {
  const { arch, files } = input;
  return [
    ...usb(),
    ...otherDisks(arch, files.medium, input.disks),
    ...["-netdev", userNetwork(input)],
    ...["-device", otherNic(arch, "net", outwardMac(input.mac))],
    ...hostNics(input, (network, mac) => otherNic(arch, network, mac)),
    ...screen(arch, files.vnc),
    ...clock(input.guest),
  ];
}

function memory({ memoryBytes }: ArgvInput): string {
  return `${Math.floor(memoryBytes / 2 ** 20)}M`;
}

/** A virtiofsd reads and writes the guest's memory itself. */
function sharedMemory({ shares }: ArgvInput): boolean {
  return shares.some(({ filesystem }) => filesystem === "virtiofs");
}

/** What an encrypted guest has in memory shall be in no core file either. */
function undumped({ keys }: ArgvInput): string {
  return keys ? ",dump-guest-core=off" : "";
}

/** 9p's `none` keeps each file as whose it is, and leaves alone what the engine's user may not change. */
function share(one: Share, index: number): string[] {
  const { tag } = one;
  if (one.filesystem === "virtiofs") {
    const socket = `socket,id=share${index},path=${escaped(one.socket)}`;
    return ["-chardev", socket, "-device", `vhost-user-fs-pci,chardev=share${index},tag=${tag}`];
  }
  const files = `local,id=share${index},path=${escaped(one.source)},security_model=none,multidevs=remap`;
  return ["-fsdev", files, "-device", `virtio-9p-pci,fsdev=share${index},mount_tag=${tag}`];
}

/** Options of which the guest sees nothing: where things lie on the host, and how the host reaches in. */
const HOST_ONLY = new Set(
  "sandbox name display vnc chardev mon serial blockdev drive netdev fsdev incoming"
    .split(" ")
    .map((one) => `-${one}`),
);

/**
 * A digest of the virtual hardware: a guest's memory fits only the one it was made with. What can be plugged in while
 * it runs is left out.
 */
export function hardwareOf(argv: readonly string[]): string {
  const kept: string[] = [];
  let option = "";
  const fixed = argv.filter((word, index) => !isExtraDisk(word) && !isExtraDisk(argv[index + 1] ?? ""));
  for (const word of fixed.slice(1)) {
    if (word.startsWith("-")) option = word;
    // A key is given in other words at every start.
    if (!HOST_ONLY.has(option) && !word.startsWith("secret,")) kept.push(word);
  }
  return createHash("sha256").update(kept.join("\0")).digest("hex");
}

/** QEMU's seccomp filter exists on Linux only. */
function sandbox(platform: NodeJS.Platform): string[] {
  if (platform !== "linux") return [];
  return ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"];
}

function machine({ arch, machine, firmware }: ArgvInput): string {
  if (arch === "aarch64") return `${machine ?? "virt"},gic-version=max`;
  return `${machine ?? "q35"},vmport=off${firmware === "uefi-secure" ? ",smm=on" : ""}`;
}

function accelerator(name: Accelerator): string {
  return name === "tcg" ? "tcg,thread=multi" : name;
}

/**
 * Emulation is quickest with a plain model: `max` costs a fifth to two fifths of the boot. The added instructions make
 * it x86-64-v2, which several distributions need.
 */
export function cpuModel(arch: Arch, name: Accelerator): string {
  if (name === "kvm" || name === "hvf") return "host";
  if (arch === "aarch64") return "cortex-a72";
  const v2 = "+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+lahf-lm";
  return name === "whpx" ? `Westmere,${v2}` : `qemu64,${v2}`;
}

function monitor(platform: NodeJS.Platform, path: string): string {
  if (platform === "win32") return `pipe,id=monitor,path=${escaped(path)}`;
  return `socket,id=monitor,path=${escaped(path)},server=on,wait=off`;
}

function firmware(files: ArgvInput["files"]["firmware"]): string[] {
  if (!files) return [];
  return [
    ...["-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${escaped(files.code)}`],
    ...["-drive", `if=pflash,format=raw,unit=1,file=${escaped(files.variables)}`],
  ];
}

function seed(path: string): string {
  const file = { driver: "file", filename: path, "read-only": true };
  return JSON.stringify({ driver: "raw", "node-name": "seed", "read-only": true, file });
}

function nic(network: string, mac: string): string {
  return `virtio-net-pci,netdev=${network},mac=${mac},romfile=`;
}

/** The MAC of the NIC that leads out. Its network has no other guest in it, so it need only differ within the guest. */
export function outwardMac(mac: string): string {
  const octets = mac.split(":");
  const flipped = Number.parseInt(octets[2] ?? "0", 16) ^ 1;
  return octets.with(2, flipped.toString(16).padStart(2, "0")).join(":");
}

/** QEMU listens, so that the engine may come and go; while nobody is connected, frames are dropped. */
function lan({ lan: socket, mac }: ArgvInput): string[] {
  if (socket === undefined) return [];
  const listening = `stream,id=lan,server=on,addr.type=unix,addr.path=${escaped(socket)}`;
  return ["-netdev", listening, "-device", nic("lan", mac)];
}

/** The descriptor under which QEMU has the tap of its first NIC on a network of this host; the others follow. */
export const FIRST_TAP = 64;

function hostNics(
  { platform, networks }: Pick<ArgvInput, "platform" | "networks">,
  device: (network: string, mac: string) => string,
): string[] {
  return networks.flatMap(({ network, mac }, number) => {
    const id = `host${number}`;
    return ["-netdev", hostNetwork(platform, id, network, number), "-device", device(id, mac)];
  });
}

function hostNetwork(platform: NodeJS.Platform, id: string, network: string, number: number): string {
  if (platform === "darwin") return `vmnet-bridged,id=${id},ifname=${escaped(network)}`;
  if (platform === "win32") return `tap,id=${id},ifname=${escaped(network)}`;
  return `tap,id=${id},fd=${FIRST_TAP + number}`;
}

/** The guest's address in the network that leads out: its own one only where no other NIC has that. */
export function outwardAddress({
  lan,
  subnet,
  address,
}: Pick<ArgvInput, "lan" | "subnet" | "address">): string {
  return lan === undefined ? address : subnet.nat.address;
}

/** Port 0 lets the kernel choose the host's port when it is bound, so that none can be lost in between. */
function userNetwork(input: ArgvInput): string {
  const address = outwardAddress(input);
  const { cidr, gateway, dns } = input.lan === undefined ? input.subnet : input.subnet.nat;
  const forward = `hostfwd=tcp:127.0.0.1:0-${address}:${SSH_PORT}`;
  const restrict = leadsOut(input.network) ? "" : "restrict=on,";
  return `user,id=net,net=${cidr},host=${gateway},dns=${dns},dhcpstart=${address},ipv6=off,${restrict}${forward}`;
}

/** The host's port of the SSH forward, from what the monitor's `info usernet` prints; undefined where it is absent. */
export function forwardedPort(usernet: string, guestPort = SSH_PORT): number | undefined {
  for (const line of usernet.split("\n")) {
    const match = /^\s*TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)/.exec(line);
    if (match && Number(match[2]) === guestPort) return Number(match[1]);
  }
  return undefined;
}
