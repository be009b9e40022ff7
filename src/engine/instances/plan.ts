/** From what a launch asks for to what will be journaled of it. */

import { randomUUID } from "node:crypto";
import { DEFAULT_PROJECT } from "../../api/access.ts";
import type { DriverInfo } from "../../api/engine-info.ts";
import {
  DEFAULTS,
  type LaunchSpec,
  LaunchSpec as LaunchSpecSchema,
  type Problem,
} from "../../api/instance.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { Driver, MachineNeeds } from "../drivers/driver.ts";
import type { Log } from "../log.ts";
import { drawMac } from "../networks/addresses.ts";
import type { Descriptor } from "../store/record.ts";
import { checkDriver, checkSizes, type Finding, type HostFacts, taken } from "./check.ts";
import { containerFindings, limitsOf, mountsOf } from "./container.ts";
import type { PlannedDisk } from "./disk-work.ts";
import { placed, planDisks, type Wanted } from "./disks.ts";
import { type EncryptionParts, encryptionFindings, isEncrypted } from "./encryption.ts";
import type { Entry } from "./entry.ts";
import { type HostNetworks, macFindings, macsIn, nicFindings, planNics } from "./host-nics.ts";
import type { Keeper } from "./keeper.ts";
import type { LaunchInput } from "./launch.ts";
import { hasDisplay, machineFindings, machineOf, sizesOf, startsBlank } from "./machine.ts";
import { checkMedium } from "./media.ts";
import { mountFindings } from "./mounts.ts";
import { newAddress } from "./own-address.ts";
import { portFindings } from "./ports.ts";
import { modeFindings } from "./reach.ts";

export type PlanParts = EncryptionParts & {
  /** The first one of its kind runs what is launched. */
  drivers: readonly Driver[];
  /** The architecture of this host's guests. */
  arch: Descriptor["arch"];
  log: Log;
  hostFacts: () => Promise<HostFacts>;
  networks: HostNetworks;
  /** What is wrong with a user-data text; empty when nothing is. */
  checkUserData: (text: string) => Promise<Problem[]>;
};

const CHECK_MS = 30_000;

export type ParsedSpec = ReturnType<typeof LaunchSpecSchema.parse>;

/** Throws `invalid-argument` with the first thing that is wrong. */
export function parseSpec(spec: LaunchSpec, verb = "launch"): ParsedSpec {
  const parsed = LaunchSpecSchema.safeParse(spec);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.length ? `${issue.path.join(".")}: ` : "";
  const reason = `${where}${issue?.message ?? "invalid"}`;
  throw new EngineError("invalid-argument", `cannot ${verb} ${spec.name ?? "an instance"}: ${reason}`);
}

/** Everything that speaks against the launch, cheapest first. The image is looked up by the launch itself. */
export async function findings(parts: PlanParts, keeper: Keeper, wanted: ParsedSpec): Promise<Finding[]> {
  const ctx = { signal: AbortSignal.timeout(CHECK_MS), progress: () => {}, log: parts.log };
  const driver = driverFor(parts, wanted);
  const [host, info] = await Promise.all([parts.hostFacts(), probed(driver, ctx)]);
  const others = keeper.entries().filter(isMachineUp);
  const { disks, findings: ofDisks } = await diskFindings(parts, wanted);
  const machine = machineOf(wanted, parts.arch);
  const sizes = wanted.container ? limitsOf(wanted) : sizesOf(wanted, machine);
  const userData = wanted.userData === undefined ? [] : await parts.checkUserData(wanted.userData);
  return [
    ...nameFindings(keeper, wanted.name),
    ...keeper.zones.findings(wanted.zone),
    ...userData.map(asFinding),
    ...keeper.privateNetworks.findings(wanted.network),
    ...modeFindings(wanted.network, { ...wanted, guest: machine.guest }),
    ...(await nicFindings(ctx, wanted.networks ?? [], driver, parts.networks)),
    ...(await mountFindings(mountsOf(wanted), wanted.name ?? "an instance")),
    ...(await portFindings(keeper, wanted.ports ?? [], wanted.name ?? "an instance")),
    ...ofDisks,
    ...(wanted.container ? containerFindings(wanted) : machineFindings(wanted, machine)),
    ...(await mediumFindings(wanted)),
    ...(await encryptionFindings(parts, driver, wanted)),
    ...checkSizes(
      { ...sizes, diskBytes: sizes.diskBytes + total(disks) },
      host,
      // What a container may use at most is not set aside for it.
      wanted.container ? [] : others.map(({ record }) => record.descriptor),
    ),
    ...(await driverFindings(parts, driver, info, machine)),
  ];
}

/** What is anybody's until it is taken: looked at last, with no wait before it is. */
export function lateFindings(keeper: Keeper, name: string, wanted: ParsedSpec): Finding[] {
  return [
    ...nameFindings(keeper, name),
    ...keeper.zones.findings(wanted.zone),
    ...keeper.privateNetworks.findings(wanted.network),
    ...macFindings(keeper, wanted.networks ?? []),
  ];
}

/** Whether the name is free. */
export function nameFindings(keeper: Keeper, name: string | undefined): Finding[] {
  const holder = name === undefined ? undefined : keeper.holderOf(name);
  return name === undefined || !holder ? [] : [taken(name, holder.record.state === "deleted")];
}

/** The extra disks that are asked for. Throws where one cannot be. */
export async function plannedDisks(parts: PlanParts, wanted: ParsedSpec): Promise<PlannedDisk[]> {
  const { disks = [], name = "an instance" } = wanted;
  if (disks.length === 0 || wanted.container) return [];
  const driver = driverFor(parts, wanted);
  if (!driver.disks) {
    const reason = `the driver ${driver.name} gives an instance but one disk`;
    throw new EngineError("not-supported", `cannot launch ${name}: ${reason}`);
  }
  const planned: Wanted[] = await planDisks(name, disks);
  return placed(name, [], planned, driver.disks.most(machineOf(wanted, parts.arch)));
}

/** The whole plan: identity, sizes, an address and a MAC of its own. */
export function planLaunch(parts: PlanParts, keeper: Keeper, name: string, wanted: ParsedSpec): LaunchInput {
  const id = randomUUID();
  const machine = machineOf(wanted, parts.arch);
  const driver = driverFor(parts, wanted);
  const networks = planNics(keeper, id, wanted.networks ?? [], parts.networks);
  const zone = wanted.zone ?? keeper.zones.takeTurn();
  return {
    id,
    name,
    ...(inDefault(wanted.project) ? {} : { project: wanted.project }),
    reference: startsBlank(wanted) ? "" : (wanted.image ?? "default"),
    blank: startsBlank(wanted),
    driver: driver.name,
    kind: driver.kind,
    ...machine,
    display: hasDisplay({ ...machine, display: wanted.display }),
    encrypted: isEncrypted(parts, wanted),
    ...(wanted.container ? limitsOf(wanted) : sizesOf(wanted, machine)),
    container: wanted.container,
    zone,
    address: newAddress(keeper, { id, kind: driver.kind, zone }),
    mac: drawMac(id, new Set([...macsIn(keeper), ...networks.map((one) => one.mac)])),
    networks,
    createdAt: keeper.now().toISOString(),
    timeoutMs: wanted.timeoutMs ?? DEFAULTS.launchTimeoutMs,
    userData: wanted.userData,
    disks: [],
    ports: [],
    autostart: wanted.autostart ?? "off",
    network: wanted.network ?? "default",
    labels: wanted.labels ?? {},
  };
}

function inDefault(project: string | undefined): boolean {
  return project === undefined || project === DEFAULT_PROJECT;
}

/** Throws `missing-dependency` where this engine has none of that kind. */
function driverFor({ drivers }: PlanParts, { container }: ParsedSpec): Driver {
  const kind: Driver["kind"] = container ? "container" : "vm";
  const found = drivers.find((one) => one.kind === kind);
  if (found) return found;
  throw new EngineError(
    "missing-dependency",
    `cannot launch an instance: this engine has no driver of a ${kind}`,
  );
}

/** A runtime for containers may have been started since it was looked for in vain. */
async function probed(driver: Driver, ctx: Ctx): Promise<DriverInfo> {
  const known = await driver.probe(ctx);
  return known.available || driver.kind === "vm" ? known : driver.probe(ctx, { fresh: true });
}

async function driverFindings(
  parts: PlanParts,
  driver: Driver,
  info: DriverInfo,
  machine: MachineNeeds,
): Promise<Finding[]> {
  const ctx = { signal: AbortSignal.timeout(CHECK_MS), progress: () => {}, log: parts.log };
  const problems = (await driver.check?.(ctx, machine)) ?? [];
  const needed = problems.map(
    (one): Finding => (one.severity === "error" ? { ...one, error: "missing-dependency" } : one),
  );
  if (!driver.check && !info.arches.includes(machine.arch)) {
    const message = `${driver.name} runs no ${machine.arch} guests here`;
    needed.push({ code: "arch-impossible", severity: "error", message, error: "not-supported" });
  }
  // What is wrong with the host's own architecture does not keep another one from running.
  const own = machine.arch === parts.arch ? checkDriver(info) : [];
  return own.some(({ error }) => error !== undefined) ? own : needed;
}

async function mediumFindings({ iso, name = "an instance" }: ParsedSpec): Promise<Finding[]> {
  if (iso === undefined) return [];
  try {
    await checkMedium(iso, `launch ${name}`);
    return [];
  } catch (error) {
    const { code, message, hint } = toEngineError(error);
    return [{ code: "iso-impossible", severity: "error", message, error: code, ...(hint ? { hint } : {}) }];
  }
}

async function diskFindings(
  parts: PlanParts,
  wanted: ParsedSpec,
): Promise<{ disks: PlannedDisk[]; findings: Finding[] }> {
  try {
    return { disks: await plannedDisks(parts, wanted), findings: [] };
  } catch (error) {
    const { code, message, hint } = toEngineError(error);
    const finding: Finding = { code: "disk-impossible", severity: "error", message, error: code };
    return { disks: [], findings: [hint === undefined ? finding : { ...finding, hint }] };
  }
}

function total(disks: readonly PlannedDisk[]): number {
  return disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function asFinding(problem: Problem): Finding {
  return problem.severity === "error" ? { ...problem, error: "invalid-argument" } : problem;
}

function isMachineUp({ running, record }: Entry): boolean {
  if (record.descriptor.kind !== "vm") return false;
  return running !== undefined || record.state === "creating" || record.state === "starting";
}
