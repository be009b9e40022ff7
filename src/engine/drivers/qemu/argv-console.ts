/** A guest's serial port: QEMU's option for it, and where it is to be found then. Pure. */
import { escaped } from "./argv-text.ts";

/** Where the serial console of a guest listens. */
export type ConsoleAt = { path: string } | { port: number };

const ID = "serial";

/**
 * QEMU listens, and writes the log itself: engines may come and go, and nothing that is printed is lost. A guest that
 * goes on adds to its log. Of QEMU's sockets Node knows but TCP on Windows: there it is a port of the loopback that the
 * kernel chooses.
 */
export function serialPort(
  platform: NodeJS.Platform,
  files: { console: string; serialLog: string },
  append: boolean,
): string {
  const at = platform === "win32" ? "host=127.0.0.1,port=0" : `path=${escaped(files.console)}`;
  const log = `logfile=${escaped(files.serialLog)},logappend=${append ? "on" : "off"}`;
  return `socket,id=${ID},${at},server=on,wait=off,${log}`;
}

/** The port that was chosen, from what `query-chardev` answers; undefined where it is absent. */
export function consolePort(answer: unknown): number | undefined {
  if (!Array.isArray(answer)) return undefined;
  const devices = answer as { label?: unknown; filename?: unknown }[];
  const found = devices.find(({ label }) => label === ID);
  const [, port] = /tcp:127\.0\.0\.1:([1-9]\d*)/.exec(String(found?.filename)) ?? [];
  return port === undefined ? undefined : Number(port);
}
