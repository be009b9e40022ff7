/** Mounts: kept in the descriptor, and there whenever the guest runs. */
import { realpath, stat } from "node:fs/promises";
import path from "node:path";
import { type IdMapping, type Mount, NewMount } from "../../api/mount.ts";
import type { Operation } from "../../api/operation.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import { cleanTarget, directoryIn, targetOf } from "../../base/mount-text.ts";
import { refuseInHost } from "../drivers/container-host.ts";
import type { MountsApi } from "../engine-core.ts";
import type { WorkCtx } from "../operations.ts";
import type { Finding } from "./check.ts";
import { byRuntime } from "./container.ts";
import type { Entry } from "./entry.ts";
import { permitWish } from "./final-config.ts";
import type { Keeper } from "./keeper.ts";
import { closeMount, openMount, withoutFailure } from "./mount-serving.ts";

/** How the actions are begun; the manager. */
type Actions = {
  act(name: string, action: "mount" | "unmount", more: { mounts: Mount[] }): Operation;
};

export class Mounts implements MountsApi {
  readonly #keeper: Keeper;
  readonly #actions: Actions;

  constructor(keeper: Keeper, actions: Actions) {
    this.#keeper = keeper;
    this.#actions = actions;
  }

  async add(instance: string, wanted: NewMount): Promise<Operation> {
    const entry = this.#keeper.find(instance, "mount in");
    refuseMounts(this.#keeper, instance);
    const { container } = entry.record.descriptor;
    permitWish(entry, { mounts: [wanted] }, `mount in ${instance}`);
    const mount = await checkMount(container ? byRuntime(wanted) : wanted, instance);
    if (container?.runtime === "vm") refuseInHost(instance, { mounts: [mount] });
    if (entry.record.descriptor.mounts.some((one) => one.target === mount.target)) {
      const reason = `"${mount.target}" is already mounted in '${instance}'`;
      throw new EngineError("already-exists", `cannot mount in ${instance}: ${reason}`, {
        hint: `Unmount it first: berth umount ${instance}:${mount.target}`,
      });
    }
    if (mount.type === "native" && (entry.running || entry.suspended)) {
      const reason = "a native mount can only be added to a stopped instance";
      throw new EngineError("wrong-state", `cannot mount in ${instance}: ${reason}`, {
        hint: container ? "Stop it first." : "Stop it first, or use a classic mount.",
      });
    }
    return this.#actions.act(instance, "mount", { mounts: [mount] });
  }

  async directoryIn(instance: string, directory: string): Promise<string | undefined> {
    const { mounts } = this.#keeper.find(instance, "reach").record.descriptor;
    if (mounts.length === 0) return undefined;
    const sources = mounts.map(async (one) => [
      one,
      { ...one, source: await realpath(one.source).catch(() => one.source) },
    ]);
    return directoryIn((await Promise.all(sources)).flat(), directory);
  }

  async remove(instance: string, target: string | undefined): Promise<Operation> {
    const entry = this.#keeper.find(instance, "unmount");
    const { mounts } = entry.record.descriptor;
    const wanted = target === undefined ? undefined : cleanTarget(target);
    const found = mounts.filter((one) => wanted === undefined || one.target === wanted);
    if (found.length > 0) refuseOfRunningContainer(entry);
    if (found.length > 0 || target === undefined)
      return this.#actions.act(instance, "unmount", { mounts: found });
    const reason = `"${target}" is not mounted in '${instance}'`;
    throw new EngineError("not-found", `cannot unmount ${target}: ${reason}`, {
      hint: `berth info ${instance} shows what is.`,
    });
  }
}

/** Its runtime shows it the same directories from its start to its end. */
function refuseOfRunningContainer({ record, running }: Entry): void {
  const { name, container } = record.descriptor;
  if (!container || !running) return;
  const reason = `cannot unmount from ${name}: a container that runs keeps its mounts`;
  throw new EngineError("wrong-state", reason, { hint: "Stop it first." });
}

/** Mounts it where the guest runs, then keeps it: what cannot be mounted is not promised. */
export async function addMounts(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  wanted: readonly Mount[],
): Promise<void> {
  for (const mount of wanted) {
    const known = () => entry.record.descriptor.mounts;
    await openMount(keeper, entry, ctx, mount);
    ctx.commit();
    if (!known().some((one) => one.target === mount.target)) {
      await keeper.describe(entry, { mounts: [...known(), mount] });
    }
  }
}

export async function removeMounts(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  unwanted: readonly Mount[],
): Promise<void> {
  ctx.commit();
  for (const mount of unwanted) {
    await closeMount(entry, ctx, mount);
    const mounts = entry.record.descriptor.mounts.filter((one) => one.target !== mount.target);
    const problems = withoutFailure(entry.record.problems, mount);
    await keeper.describe(entry, { mounts });
    keeper.update(entry, { problems });
  }
}

/**
 * The mount as it is kept: an absolute source that is a readable directory, a clean target, and maps. `where` is the
 * instance's name, for messages. Throws `invalid-argument`.
 */
export async function checkMount(wanted: NewMount, where: string): Promise<Mount> {
  const { source, target, type, uids, gids } = NewMount.parse(wanted);
  const refuse = (reason: string, hint?: string) =>
    new EngineError("invalid-argument", `cannot mount in ${where}: ${reason}`, { hint });
  if (!path.isAbsolute(source)) throw refuse(`source path "${source}" is not absolute`);
  const facts = await stat(source).catch(() => undefined);
  if (!facts) throw refuse(`source path "${source}" does not exist`);
  if (!facts.isDirectory()) throw refuse(`source path "${source}" is not a directory`);
  const clean = targetOf({ source: path.resolve(source), target });
  const problem = targetProblem(clean);
  if (problem) throw refuse(`unable to mount to "${target ?? clean}": ${problem}`, "Choose another target.");
  if (type === "native" && (uids || gids)) {
    throw refuse(
      "native mounts show every file with its own owner",
      "Use a classic mount for maps of users.",
    );
  }
  return {
    source: path.resolve(source),
    target: clean,
    type,
    uids: uids ?? ownerOnly(process.getuid?.() ?? 0, facts.uid),
    gids: gids ?? ownerOnly(process.getgid?.() ?? 0, facts.gid),
  };
}

/** `permission-denied` where the user has switched mounts off. */
export function refuseMounts({ settings }: Pick<Keeper, "settings">, where: string): void {
  if (settings["local.privileged-mounts"]) return;
  throw new EngineError("permission-denied", `cannot mount in ${where}: mounts are disabled`, {
    hint: "To allow them: berth set local.privileged-mounts=true",
  });
}

/** Those of a launch. Throws `invalid-argument` where one cannot be, or two have the same target. */
export async function checkMounts(wanted: readonly NewMount[], where: string): Promise<Mount[]> {
  const mounts = await Promise.all(wanted.map((one) => checkMount(one, where)));
  const twice = mounts.find((one, index) => mounts.findIndex(({ target }) => target === one.target) < index);
  if (!twice) return mounts;
  throw new EngineError("invalid-argument", `cannot mount in ${where}: "${twice.target}" is asked for twice`);
}

export async function mountFindings(wanted: readonly NewMount[], where: string): Promise<Finding[]> {
  try {
    await checkMounts(wanted, where);
    return [];
  } catch (error) {
    const { code, message, hint } = toEngineError(error);
    return [{ code: "mount-impossible", severity: "error", message, error: code, ...(hint ? { hint } : {}) }];
  }
}

/** The engine's own user, and whom the directory belongs to, are the guest's user. */
function ownerOnly(engine: number, owner: number): IdMapping[] {
  return [...new Set([engine, owner])].map((host) => ({ host, guest: -1 }));
}

/** What a guest cannot do without. */
const KEPT = new Set([
  "bin",
  "boot",
  "dev",
  "etc",
  "lib",
  "lib64",
  "proc",
  "run",
  "sbin",
  "sys",
  "usr",
  "var",
]);
const KEPT_BENEATH = new Set(["dev", "proc", "sys"]);

/** Why nothing may be mounted there; undefined where it may. Pure. */
export function targetProblem(target: string): string | undefined {
  const parts = target.split("/").filter((part) => part !== "");
  const [first = ""] = parts;
  if (parts.includes("..")) return "it leads upwards";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for.
  if (/[\0-\x1f\x7f]/.test(target)) return "it holds control characters";
  if (parts.length === 0) return "it names no directory";
  if (!target.startsWith("/"))
    return first.startsWith("~") ? "homes of other users cannot be named" : undefined;
  if (
    KEPT_BENEATH.has(first) ||
    (parts.length === 1 && (KEPT.has(first) || first === "home" || first === "root"))
  ) {
    return "the guest needs what is there";
  }
  if (first === "home" && parts.length === 2) return "the guest needs what is there";
  return undefined;
}
