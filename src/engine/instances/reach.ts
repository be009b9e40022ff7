/** What instances reach: changing that, at once where the hypervisor can, else with the next start. */
import type { ContainerSpec } from "../../api/container.ts";
import type { GuestKind } from "../../api/machine.ts";
import type { NewHostNic } from "../../api/network.ts";
import { leadsOut, type NetworkMode, privateNetworkOf } from "../../api/network-mode.ts";
import type { Operation } from "../../api/operation.ts";
import type { ReachReport } from "../../api/reach-test.ts";
import { EngineError, type ErrorCode } from "../../base/errors.ts";
import type { ReachApi } from "../engine-core.ts";
import type { WorkCtx } from "../operations.ts";
import type { Finding } from "./check.ts";
import { type Entry, nameOf, reachOf } from "./entry.ts";
import { isolationFindings } from "./host-nics.ts";
import type { Keeper } from "./keeper.ts";

/** How the action is begun; the manager. */
type Actions = { act(name: string, action: "change-network", more: { network: NetworkMode }): Operation };

export class Reach implements ReachApi {
  readonly #keeper: Keeper;
  readonly #actions: Actions;

  constructor(keeper: Keeper, actions: Actions) {
    this.#keeper = keeper;
    this.#actions = actions;
  }

  async change(instance: string, mode: NetworkMode): Promise<Operation> {
    const doing = `cannot change what ${instance} reaches`;
    const entry = this.#keeper.find(instance, "change what is reached by");
    const { networks, container, guest } = entry.record.descriptor;
    if (container?.adopted !== undefined) {
      const hint = "It keeps the networks that it was made with.";
      throw new EngineError("not-supported", `${doing}: its container was made elsewhere`, { hint });
    }
    const [refused] = [
      ...this.#keeper.privateNetworks.findings(mode),
      ...modeFindings(mode, { networks, container, guest }),
    ];
    if (refused)
      throw new EngineError(refused.error ?? "invalid-argument", `${doing}: ${refused.message}`, {
        hint: refused.hint,
      });
    return this.#actions.act(instance, "change-network", { network: mode });
  }

  async test(instance: string, internet: string | undefined, signal: AbortSignal): Promise<ReachReport> {
    const entry = this.#keeper.find(instance, "test what is reached by");
    const { testReach } = await import("./reach-test.ts");
    return testReach(this.#keeper, entry, internet, signal);
  }
}

/** What of an instance a mode must fit. */
type Kind = {
  networks?: readonly NewHostNic[] | undefined;
  container?: Pick<ContainerSpec, "networks"> | undefined;
  guest: GuestKind;
};

/** What speaks against this mode of such an instance. Pure. */
export function modeFindings(
  mode: NetworkMode | undefined,
  { networks = [], container, guest }: Kind,
): Finding[] {
  const found = isolationFindings(mode, networks);
  if (mode === undefined || mode === "default" || mode === "isolated") return found;
  const refused = (message: string, error: ErrorCode, hint?: string) =>
    found.push({ code: "network-unusable", severity: "error", message, error, ...(hint ? { hint } : {}) });
  if (container && (container.networks ?? []).length > 0) {
    refused(`a container in the mode ${mode} is in no network of its runtime`, "invalid-argument");
  }
  if (guest !== "linux" && privateNetworkOf(mode) !== undefined) {
    const hint = "Give it a NIC on a network of the host, or isolate it.";
    refused("a guest without cloud-init cannot be in a private network", "not-supported", hint);
  }
  return found;
}

/**
 * Written down first: an engine that dies then gives the next start what was asked for. Until it holds, the guest is in
 * no other network than before.
 */
export async function changeNetwork(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  network: NetworkMode,
): Promise<void> {
  ctx.commit();
  await keeper.describe(entry, { network });
  const { running } = entry;
  if (running && running.network !== network) await running.changeNetwork?.(ctx, network);
  keeper.publish(entry);
  if (!running) await keeper.driverOf(entry).reseed?.(ctx, await keeper.driverInstance(entry));
  const now = reachOf(entry);
  if (now !== network) {
    const hint = leadsOut(now) ? "it still reaches what this host does" : "it reaches no more than before";
    ctx.warn(`the change waits for the next start of ${nameOf(entry)}: until then ${hint}`);
  }
}
