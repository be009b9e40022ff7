/** What every engine module may say. One file, one line of JSON per record; see `openLog` in `log-file.ts`. */
export type LogLevel = "error" | "warn" | "info" | "debug";

export interface Log {
  error(message: string, facts?: LogFacts): void;
  warn(message: string, facts?: LogFacts): void;
  info(message: string, facts?: LogFacts): void;
  debug(message: string, facts?: LogFacts): void;
  /** A log that adds these facts to every record. */
  with(facts: LogFacts): Log;
}

export type LogFacts = Readonly<Record<string, unknown>>;

/** For tests and for work that nobody follows. */
export const silentLog: Log = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  with: () => silentLog,
};
