/** The engine's log: one file, one JSON object per line, oldest half moved to `<file>.1` when it has grown. */
import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { moveDurable } from "../base/durable.ts";
import { redact } from "../base/secret.ts";
import type { Log, LogFacts, LogLevel } from "./log.ts";

const RANK: Record<LogLevel, number> = { error: 0, warn: 1, info: 2, debug: 3 };
const ROTATE_AT_BYTES = 10 * 2 ** 20;

export interface FileLog extends Log {
  setLevel(level: LogLevel): void;
  /** Further records are dropped. Resolves when a rotation under way has ended. */
  close(): Promise<void>;
}

export type LogOptions = { file: string; level: LogLevel; rotateAtBytes?: number };

/**
 * Opens (or goes on with) the log file, which only this user may read; its directory exists. Records are written at
 * once, so that a crash loses none. A record that cannot be written is dropped: a full disk must not stop an engine.
 */
export function openLog({ file, level, rotateAtBytes = ROTATE_AT_BYTES }: LogOptions): FileLog {
  let limit = RANK[level];
  let descriptor: number | undefined = openSync(file, "a", 0o600);
  let size = fstatSync(descriptor).size;
  let rotating: Promise<void> | undefined;

  const rotate = async () => {
    try {
      await moveDurable(file, `${file}.1`);
      const next = openSync(file, "a", 0o600);
      if (descriptor === undefined) return closeSync(next);
      closeSync(descriptor);
      descriptor = next;
    } catch {
      // It could not be moved: go on in the same file, and try again after as many bytes.
    }
    size = 0;
  };

  const write = (recordLevel: LogLevel, message: string, facts: LogFacts) => {
    if (descriptor === undefined || RANK[recordLevel] > limit) return;
    const line = formatRecord(new Date(), recordLevel, message, facts);
    try {
      size += writeSync(descriptor, line);
    } catch {
      return;
    }
    if (size < rotateAtBytes || rotating) return;
    rotating = rotate().finally(() => {
      rotating = undefined;
    });
  };

  const logWith = (own: LogFacts): Log => ({
    error: (message, facts) => write("error", message, { ...own, ...facts }),
    warn: (message, facts) => write("warn", message, { ...own, ...facts }),
    info: (message, facts) => write("info", message, { ...own, ...facts }),
    debug: (message, facts) => write("debug", message, { ...own, ...facts }),
    with: (facts) => logWith({ ...own, ...facts }),
  });

  return {
    ...logWith({}),
    setLevel: (next) => {
      limit = RANK[next];
    },
    async close() {
      const last = descriptor;
      descriptor = undefined;
      await rotating;
      if (last !== undefined) closeSync(last);
    },
  };
}

/** One line, secrets redacted. */
export function formatRecord(at: Date, level: LogLevel, message: string, facts: LogFacts): string {
  const safe = redact(facts) as LogFacts;
  return `${JSON.stringify({ ...safe, at: at.toISOString(), level, message: redact(message) })}\n`;
}
