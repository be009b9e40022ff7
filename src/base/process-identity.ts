/** Whether a process still runs, and whether it is the one it was: pids are used again. */
import { readFile } from "node:fs/promises";
import { uptime } from "node:os";
import { run } from "./run.ts";

/** Tells a process from a later one with the same pid: the kernel's start time, where the platform gives it. */
export type ProcessIdentity = { pid: number; startTime: string; bootId: string };

/** The identity of a living process, or undefined when it does not run. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  if (!isAlive(pid)) return undefined;
  if (process.platform === "linux") {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields[0] === "Z") return undefined;
      const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
      return { pid, startTime: fields[19] ?? "", bootId };
    } catch {
      return undefined;
    }
  }
  const argv =
    process.platform === "win32"
      ? ["powershell", "-NoProfile", "-Command", `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`]
      : ["ps", "-o", "lstart=", "-p", String(pid)];
  try {
    return { pid, startTime: (await run(argv)).stdout.trim(), bootId: "" };
  } catch {
    return undefined;
  }
}

export function sameProcess(a: ProcessIdentity | undefined, b: ProcessIdentity | undefined): boolean {
  return (
    a !== undefined &&
    b !== undefined &&
    a.pid === b.pid &&
    a.startTime === b.startTime &&
    a.bootId === b.bootId
  );
}

/** Whether a process with this pid exists; a process of another user counts. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Sends a signal to a process that may be gone already. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** How far two readings of one boot's time may lie apart: the clock is set in between. */
const BOOT_TOLERANCE_SECONDS = 120;

/** Tells one run of this host from the next: the kernel's boot id, or where there is none `~` and the boot's time. */
export async function hostBoot(): Promise<string> {
  if (process.platform === "linux") {
    return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  }
  return `~${Math.round(Date.now() / 1000 - uptime())}`;
}

/** Whether two of `hostBoot`'s answers are of one boot. Pure. */
export function sameBoot(a: string, b: string): boolean {
  if (!a.startsWith("~") || !b.startsWith("~")) return a === b;
  return Math.abs(Number(a.slice(1)) - Number(b.slice(1))) <= BOOT_TOLERANCE_SECONDS;
}
