/** What is to be made, planned: everything that speaks against it has been said by then. */
import { randomInt } from "node:crypto";
import type { LaunchSpec } from "../../api/instance.ts";
import type { Operation } from "../../api/operation.ts";
import type { Operations } from "../operations.ts";
import { refusal } from "./check.ts";
import { mountsOf } from "./container.ts";
import { permitLaunch, permitSpec } from "./final-config.ts";
import type { Keeper } from "./keeper.ts";
import type { LaunchInput } from "./launch.ts";
import { checkMedium } from "./media.ts";
import { checkMounts, refuseMounts } from "./mounts.ts";
import { generateName } from "./names.ts";
import { findings, lateFindings, type PlanParts, parseSpec, planLaunch, plannedDisks } from "./plan.ts";
import { planPorts } from "./ports.ts";

export type PlannedParts = { keeper: Keeper; operations: Operations; plan: PlanParts };

/** `verb` is that of the refusals. `begin` takes the name, which is nobody's until then. */
export async function planned(
  { keeper, operations, plan }: PlannedParts,
  spec: LaunchSpec,
  verb: string,
  begin: (input: LaunchInput) => Operation,
): Promise<Operation> {
  const wanted = parseSpec(spec, verb);
  const label = wanted.name ?? "an instance";
  operations.refuseWhileDraining(`${verb} ${label}`);
  permitSpec(wanted, `${verb} ${label}`);
  if (wanted.mounts?.length) refuseMounts(keeper, label);
  const mounts = await checkMounts(mountsOf(wanted), label);
  const ports = await planPorts(keeper, wanted.ports ?? [], label);
  const disks = await plannedDisks(plan, wanted);
  const medium = wanted.iso === undefined ? undefined : await checkMedium(wanted.iso, `${verb} ${label}`);
  const found = await findings(plan, keeper, wanted);
  // No wait from here to the reservation of the name, or two launches could get the same.
  const name = wanted.name ?? generateName((drawn) => keeper.has(drawn), randomInt);
  const refused = refusal(label, found, verb) ?? refusal(label, lateFindings(keeper, name, wanted), verb);
  if (refused) throw refused;
  const warnings = found.filter((one) => one.severity === "warning").map((one) => one.message);
  const input = { ...planLaunch(plan, keeper, name, wanted), mounts, ports, disks, medium, warnings };
  permitLaunch(keeper, input, `${verb} ${label}`);
  return begin(input);
}
