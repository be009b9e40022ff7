/** What is typed at a console, up to the key that leaves it. Pure. */

/** Ctrl-], as the terminal sends it; also in the ways in which a guest may have asked the terminal to send keys. */
const LEAVING = ["\x1d", "\x1b[93;5u", "\x1b[27;5;93~"].map((key) => Buffer.from(key, "latin1"));

/** The part for the guest, and whether the key was pressed after it. */
export function untilLeft(typed: Buffer): { typed: Buffer; leaves: boolean } {
  const places = LEAVING.map((key) => typed.indexOf(key)).filter((at) => at >= 0);
  if (places.length === 0) return { typed, leaves: false };
  return { typed: typed.subarray(0, Math.min(...places)), leaves: true };
}
