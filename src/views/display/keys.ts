/** Keys that a computer, its desktop or the editor keeps for itself, so that a guest gets them only from here. Pure. */

/** As much of a KeyboardEvent as is looked at. */
type KeyPress = { ctrlKey: boolean; altKey: boolean; code: string };

/** A key by its X11 keysym, and by where it is on a keyboard. */
export type Key = { keysym: number; code: string };
export type Chord = { label: string; keys: readonly Key[] };

const CTRL: Key = { keysym: 0xffe3, code: "ControlLeft" };
const ALT: Key = { keysym: 0xffe9, code: "AltLeft" };
const SUPER: Key = { keysym: 0xffeb, code: "MetaLeft" };
const TAB: Key = { keysym: 0xff09, code: "Tab" };
const ESCAPE: Key = { keysym: 0xff1b, code: "Escape" };
const BACKSPACE: Key = { keysym: 0xff08, code: "Backspace" };
const PRINT: Key = { keysym: 0xff61, code: "PrintScreen" };

const F1 = 0xffbe;
const functionKey = (number: number): Key => ({ keysym: F1 + number - 1, code: `F${number}` });

export const CHORDS: readonly Chord[] = [
  // The virtual terminals of a Linux guest.
  ...[1, 2, 3, 4, 5, 6, 7].map((number) => ({
    label: `Ctrl+Alt+F${number}`,
    keys: [CTRL, ALT, functionKey(number)],
  })),
  { label: "Ctrl+Alt+Backspace", keys: [CTRL, ALT, BACKSPACE] },
  { label: "Alt+Tab", keys: [ALT, TAB] },
  { label: "Alt+F4", keys: [ALT, functionKey(4)] },
  { label: "Ctrl+Esc", keys: [CTRL, ESCAPE] },
  { label: "Super", keys: [SUPER] },
  { label: "Print Screen", keys: [PRINT] },
  { label: "F8", keys: [functionKey(8)] },
  { label: "F11", keys: [functionKey(11)] },
  { label: "F12", keys: [functionKey(12)] },
];

/** Pressed in order, let go in reverse. */
export function strokes(keys: readonly Key[]): (Key & { down: boolean })[] {
  return [
    ...keys.map((key) => ({ ...key, down: true })),
    ...keys.toReversed().map((key) => ({ ...key, down: false })),
  ];
}

/** What gives the keyboard back, as QEMU's own windows have it. */
export function isRelease({ ctrlKey, altKey, code }: KeyPress): boolean {
  return ctrlKey && altKey && code === "KeyG";
}
