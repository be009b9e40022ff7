/** A console prints colours and cursor movements; a document shows text. Pure. */

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

export function withoutControls(text: string): string {
  return text.replace(SEQUENCES, "").replace(/\r+\n/g, "\n").replace(/\r/g, "\n").replace(CONTROLS, "");
}
