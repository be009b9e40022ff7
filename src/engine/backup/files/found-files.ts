/** Finds the file systems on disks that a helper has just got, and mounts them so that nothing can be written. */
import { BACKUP_FILES } from "../../../api/backup.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { GuestAccess } from "../../guest/guest.ts";
import { timedOutput } from "../../guest/script.ts";
import { systemsIn } from "./block-devices.ts";
import { placesIn } from "./fstab.ts";
import { findScript, fstabScript, mountScript, placeScript } from "./scripts.ts";

/** Journals that are replayed come from the repository. */
const STEP_MS = 5 * 60_000;

type Helper = {
  name: string;
  guest: Pick<GuestAccess, "exec">;
  serials: readonly string[];
  /** Journals may be replayed: what is written to the disks is thrown away. */
  isWhole: boolean;
};

/** Resolves with what could not be opened. Rejects with `not-supported` where there is nothing to see. */
export async function showFiles(
  ctx: Ctx,
  { name, guest, serials, isWhole }: Helper,
): Promise<{ warnings: string[] }> {
  const told = (script: string) => timedOutput(guest, ctx.signal, script, { ms: STEP_MS, name });
  ctx.progress({ phase: "mount" });
  const { systems, locked } = systemsIn(await told(findScript(serials)));
  const lines = (await told(mountScript(systems, isWhole))).split("\n");
  const mounted = new Set(after("mounted ", lines));
  if (mounted.size === 0) throw nothingThere(locked);
  const [root] = after("root ", lines).filter((path) => path.startsWith(`${BACKUP_FILES}/`));
  if (root !== undefined) {
    const placed = placesIn(await told(fstabScript(root)), systems);
    await told(placeScript(root, placed, isWhole));
  }
  const closed = systems.filter(({ volume }) => !mounted.has(volume)).map(({ volume }) => volume);
  return {
    warnings: [
      ...locked.map((volume) => `${volume} is encrypted inside the instance: what is in it is not shown`),
      ...closed.map((volume) => `${volume} cannot be mounted: what is in it is not shown`),
    ],
  };
}

function after(prefix: string, lines: readonly string[]): string[] {
  return lines.flatMap((line) => (line.startsWith(prefix) ? [line.slice(prefix.length)] : []));
}

function nothingThere(locked: readonly string[]): EngineError {
  const reason =
    locked.length > 0 ? "its disks are encrypted inside" : "there is no file system that Linux knows";
  return new EngineError("not-supported", `cannot show the files of the backup: ${reason}`, {
    hint: "Restore it to a new instance: berth backup restore ID --as NAME",
  });
}
