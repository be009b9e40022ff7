/**
 * The engine's subnet and what every instance has of its own in it. Pure: host facts, what is taken and chance are
 * parameters.
 */
import { createHash } from "node:crypto";
import { EngineError } from "../../base/errors.ts";
import type { Subnet } from "../drivers/driver.ts";

/** IPv4 network as its first address and its number of leading bits. */
export type Network = { base: number; bits: number };

export function parseAddress(text: string): number {
  const parts = text.split(".");
  const bytes = parts.map(Number);
  if (parts.length !== 4 || bytes.some((byte) => !Number.isInteger(byte) || byte < 0 || byte > 255)) {
    throw new EngineError("invalid-argument", `cannot use the address ${text}: it is not an IPv4 address`);
  }
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

export function parseNetwork(cidr: string): Network {
  const [address = "", bits = "32"] = cidr.split("/");
  const size = 2 ** (32 - Number(bits));
  return { base: Math.floor(parseAddress(address) / size) * size, bits: Number(bits) };
}

export function contains(network: Network, address: number): boolean {
  return address >= network.base && address < network.base + sizeOf(network);
}

export function overlap(a: Network, b: Network): boolean {
  return contains(a, b.base) || contains(b, a.base);
}

/** Ranges that guests or hosts often use although no interface shows them now: QEMU's own default, Kubernetes. */
const AVOIDED = ["10.0.0.0/16", "10.96.0.0/12", "10.244.0.0/16", "10.42.0.0/15"].map(parseNetwork);

/**
 * A 10.x.0.0/16 that meets no network of the host's interfaces (`taken`, as CIDR texts; IPv6 ones are ignored).
 * `seed` is any text; the same one gives the same choice.
 */
export function chooseSubnet(taken: readonly string[], seed: string): Subnet {
  const used = taken.filter((cidr) => !cidr.includes(":")).map(parseNetwork);
  const first = hashOf(seed, "subnet") % 256;
  const candidates = Array.from({ length: 256 }, (_, i) => parseNetwork(`10.${(first + i) % 256}.0.0/16`));
  const free = candidates.filter((candidate) => !used.some((network) => overlap(network, candidate)));
  const best = free.find((candidate) => !AVOIDED.some((network) => overlap(network, candidate))) ?? free[0];
  // A host inside 10.0.0.0/8 (some VPNs): guests are behind translation, so only what they cannot reach suffers.
  return subnetOf(best ?? (candidates[0] as Network));
}

/** The subnet that an address of ours lies in, for an engine that lost its settings but not its instances. */
export function subnetAround(address: string): Subnet {
  return subnetOf(parseNetwork(`${address}/16`));
}

/** Its last 256 addresses are the way out. */
function subnetOf(network: Network): Subnet {
  const nat = { base: network.base + sizeOf(network) - 256, bits: 24 };
  return { ...placesOf(network), nat: { ...placesOf(nat), address: formatAddress(nat.base + RESERVED) } };
}

function placesOf({ base, bits }: Network): { cidr: string; gateway: string; dns: string } {
  const at = (offset: number) => formatAddress(base + offset);
  return { cidr: `${at(0)}/${bits}`, gateway: at(1), dns: at(2) };
}

/** Addresses at the subnet's begin that are kept for the gateway, DNS and what may come. */
const RESERVED = 16;

/** An address derived from the instance's id, the next free one where that is taken. `no-resources` when all are. */
export function drawAddress(subnet: Subnet, id: string, taken: ReadonlySet<string>): string {
  const network = parseNetwork(subnet.cidr);
  const nat = parseNetwork(subnet.nat.cidr);
  const count = sizeOf(network) - RESERVED - 1;
  const first = hashOf(id, "address") % count;
  for (let i = 0; i < count; i += 1) {
    const value = network.base + RESERVED + ((first + i) % count);
    const address = formatAddress(value);
    if (!taken.has(address) && !contains(nat, value)) return address;
  }
  throw new EngineError("no-resources", `cannot draw an address: all of ${subnet.cidr} are taken`, {
    hint: "Purge deleted instances.",
  });
}

/** A MAC of QEMU's locally administered range, derived from the instance's id, drawn anew where it is taken. */
export function drawMac(id: string, taken: ReadonlySet<string>): string {
  for (let attempt = 0; ; attempt += 1) {
    const tail = hashOf(`${id}/${attempt}`, "mac") % 2 ** 24;
    const mac = `52:54:00:${[16, 8, 0].map((shift) => byteOf(tail, shift)).join(":")}`;
    if (!taken.has(mac)) return mac;
  }
}

function byteOf(value: number, shift: number): string {
  return ((value >>> shift) & 0xff).toString(16).padStart(2, "0");
}

function sizeOf(network: Network): number {
  return 2 ** (32 - network.bits);
}

function hashOf(text: string, purpose: string): number {
  return createHash("sha256").update(`${purpose}\0${text}`).digest().readUInt32BE(0);
}
