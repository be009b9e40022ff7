/** Guests' words as the views show them. */
export { withoutControls } from "../base/plain-text.ts";
