/** What is said of an instance whose disks are not whole. Pure. */
import type { Problem } from "../../api/instance.ts";
import type { Entry } from "./entry.ts";
import { AWAITING_HINT } from "./transitions.ts";

type Awaiting = Pick<Entry, "record" | "arrival">;

/** In words that follow a colon; undefined of one whose disks are whole. */
export function awaitingOf({ record, arrival }: Awaiting): string | undefined {
  const { awaited } = record.descriptor;
  if (!awaited) return undefined;
  const backup = awaited.backup.slice(0, 8);
  if (!arrival) return `a part of its data is in the backup ${backup} alone`;
  const { done, total } = arrival;
  const percent = total > 0 ? Math.floor((100 * done) / total) : 0;
  return `its data is still on the way from the backup ${backup} (${percent} %)`;
}

/** How far that is, and what keeps it from coming. */
export function arrivalProblems(entry: Awaiting): Problem[] {
  const message = awaitingOf(entry);
  if (message === undefined) return [];
  const state: Problem = { code: "data-awaited", severity: "info", message, hint: AWAITING_HINT };
  const { trouble } = entry.arrival ?? {};
  return trouble ? [state, trouble] : [state];
}
