/**
 * Networks that are made in a runtime for its containers: one for all in a private network, without a way out, and one for
 * each that shall have a way out and nobody beside it. Known by their labels; those of others are never touched.
 */
import { leadsOut } from "../../../api/network-mode.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import type { RuntimeApi } from "./api.ts";
import { undefinedWhereAbsent } from "./api-errors.ts";
import { ENGINE_LABEL, natName, ownNetwork } from "./create-body.ts";

type Signal = Pick<Ctx, "signal">;
type Placed = Pick<DriverInstance, "id" | "name" | "network">;

/** Docker keeps networks apart by itself; Podman is asked to. Pure. */
export function networkBody(
  name: string,
  instance: Pick<Placed, "network">,
  engine: string,
  isolate: Isolate | undefined,
) {
  return {
    Name: name,
    Driver: "bridge",
    CheckDuplicate: true,
    Internal: !leadsOut(instance.network),
    Labels: { [ENGINE_LABEL]: engine },
    ...(isolate ? { Options: { isolate } } : {}),
  };
}

/** From all networks, or, as older Podmans know it, from those alone that are isolated too. */
type Isolate = "strict" | "true";

async function isolateOf(ctx: Signal, api: RuntimeApi): Promise<Isolate | undefined> {
  const doing = "ask a runtime for its version";
  type Version = { Version?: string; Components?: { Name?: string }[] | null };
  const { Version = "", Components } = await api.json<Version>(ctx, "GET", "/version", { doing });
  if (!Components?.some(({ Name = "" }) => /podman/i.test(Name))) return undefined;
  return Number.parseInt(Version, 10) >= 5 ? "strict" : "true";
}

/** It is there afterwards, where the instance needs one. */
export async function makeNetwork(
  ctx: Signal,
  api: RuntimeApi,
  instance: Placed,
  engine: string,
): Promise<void> {
  const name = ownNetwork(instance, engine);
  if (name === undefined || (await find(ctx, api, name, engine))) return;
  const isolate = await isolateOf(ctx, api);
  try {
    await api.json(ctx, "POST", "/networks/create", {
      doing: `make a network for ${instance.name}`,
      body: networkBody(name, instance, engine, isolate),
    });
  } catch (error) {
    // Another launch has been quicker.
    if (!(await find(ctx, api, name, engine))) throw error;
  }
}

/** No effect where there is none. */
export async function dropNetwork(ctx: Signal, api: RuntimeApi, name: string, engine: string): Promise<void> {
  if (!(await find(ctx, api, name, engine))) return;
  await api
    .json(ctx, "DELETE", `/networks/${name}`, { doing: `delete the network ${name}` })
    .catch(undefinedWhereAbsent);
}

/** What is made for one instance alone. */
export function dropNatNetwork(ctx: Signal, api: RuntimeApi, id: string, engine: string): Promise<void> {
  return dropNetwork(ctx, api, natName(id), engine);
}

type Network = { Name: string; Labels?: Record<string, string> | null };

async function find(ctx: Signal, api: RuntimeApi, name: string, engine: string): Promise<boolean> {
  const found = await api
    .json<Network>(ctx, "GET", `/networks/${name}`, { doing: `look for the network ${name}` })
    .catch(undefinedWhereAbsent);
  if (!found) return false;
  if (found.Labels?.[ENGINE_LABEL] === engine) return true;
  throw new EngineError("already-exists", `cannot use the network ${name}: it is not ours`, {
    hint: "Remove it in its runtime, then try again.",
  });
}
