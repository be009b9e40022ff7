/** NICs of guests on networks of the host: which there may be, and giving them to instances. */
import type { HostNetwork, HostNic, NewHostNic } from "../../api/network.ts";
import { MOST_NICS } from "../../api/network.ts";
import { leadsOut, type NetworkMode } from "../../api/network-mode.ts";
import type { Operation } from "../../api/operation.ts";
import { EngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { Driver } from "../drivers/driver.ts";
import type { NetworksApi } from "../engine-core.ts";
import type { Log } from "../log.ts";
import { drawMac } from "../networks/addresses.ts";
import type { WorkCtx } from "../operations.ts";
import type { Finding } from "./check.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

export type HostNetworks = {
  list(): Promise<HostNetwork[]>;
  /** The name that `bridged` stands for; empty for none. */
  bridged(): string;
};

/** How the actions are begun; the manager. */
type Actions = {
  act(name: string, action: "add-network" | "remove-network", more: { nic: HostNic }): Operation;
};

const CHECK_MS = 30_000;
const BRIDGED = "bridged";
const CODE = { code: "network-unusable", severity: "error" } as const;

export class HostNics implements NetworksApi {
  readonly #keeper: Keeper;
  readonly #actions: Actions;
  readonly #networks: HostNetworks;
  readonly #log: Log;

  constructor(keeper: Keeper, actions: Actions, networks: HostNetworks, log: Log) {
    this.#keeper = keeper;
    this.#actions = actions;
    this.#networks = networks;
    this.#log = log;
  }

  list(): Promise<HostNetwork[]> {
    return this.#networks.list();
  }

  async attach(instance: string, wanted: NewHostNic): Promise<Operation> {
    const doing = `connect ${instance} to ${wanted.network}`;
    const entry = this.#keeper.find(instance, "connect");
    const driver = this.#keeper.driverOf(entry);
    const ctx = { signal: AbortSignal.timeout(CHECK_MS), progress: () => {}, log: this.#log };
    const found = await nicFindings(ctx, [wanted], driver, this.#networks);
    const { id, networks, network } = entry.record.descriptor;
    // No wait from here to the action, or two could be given the same MAC.
    const [refused] = [
      ...isolationFindings(network, [wanted]),
      ...found,
      ...macFindings(this.#keeper, [wanted], networks.length),
    ];
    if (refused?.error) {
      throw new EngineError(refused.error, `cannot ${doing}: ${refused.message}`, { hint: refused.hint });
    }
    const [nic] = planNics(this.#keeper, id, [wanted], this.#networks);
    return this.#actions.act(instance, "add-network", { nic: nic as HostNic });
  }

  async detach(instance: string, mac: string): Promise<Operation> {
    const { networks } = this.#keeper.find(instance, "take a NIC from").record.descriptor;
    const nic = networks.find((one) => one.mac === mac.toLowerCase());
    if (nic) return this.#actions.act(instance, "remove-network", { nic });
    throw new EngineError("not-found", `cannot take a NIC from ${instance}: it has none with ${mac}`, {
      hint: "Its networks tell which it has.",
    });
  }
}

/** What must not reach beyond its network has no such NIC either. Pure. */
export function isolationFindings(mode: NetworkMode | undefined, wanted: readonly NewHostNic[]): Finding[] {
  if (mode === undefined || leadsOut(mode) || wanted.length === 0) return [];
  const what = mode === "isolated" ? "an isolated instance" : "an instance in a private network";
  const message = `${what} has no NICs on networks of this host`;
  return [{ ...CODE, message, error: "invalid-argument" }];
}

/** What speaks against these NICs on this host. */
export async function nicFindings(
  ctx: Ctx,
  wanted: readonly NewHostNic[],
  driver: Driver,
  networks: HostNetworks,
): Promise<Finding[]> {
  if (wanted.length === 0) return [];
  const present = await networks.list();
  const found = await Promise.all(wanted.map((one) => networkFinding(ctx, one, driver, networks, present)));
  return found.flatMap((one) => one ?? []);
}

async function networkFinding(
  ctx: Ctx,
  { network }: NewHostNic,
  driver: Driver,
  networks: HostNetworks,
  present: readonly HostNetwork[],
): Promise<Finding | undefined> {
  const name = resolved(network, networks);
  if (name === "") {
    const hint = "Set it: berth set local.bridged-network=NAME; berth networks lists what there is.";
    return { ...CODE, message: "no network is set that bridged means", hint, error: "wrong-state" };
  }
  const one = present.find((other) => other.name === name);
  if (!one) {
    const hint = "berth networks lists what there is.";
    return { ...CODE, message: `this host has no network ${name}`, hint, error: "not-found" };
  }
  if (!driver.hostNetworks) {
    const message = `instances of ${driver.name} cannot be connected to networks of this host`;
    return { ...CODE, message, error: "not-supported" };
  }
  const problem = await driver.hostNetworks.problemWith(ctx, one);
  return problem && { ...problem, severity: "error", error: "missing-dependency" };
}

/** What speaks against the MACs that are asked for, and against so many NICs. */
export function macFindings(keeper: Keeper, wanted: readonly NewHostNic[], has = 0): Finding[] {
  const taken = macsIn(keeper);
  const found: Finding[] = [];
  if (wanted.length + has > MOST_NICS) {
    const message = `an instance can have at most ${MOST_NICS} NICs on networks of this host`;
    found.push({ ...CODE, message, error: "invalid-argument" });
  }
  for (const { mac } of wanted) {
    if (mac === undefined) continue;
    const reason = reasonAgainst(mac);
    if (reason) found.push({ ...CODE, code: "mac-invalid", message: reason, error: "invalid-argument" });
    else if (taken.has(mac.toLowerCase())) {
      const hint = "Leave it out, and one of its own is drawn.";
      const message = `the MAC address ${mac} is taken`;
      found.push({ ...CODE, code: "mac-taken", message, hint, error: "already-exists" });
    }
    taken.add(mac.toLowerCase());
  }
  return found;
}

/** Why it cannot be a NIC's own; undefined where it can. Pure. */
export function reasonAgainst(mac: string): string | undefined {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac)) return `Invalid MAC address: ${mac}`;
  if (/^00(:00){5}$/.test(mac)) return `the MAC address ${mac} is nobody's`;
  if (Number.parseInt(mac.slice(0, 2), 16) % 2 === 1) return `the MAC address ${mac} means many, not one`;
  return undefined;
}

/** The NICs with names and MACs of their own. */
export function planNics(
  keeper: Keeper,
  id: string,
  wanted: readonly NewHostNic[],
  networks: Pick<HostNetworks, "bridged">,
): HostNic[] {
  const taken = macsIn(keeper);
  for (const { mac } of wanted) if (mac !== undefined) taken.add(mac.toLowerCase());
  return wanted.map(({ network, mode, mac }) => {
    const own = mac?.toLowerCase() ?? drawMac(`${id}/${network}`, taken);
    taken.add(own);
    return { network: resolved(network, networks), mode, mac: own };
  });
}

/** Of every instance, those in the trash included: they may come back. */
export function macsIn(keeper: Keeper): Set<string> {
  const all = keeper.entries().flatMap(({ record }) => {
    const { mac, networks } = record.descriptor;
    return [mac, ...networks.map((one) => one.mac)];
  });
  return new Set(all);
}

function resolved(network: string, networks: Pick<HostNetworks, "bridged">): string {
  return network === BRIDGED ? networks.bridged() : network;
}

export async function addNetwork(keeper: Keeper, entry: Entry, ctx: WorkCtx, nic: HostNic): Promise<void> {
  const others = entry.record.descriptor.networks.filter(({ mac }) => mac !== nic.mac);
  await setNics(keeper, entry, ctx, [...others, nic]);
}

export async function removeNetwork(keeper: Keeper, entry: Entry, ctx: WorkCtx, nic: HostNic): Promise<void> {
  const left = entry.record.descriptor.networks.filter(({ mac }) => mac !== nic.mac);
  await setNics(keeper, entry, ctx, left);
}

async function setNics(keeper: Keeper, entry: Entry, ctx: WorkCtx, networks: HostNic[]): Promise<void> {
  ctx.commit();
  const driver = keeper.driverOf(entry);
  if (!driver.reseed) {
    const reason = `instances of ${driver.name} keep the NICs they have`;
    throw new EngineError("not-supported", `cannot connect ${nameOf(entry)}: ${reason}`);
  }
  await keeper.describe(entry, { networks });
  await driver.reseed(ctx, await keeper.driverInstance(entry));
}
