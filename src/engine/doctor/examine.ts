/** Looks over the engine's host for what keeps guests from working, or leaves something behind. Changes nothing. */
import type { Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import path from "node:path";
import type { Finding } from "../../api/finding.ts";
import { messageOf } from "../../base/errors.ts";
import { hostPlatform, type Paths } from "../../base/paths.ts";
import { which } from "../../base/run.ts";
import { routeFindings } from "./network.ts";
import { orphansIn, processesOf } from "./processes.ts";

export type ExamineParts = {
  paths: Pick<Paths, "data" | "cache" | "run" | "log">;
  /** Where instances lie; undefined where that place is not there. */
  instances: string | undefined;
  subnet: string;
  /** Ids of those whose guests the engine knows to run. */
  running: ReadonlySet<string>;
  /** The latest moment that anything was written down, in milliseconds. */
  latestMs: number;
  nowMs: number;
};

const LOG_TAIL_BYTES = 512 * 2 ** 10;
const DAY_MS = 24 * 3600_000;
/** Clocks differ by seconds; a clock that is wrong is so by more. */
const CLOCK_MS = 5 * 60_000;

export async function examine(parts: ExamineParts): Promise<Finding[]> {
  const all = await Promise.all([
    routeFindings(parts.subnet),
    [clockFinding(parts.nowMs, parts.latestMs)],
    toolFindings(),
    rightsFindings(parts),
    orphanFinding(parts).then((one) => [one]),
    logFinding(parts).then((one) => [one]),
  ]);
  return all.flat();
}

/** Pure. */
export function clockFinding(nowMs: number, latestMs: number): Finding {
  const what = "Clock";
  if (latestMs - nowMs < CLOCK_MS) return { what, verdict: "ok", text: new Date(nowMs).toISOString() };
  const text = `it is ${new Date(nowMs).toISOString()}, and something was written down at ${new Date(latestMs).toISOString()}`;
  return { what, verdict: "warning", text, hint: "Set this host's clock: guests get their time from it." };
}

async function toolFindings(): Promise<Finding[]> {
  const ssh = await which("ssh");
  const what = "OpenSSH";
  if (ssh) return [{ what, verdict: "ok", text: ssh }];
  const text = "ssh is not installed; instances work, but nothing else can enter them by SSH";
  return [
    { what, verdict: "warning", text, hint: "Install OpenSSH's client for Remote-SSH and ssh-config." },
  ];
}

async function rightsFindings({ paths, instances }: ExamineParts): Promise<Finding[]> {
  const what = "Rights";
  const places = [paths.data, paths.run, ...(instances === undefined ? [] : [instances])];
  const bad: Finding[] = [];
  for (const directory of places) {
    const facts = await stat(directory).catch((error: unknown) => messageOf(error));
    const reason = typeof facts === "string" ? facts : wrongRights(facts, process.getuid?.());
    if (reason === undefined) continue;
    const hint = `Put it right: chmod 700 ${directory}`;
    bad.push({ what, verdict: "error", text: `${directory}: ${reason}`, hint });
  }
  return bad.length > 0 ? bad : [{ what, verdict: "ok", text: "nobody else can read keys and disks" }];
}

/** Pure. Windows keeps rights in another way, and a user's own directory is private there. */
export function wrongRights(
  { mode, uid }: Pick<Stats, "mode" | "uid">,
  user: number | undefined,
): string | undefined {
  if (user === undefined) return undefined;
  if (uid !== user) return `it belongs to another user (${uid})`;
  return (mode & 0o077) === 0 ? undefined : `others may use it (mode ${(mode & 0o777).toString(8)})`;
}

async function orphanFinding({ instances, running }: ExamineParts): Promise<Finding> {
  const what = "Processes";
  const ok: Finding = { what, verdict: "ok", text: "none left over" };
  if (instances === undefined || hostPlatform() !== "linux") return ok;
  const orphans = orphansIn(await processesOf(), instances, running);
  if (orphans.length === 0) return ok;
  const pids = orphans.map(({ pid }) => pid).join(", ");
  const text = `QEMU runs for instances that the engine does not know to run: process ${pids}`;
  return {
    what,
    verdict: "warning",
    text,
    hint: `Look at them: ps -fp ${orphans.map(({ pid }) => pid).join(",")}`,
  };
}

async function logFinding({ paths, nowMs }: ExamineParts): Promise<Finding> {
  const what = "Log";
  let errors: { at: string; message: string }[];
  try {
    errors = errorsIn(await tailOf(paths.log), nowMs - DAY_MS);
  } catch (error) {
    return { what, verdict: "warning", text: `${paths.log} cannot be read: ${messageOf(error)}` };
  }
  const last = errors.at(-1);
  if (!last) return { what, verdict: "ok", text: "no error of the engine in the last 24 hours" };
  const text = `${errors.length} error${errors.length === 1 ? "" : "s"} of the engine in the last 24 hours; the last, at ${last.at}: ${last.message}`;
  return {
    what,
    verdict: "warning",
    text,
    hint: `Look at ${path.resolve(paths.log)}, or send it: berth support`,
  };
}

/** Records of the level `error` since then. Lines that are no records are passed over. Pure. */
export function errorsIn(text: string, sinceMs: number): { at: string; message: string }[] {
  return text.split("\n").flatMap((line) => {
    if (!line.includes('"level":"error"')) return [];
    try {
      const { at, level, message } = JSON.parse(line) as Record<string, unknown>;
      if (level !== "error" || Date.parse(String(at)) < sinceMs) return [];
      return [{ at: String(at), message: String(message) }];
    } catch {
      return [];
    }
  });
}

async function tailOf(file: string): Promise<string> {
  const handle = await open(file, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (!handle) return "";
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, LOG_TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead).toString("utf8");
  } finally {
    await handle.close();
  }
}
