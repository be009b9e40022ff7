/** What makes a process out of a hosted engine: signals, last words, exit code. */
import process from "node:process";
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../log.ts";
import { type HostOptions, hostEngine } from "./host.ts";

/** How long letting go may take before the process ends anyway: the next engine adopts what runs. */
const LEAVE_TIMEOUT_MS = 15_000;

/** Runs an engine until it leaves, then ends the process: 0 when it left or another serves, 1 when it failed. */
export async function runEngineProcess<L extends Log>(
  options: Omit<HostOptions<L>, "signal">,
): Promise<never> {
  process.title = "berth-engine";
  process.umask(0o077);
  const told = new AbortController();
  let log: Log | undefined;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      told.abort(new DOMException(signal, "AbortError"));
      setTimeout(() => process.exit(1), LEAVE_TIMEOUT_MS).unref();
    });
  }
  process.on("uncaughtException", (error) => {
    log?.error("the engine met an error that nothing caught, and ends", { error });
    fail(error);
  });
  const openLog = () => {
    const opened = options.openLog();
    log = opened;
    return opened;
  };
  try {
    await hostEngine({ ...options, openLog, signal: told.signal });
    process.exit(0);
  } catch (error) {
    if (told.signal.aborted) process.exit(0);
    log?.error("the engine could not start or go on", { error });
    fail(error);
  }
}

/** The starter reads standard error to tell its user why. */
function fail(error: unknown): never {
  const stack = error instanceof Error && error.name !== "EngineError" ? error.stack : undefined;
  process.stderr.write(`${stack ?? messageOf(error)}\n`);
  process.exit(1);
}
