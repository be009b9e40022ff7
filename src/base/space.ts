/** Whether something has room, asked before it is begun. */
import { statfs } from "node:fs/promises";
import { EngineError } from "./errors.ts";
import { formatBytes } from "./units.ts";

/** Throws `no-resources` where so many bytes do not fit. `doing` completes `cannot …`. */
export async function requireSpace(
  doing: string,
  directory: string,
  neededBytes: number,
  { hint = "" }: { hint?: string } = {},
): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize >= neededBytes) return;
  const numbers = `${formatBytes(neededBytes)} needed, ${formatBytes(bavail * bsize)} free in ${directory}`;
  throw new EngineError("no-resources", `cannot ${doing}: ${numbers}`, {
    hint: `Free some disk space, then try again.${hint === "" ? "" : ` ${hint}`}`,
  });
}
