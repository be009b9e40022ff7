/** Guests' words as the views show them. */
import { withoutControls } from "../base/plain-text.ts";

export { plainText, withoutControls } from "../base/plain-text.ts";

/** A line of a page: as it is, without what moves a cursor, and no longer than anybody reads. */
export function pageText(text: string): string {
  return withoutControls(text).slice(0, 2000);
}
