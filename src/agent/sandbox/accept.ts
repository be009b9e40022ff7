/**
 * A sandbox's changes into the folder that it came from. All are looked at before the first is made: one that meets a
 * file that was changed here meanwhile, or that leads out of the folder, keeps all of them from being made.
 */
import { copyFile, lstat, mkdir, readdir, readlink, rm, rmdir } from "node:fs/promises";
import path from "node:path";
import { copyFileDurable, linkDurable } from "../../base/durable.ts";
import { EngineError } from "../../base/errors.ts";
import { plainText } from "../../base/plain-text.ts";
import { type Change, isSame } from "./changes.ts";
import { entryOf, refusalOf } from "./entry.ts";
import { baseFile, type SandboxRecord, writeRecord } from "./record.ts";
import type { Review } from "./review.ts";

export type Obstacle = { path: string; reason: string };

/** A change that is yet to be made; those that the folder already has are left out. */
export type Step = { change: Change; target: string };

export type AcceptPlan = { steps: Step[]; obstacles: Obstacle[] };

/** What would be done. Changes nothing. */
export async function planAccept(review: Review, platform: NodeJS.Platform): Promise<AcceptPlan> {
  const { folder } = review.sandbox.record;
  const plan: AcceptPlan = { steps: [], obstacles: [] };
  const goes = new Set(review.changes.filter(({ kind }) => kind === "deleted").map((one) => one.path));
  for (const change of review.changes) {
    const target = path.join(folder, ...change.path.split("/"));
    const reason =
      refusalOf(change.path, platform) ??
      (await wayIsBarred(folder, change.path, goes)) ??
      (await linkLeadsOut(review, change));
    if (reason !== undefined) {
      plan.obstacles.push({ path: change.path, reason });
      continue;
    }
    const here = await entryOf(target, change.path);
    if (isSame(here, change.after) && !(await isDirectory(target))) continue;
    if (!isSame(here, change.before))
      plan.obstacles.push({ path: change.path, reason: "it was changed here meanwhile" });
    else if (!here && (await stays(folder, change.path, goes)))
      plan.obstacles.push({ path: change.path, reason: "something else has that name here" });
    else plan.steps.push({ change, target });
  }
  return plan;
}

/** Makes them all, and takes what the folder then has as the new beginning. Throws `wrong-state`, with nothing changed, where the plan has obstacles. */
export async function accept(review: Review, plan: AcceptPlan, signal: AbortSignal): Promise<void> {
  const { record, instance, place } = review.sandbox;
  if (plan.obstacles.length > 0) throw obstructed(instance.name, plan.obstacles);
  for (const { change, target } of inOrder(plan.steps, (step) => step.change)) {
    signal.throwIfAborted();
    if (change.kind === "deleted") await removeFile(record.folder, target);
    else await putFile(review, change, target);
  }
  await rebase(review, place, record);
}

/** What goes makes room for what comes: a file for a directory of that name, or the other way round. */
function inOrder<T>(items: readonly T[], changeOf: (item: T) => Change): T[] {
  const comes = (item: T) => Number(changeOf(item).kind !== "deleted");
  return [...items].sort((a, b) => comes(a) - comes(b));
}

/** What was accepted is what the next review begins with. */
async function rebase(review: Review, place: string, record: SandboxRecord): Promise<void> {
  const entries = new Map(record.entries.map((entry) => [entry.path, entry]));
  for (const change of inOrder(review.changes, (one) => one)) {
    const base = baseFile(place, change.path);
    await rm(base, { recursive: true, force: true });
    const from = review.after(change);
    if (!change.after || from === undefined) entries.delete(change.path);
    else {
      await mkdir(path.dirname(base), { recursive: true });
      if (change.after.kind === "link") await linkDurable(await readlink(from), base);
      else await copyFile(from, base);
      entries.set(change.path, change.after);
    }
  }
  await writeRecord(place, { ...record, entries: [...entries.values()] });
}

async function putFile(review: Review, change: Change, target: string): Promise<void> {
  const from = review.after(change);
  if (from === undefined || !change.after) throw new EngineError("internal", `cannot accept ${change.path}`);
  await mkdir(path.dirname(target), { recursive: true });
  if (change.after.kind === "link") return linkDurable(await readlink(from), target);
  // Of the mode only what a project means by it: whether it can be run. The rest is as this host has it.
  const kept = change.before?.kind === "file" ? (await lstat(target)).mode & 0o666 : 0o666 & ~process.umask();
  const runs = change.after.executable ? (kept & 0o444) >> 2 : 0;
  await copyFileDurable(from, target, kept | runs);
}

/** With the directories that are empty without it. */
async function removeFile(folder: string, target: string): Promise<void> {
  await rm(target, { force: true });
  for (let parent = path.dirname(target); parent !== folder; parent = path.dirname(parent)) {
    try {
      await rmdir(parent);
    } catch {
      return; // Something else is in it.
    }
  }
}

/** Every directory on the way must be one of this folder's own: a link may lead anywhere. */
async function wayIsBarred(
  folder: string,
  name: string,
  goes: ReadonlySet<string>,
): Promise<string | undefined> {
  const parts = name.split("/").slice(0, -1);
  for (let length = 1; length <= parts.length; length += 1) {
    const below = parts.slice(0, length);
    const facts = await lstat(path.join(folder, ...below)).catch(() => undefined);
    if (!facts) return undefined;
    if (facts.isDirectory() || goes.has(below.join("/"))) continue;
    return facts.isSymbolicLink() ? "a link is on the way to it here" : "a file is on the way to it here";
  }
  return undefined;
}

/** A link may lead up and then down, beneath the folder, through directories that are no links themselves. */
async function linkLeadsOut(review: Review, change: Change): Promise<string | undefined> {
  const from = change.after?.kind === "link" ? review.after(change) : undefined;
  if (from === undefined) return undefined;
  const inside = targetInside(change.path, await readlink(from));
  if (inside === undefined) return "it is a link that leads out of the project";
  const barred = await wayIsBarred(review.sandbox.record.folder, inside, new Set());
  return barred === undefined ? undefined : "it is a link that leads through another one";
}

/** Where a link at `name` leads, below the folder; undefined where that is not plainly beneath it. Pure. */
export function targetInside(name: string, target: string): string | undefined {
  if (target === "" || /^[\\/]|^[A-Za-z]:|[\\\0]/.test(target)) return undefined;
  const at = name.split("/").slice(0, -1);
  const steps = target.split("/").filter((step) => step !== "" && step !== ".");
  let ups = 0;
  while (steps[ups] === "..") ups += 1;
  const downs = steps.slice(ups);
  // Up again after a step down is up from wherever that step has led.
  if (downs.includes("..") || ups > at.length) return undefined;
  return [...at.slice(0, at.length - ups), ...downs].join("/");
}

function obstructed(name: string, obstacles: readonly Obstacle[]): EngineError {
  const shown = obstacles.slice(0, 10).map((one) => `${plainText(one.path)} (${one.reason})`);
  const more = obstacles.length > 10 ? `, and ${obstacles.length - 10} more` : "";
  return new EngineError("wrong-state", `cannot accept ${name}: ${shown.join(", ")}${more}`, {
    hint: "Nothing was changed. Put these files back as they were, or take what you want by hand: berth transfer.",
    details: { obstacles: obstacles.slice(0, 100) },
  });
}

/** Whether something that is no file of the project is there, but for a directory of which all goes. */
async function stays(folder: string, name: string, goes: ReadonlySet<string>): Promise<boolean> {
  const target = path.join(folder, ...name.split("/"));
  const facts = await lstat(target).catch(() => undefined);
  if (!facts?.isDirectory()) return facts !== undefined;
  const going = [...goes].filter((one) => one.startsWith(`${name}/`));
  for (const entry of await readdir(target, { recursive: true, withFileTypes: true })) {
    const below = path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join("/");
    const leaves = entry.isDirectory() ? going.some((one) => one.startsWith(`${below}/`)) : goes.has(below);
    if (!leaves) return true;
  }
  return going.length === 0;
}

async function isDirectory(file: string): Promise<boolean> {
  return (await lstat(file).catch(() => undefined))?.isDirectory() ?? false;
}
