/** What a guest prints or stores, as text that shows what it is: for models, documents and terminals. Pure. */
import { withoutControls } from "../base/plain-text.ts";

/** Characters that show text in another order than it is stored in, or not at all. */
const DECEIVING = /[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/** No control sequences; what would deceive the eye is spelled out. */
export function plainText(text: string): string {
  return withoutControls(text).replace(
    DECEIVING,
    (one) => `<U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}>`,
  );
}

/** Whether a program that shows text could show these bytes. */
export function isText(bytes: Uint8Array): boolean {
  if (bytes.includes(0)) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
