/** How a QEMU ended, and what it said of itself. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Exit } from "../running.ts";
import type { QmpEvent } from "./qmp.ts";

export const DRIVER_LOG = "driver.log";

/** How it ended, from whether we asked, QEMU's last event, and its last words. Pure. */
export function exitOf(stopping: boolean, shutdown: QmpEvent | undefined, words: string): Exit {
  if (stopping) return { how: "stopped" };
  const reason = shutdown?.data["reason"];
  if (reason === "guest-shutdown" || reason === "host-qmp-system-powerdown") return { how: "guest-shutdown" };
  if (reason === "guest-panic") return { how: "crashed", detail: "the guest's kernel panicked" };
  if (reason === "host-signal") return { how: "crashed", detail: "its QEMU was ended from outside" };
  return { how: "crashed", detail: words || "its QEMU ended without a word; it may have been killed" };
}

/** The last line that QEMU wrote of itself. */
export async function lastWords(directory: string): Promise<string> {
  const text = await readFile(path.join(directory, DRIVER_LOG), "utf8").catch(() => "");
  const line = text.trim().split("\n").at(-1)?.slice(0, 1000) ?? "";
  return line.replace(/^[^:]*qemu-system-\w+: /, "");
}
