/** Containers of ours that see volumes of an instance for a while, beside its own: to fill them, or to read them. */
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import type { RuntimeApi } from "./api.ts";
import { undefinedWhereAbsent } from "./api-errors.ts";
import type { Inspected } from "./containers.ts";
import { nameOf } from "./create-body.ts";

type Signal = Pick<Ctx, "signal">;
type Owner = Pick<DriverInstance, "id" | "name">;

export type HelperKind = "fill" | "pack";

export type HelperSpec = {
  image: string;
  entrypoint: string[];
  command: string[];
  volumes: readonly { name: string; target: string; isReadOnly?: boolean }[];
};

/** Images are looked at, and what they call for is made. */
const MAKE_MS = 30 * 60_000;

/** Says which instance it is for. */
const labelOf = (kind: HelperKind) => `berth.${kind}ing`;
const helperOf = (instance: Owner, kind: HelperKind) => `${nameOf(instance)}.${kind}`;

/** Resolves with its id. There must be none of that kind. */
export async function makeHelper(
  ctx: Signal,
  api: RuntimeApi,
  instance: Owner,
  kind: HelperKind,
  { image, entrypoint, command, volumes }: HelperSpec,
): Promise<string> {
  const body = {
    ...{ Image: image, Entrypoint: entrypoint, Cmd: command, User: "0", Healthcheck: { Test: ["NONE"] } },
    Labels: { [labelOf(kind)]: instance.id },
    HostConfig: {
      NetworkMode: "none",
      // What it prints is for who reads it.
      LogConfig: { Type: "none" },
      Mounts: volumes.map(({ name, target, isReadOnly = false }) => ({
        ...{ Type: "volume", Source: name, Target: target, ReadOnly: isReadOnly },
      })),
    },
  };
  const doing = `look after the volumes of ${instance.name}`;
  const options = { doing, query: { name: helperOf(instance, kind) }, body, deadlineMs: MAKE_MS };
  const { Id: id } = await api.json<{ Id: string }>(ctx, "POST", "/containers/create", options);
  return id;
}

/** No effect where there is none, or where what has its name is another's. `withVolumes`: also those that it sees. */
export async function dropHelper(
  ctx: Signal,
  api: RuntimeApi,
  instance: Owner,
  kind: HelperKind,
  { withVolumes }: { withVolumes: boolean },
): Promise<void> {
  const at = `/containers/${helperOf(instance, kind)}`;
  const doing = `tidy up after ${instance.name}`;
  const found = await api.json<Inspected>(ctx, "GET", `${at}/json`, { doing }).catch(undefinedWhereAbsent);
  if (found?.Config.Labels?.[labelOf(kind)] !== instance.id) return;
  const query = { force: "true", v: "true" };
  await api.json(ctx, "DELETE", at, { doing, query, deadlineMs: MAKE_MS }).catch(undefinedWhereAbsent);
  if (!withVolumes) return;
  for (const { Type, Name } of found.Mounts ?? [])
    if (Type === "volume" && Name !== undefined)
      await api.json(ctx, "DELETE", `/volumes/${Name}`, { doing }).catch(undefinedWhereAbsent);
}
