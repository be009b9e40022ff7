/** Where a QEMU's monitor is, and the first connection to it. */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { MOST_DISKS } from "../../../api/disk-rules.ts";
import type { Problem } from "../../../api/instance.ts";
import { sleep, withDeadline } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";
import type { DetachedChild } from "../../../base/run.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import { lastWords } from "./exit.ts";
import { QmpClient } from "./qmp.ts";

/** QEMU makes its monitor within a fraction of a second; a loaded host takes longer. */
const MONITOR_MS = 30_000;
const MONITOR_LOOK_MS = 10;

/** On Windows QEMU is given a pipe's bare name; elsewhere the path of its socket. */
export function monitorOf(
  platform: NodeJS.Platform,
  { id, runDirectory }: DriverInstance,
): { path: string; argument: string } {
  if (platform === "win32") {
    const name = `berth-${id}-${randomBytes(4).toString("hex")}`;
    return { path: `\\\\.\\pipe\\${name}`, argument: name };
  }
  const socket = path.join(runDirectory, `${id.slice(0, 8)}.qmp`);
  return { path: socket, argument: socket };
}

/** Where its serial console listens, but on Windows. */
export function consoleSocketOf({ id, runDirectory }: DriverInstance): string {
  return path.join(runDirectory, `${id.slice(0, 8)}.tty`);
}

/** Where a suspended guest's memory passes; undefined where QEMU knows no sockets that we could make. */
export function memorySocketOf(
  platform: NodeJS.Platform,
  { id, runDirectory }: DriverInstance,
): string | undefined {
  return platform === "win32" ? undefined : path.join(runDirectory, `${id.slice(0, 8)}.mem`);
}

/** Where a VNC viewer finds its screen. QEMU makes Unix sockets on every platform. */
export function screenSocketOf({ id, runDirectory }: DriverInstance): string {
  return path.join(runDirectory, `${id.slice(0, 8)}.vnc`);
}

/** The same for this engine: Node knows no Unix sockets on Windows. */
export function reachableScreen(platform: NodeJS.Platform, screen: string | undefined): string | undefined {
  return platform === "win32" ? undefined : screen;
}

/** Where its disks are read as they were at a point in time, or one is written. */
export function pointSocketOf({ id, runDirectory }: DriverInstance): string {
  return path.join(runDirectory, `${id.slice(0, 8)}.nbd`);
}

/** The same of its disks one by one, while it does not run. */
export function diskSocketsOf({ id, runDirectory }: DriverInstance): string[] {
  const numbers = Array.from({ length: MOST_DISKS + 1 }, (_, number) => number);
  return numbers.map((number) => path.join(runDirectory, `${id.slice(0, 8)}.nb${number}`));
}

/** Where its swtpm listens. */
export function tpmSocketOf({ id, runDirectory }: DriverInstance): string {
  return path.join(runDirectory, `${id.slice(0, 8)}.tpm`);
}

/** Where a guest's LAN NIC speaks; undefined where QEMU and the engine have no such socket in common. */
export function lanSocketOf(
  platform: NodeJS.Platform,
  version: string,
  { id, runDirectory }: Pick<DriverInstance, "id" | "runDirectory">,
): string | undefined {
  return lanProblem(platform, version) ? undefined : path.join(runDirectory, `${id.slice(0, 8)}.lan`);
}

/** Why guests have no LAN NIC here; undefined when they have. Pure. */
export function lanProblem(platform: NodeJS.Platform, version: string): Problem | undefined {
  const problem = { code: "lan-unavailable", severity: "info" } as const;
  const message = "instances cannot reach each other by address and name on this host:";
  if (platform === "win32") {
    return { ...problem, message: `${message} Windows has no socket that both QEMU and Berth know` };
  }
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 7 || (major === 7 && minor >= 2)) return undefined;
  const hint = "Install a newer QEMU.";
  return { ...problem, message: `${message} that needs QEMU 7.2 or later, and this is ${version}`, hint };
}

/** QEMU tells nobody when its monitor is there, so it is tried until it is, the process ends, or patience does. */
export async function connectMonitor(
  ctx: Ctx,
  instance: DriverInstance,
  child: DetachedChild,
  file: string,
): Promise<QmpClient> {
  const { signal, done } = withDeadline(MONITOR_MS, ctx.signal);
  let ended: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  void child.exited.then((exit) => {
    ended = exit;
  });
  try {
    for (;;) {
      signal.throwIfAborted();
      const monitor = await QmpClient.connect(file, { signal }).catch(() => undefined);
      if (monitor) return monitor;
      if (ended) {
        const words = await lastWords(instance.directory);
        throw new EngineError(
          "driver-failed",
          `cannot start ${instance.name}: ${words || `QEMU ended with ${ended.code ?? ended.signal}`}`,
          {
            hint: `Look at its driver log: berth log ${instance.name} --source driver`,
          },
        );
      }
      await sleep(MONITOR_LOOK_MS, signal);
    }
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (!signal.aborted) throw error;
    throw new EngineError(
      "timed-out",
      `cannot start ${instance.name}: QEMU's monitor did not answer in ${MONITOR_MS / 1000} s`,
      {
        hint: "The host may be overloaded; try again.",
      },
    );
  } finally {
    done();
  }
}
