/** A backup by its id, or the beginning of it. */
import { EngineError } from "../../base/errors.ts";
import { permitOn, sees } from "../access/asking.ts";
import { instancePath, SYSTEM } from "../access/paths.ts";
import type { Ctx } from "../ctx.ts";
import type { Repository } from "./repository/repository.ts";
import type { Snapshot } from "./repository/snapshot.ts";
import { backupOf } from "./tags.ts";

/**
 * Throws `not-found` where there is none, `invalid-argument` where several begin so. `doing` begins the
 * refusal. What is done to a backup must be allowed on its instance as well as on its repository.
 */
export async function snapshotOf(
  ctx: Ctx,
  repository: Repository,
  id: string,
  doing: string,
): Promise<Snapshot> {
  const { snapshots, unreadable } = await repository.snapshots(ctx);
  const damage = unreadable.find((one) => one.id.startsWith(id));
  if (damage) throw damage.error;
  // One whose tags were changed has another id, and knows the one that it was made with.
  const fitting = snapshots.filter(
    (one) => (one.id.startsWith(id) || one.original?.startsWith(id)) && isSeen(one),
  );
  const [only] = fitting;
  const short = id.slice(0, 8);
  if (!only)
    throw new EngineError("not-found", `cannot ${doing}: there is no backup ${short}`, {
      hint: "berth backup list shows them all.",
    });
  if (fitting.length > 1)
    throw new EngineError("invalid-argument", `cannot ${doing}: several backups begin with ${short}`, {
      hint: "Give more of its id.",
    });
  const place = placeOf(only);
  if (place !== undefined) {
    permitOn(place, doing);
    return only;
  }
  throw new EngineError("not-supported", `cannot ${doing}: ${short} is no backup of an instance`, {
    hint: "restic restores it.",
  });
}

/** Undefined for what is no backup of an instance. */
function placeOf(snapshot: Snapshot): string | undefined {
  const backup = backupOf(snapshot, "");
  return backup && instancePath(backup.instance);
}

function isSeen(snapshot: Snapshot): boolean {
  const place = placeOf(snapshot);
  return place === undefined ? sees("system.view", SYSTEM) : sees("instance.view", place);
}
