/** Yes and no as people write them in settings. */
const YES = new Set(["on", "yes", "1", "true"]);
const NO = new Set(["off", "no", "0", "false"]);

/** Undefined where the text says neither. */
export function flagFrom(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (YES.has(word)) return true;
  return NO.has(word) ? false : undefined;
}
