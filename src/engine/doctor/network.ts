/** Routes that take packets away from guests, or from where they want to go: VPNs above all. */
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import type { Finding } from "../../api/finding.ts";
import { formatAddress, overlap, parseNetwork } from "../networks/addresses.ts";

/** A route of this host; without `mtu` where the system does not tell. */
export type HostRoute = { interface: string; cidr: string; mtu?: number | undefined };

/** Interfaces of virtual private networks, which take routes and names over. */
const VPN = /^(tun|tap|utun|wg|ppp|tailscale|zt|nordlynx|ipsec|gpd)\d*/i;
/** Below this, packets of ordinary size are cut up or lost on their way through a tunnel. */
const LOW_MTU = 1400;
const DEFAULT_ROUTE = "0.0.0.0/0";
/** Two halves that some VPNs set in the place of the default route. */
const HALVES = ["0.0.0.0/1", "128.0.0.0/1"];

export async function routeFindings(subnet: string): Promise<Finding[]> {
  const routes = (await linuxRoutes()) ?? interfaceRoutes();
  return networkFindings(routes, Object.keys(networkInterfaces()), subnet);
}

/** Pure. */
export function networkFindings(
  routes: readonly HostRoute[],
  interfaces: readonly string[],
  subnet: string,
): Finding[] {
  const what = "Network";
  const out = routes.filter(({ cidr }) => cidr === DEFAULT_ROUTE || HALVES.includes(cidr));
  const tunnel = out.find((route) => VPN.test(route.interface));
  const vpns = interfaces.filter((name) => VPN.test(name));
  const low = out.find(({ mtu }) => mtu !== undefined && mtu < LOW_MTU);
  const found: Finding[] = [];
  const warn = (text: string, hint: string) => found.push({ what, verdict: "warning", text, hint });
  if (tunnel) {
    const hint = "Guests go out as this host does, through it. If they cannot, try with the VPN off.";
    warn(`everything goes out through a VPN: ${tunnel.interface}`, hint);
  } else if (vpns.length > 0) {
    const hint =
      "Guests go out as this host does. What they cannot reach may lie behind it: try with the VPN off.";
    warn(`a VPN may be up: ${vpns.join(", ")}`, hint);
  }
  if (low) {
    const hint =
      "If downloads in guests hang, make their packets smaller: sudo ip link set mtu 1280 dev NIC in the guest.";
    warn(`${low.interface} takes packets of at most ${low.mtu} bytes`, hint);
  }
  const meets = routes.filter(
    ({ cidr }) => !out.some((one) => one.cidr === cidr) && overlap(parseNetwork(cidr), parseNetwork(subnet)),
  );
  for (const { interface: name, cidr } of meets) {
    const hint =
      "Guests cannot reach that network, for their own addresses lie in it. Leave that network, or its VPN.";
    warn(`the guests' network ${subnet} meets ${cidr}, which ${name} leads to`, hint);
  }
  if (found.length > 0) return found;
  return [{ what, verdict: "ok", text: "no VPN's interface is up, and no route meets the guests' network" }];
}

/** Undefined where the kernel has no such list. */
async function linuxRoutes(): Promise<HostRoute[] | undefined> {
  const text = await readFile("/proc/net/route", "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  return Promise.all(
    parseRoutes(text).map(async (route) => {
      const file = `/sys/class/net/${route.interface}/mtu`;
      const mtu = Number(await readFile(file, "utf8").catch(() => Number.NaN));
      return { ...route, mtu: Number.isInteger(mtu) && mtu > 0 ? mtu : undefined };
    }),
  );
}

/** `/proc/net/route`: addresses in hexadecimal, least significant byte first. Pure. */
export function parseRoutes(text: string): HostRoute[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [name, destination, , flags, , , , mask] = line.trim().split(/\s+/);
      if (!name || !destination || !flags || !mask || (Number.parseInt(flags, 16) & 1) === 0) return [];
      const bits = [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === "1").length;
      return [{ interface: name, cidr: `${littleEndian(destination)}/${bits}` }];
    });
}

function littleEndian(hex: string): string {
  return formatAddress(Number.parseInt(hex.match(/../g)?.reverse().join("") ?? "0", 16));
}

/** Elsewhere what the interfaces' own addresses say. */
function interfaceRoutes(): HostRoute[] {
  return Object.entries(networkInterfaces()).flatMap(([name, all]) =>
    (all ?? []).flatMap(({ family, cidr, internal }) =>
      family === "IPv4" && cidr && !internal ? [{ interface: name, cidr }] : [],
    ),
  );
}
