/** Guests' words as the views show them. */
export { plainText, withoutControls } from "../base/plain-text.ts";
