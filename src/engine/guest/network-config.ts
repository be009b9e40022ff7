/**
 * What a guest is told of its NICs: cloud-init's network configuration, version 2, which all its renderers read. Pure.
 */
import { cloudYaml } from "./cloud-yaml.ts";

export type GuestNic = {
  /**
   * What the guest calls it. A name of ours, for images bring configurations that take in whatever is called `en*` or
   * `eth*`, and older cloud-inits find a NIC by nothing but its name.
   */
  name: string;
  mac: string;
  /** Address and length of its prefix. Left out: asked for by DHCP. */
  address?: string;
  /** Left alone but for its name: neither asked for nor given. */
  unconfigured?: boolean;
  /** Of the routes that DHCP brings; the lower one wins. */
  routeMetric?: number;
  /** The guest's boot does not wait for it. */
  optional?: boolean;
  /** Whom to ask for the names of which domains. */
  nameservers?: { addresses: readonly string[]; search: readonly string[] };
};

export function networkConfig(nics: readonly GuestNic[]): string {
  const ethernets = Object.fromEntries(nics.map((nic) => [nic.name, ethernetOf(nic)]));
  return cloudYaml({ version: 2, ethernets });
}

function ethernetOf(nic: GuestNic): Record<string, unknown> {
  const { name, mac, address, optional, nameservers, routeMetric } = nic;
  return {
    match: { macaddress: mac },
    "set-name": name,
    dhcp4: asksForAddress(nic),
    ...(address === undefined ? {} : { addresses: [address] }),
    ...(routeMetric === undefined ? {} : { "dhcp4-overrides": { "route-metric": routeMetric } }),
    ...(optional ? { optional } : {}),
    ...(nameservers ? { nameservers } : {}),
  };
}

function asksForAddress({ address, unconfigured }: GuestNic): boolean {
  return address === undefined && !unconfigured;
}
