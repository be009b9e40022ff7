/** What a guest prints or calls itself, as text that shows what it is: for documents, terminals and models. Pure. */

const ESC = String.fromCharCode(0x1b);
const BEL = String.fromCharCode(0x07);

/** Control sequences of ECMA-48: CSI, OSC up to its end, character sets, single-character functions. */
const SEQUENCES = new RegExp(
  [
    `${ESC}\\[[0-?]*[ -/]*[@-~]`,
    `${ESC}\\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\\\)`,
    `${ESC}[()][0-9A-Za-z]`,
    `${ESC}[=>78cDEHMNOZ]`,
  ].join("|"),
  "g",
);

/** Everything below a space but tab and line feed, and DEL. */
const CONTROLS = /[^\P{Cc}\t\n]/gu;

/** A console prints colours and cursor movements; a document shows text. */
export function withoutControls(text: string): string {
  return text.replace(SEQUENCES, "").replace(/\r+\n/g, "\n").replace(/\r/g, "\n").replace(CONTROLS, "");
}

/** Characters that show text in another order than it is stored in, or not at all. */
const DECEIVING = /[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/** No control sequences; what would deceive the eye is spelled out. */
export function plainText(text: string): string {
  return withoutControls(text).replace(
    DECEIVING,
    (one) => `<U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}>`,
  );
}
