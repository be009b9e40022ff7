/** The keys that leave the main process of a container, as Docker and Podman write them. No schemas, as in `names.ts`. */

export const DETACH_KEYS = "ctrl-p,ctrl-q";

const KEY = "(?:[^\\s,]|ctrl-[a-zA-Z@[\\\\\\]^_])";
/** One key after the other: a sign, or one with Ctrl. */
export const DETACH_KEYS_PATTERN = new RegExp(`^${KEY}(?:,${KEY}){0,9}$`);

/** What a terminal sends at these keys; undefined where the text names none. Pure. */
export function detachBytes(text: string): Buffer | undefined {
  if (!DETACH_KEYS_PATTERN.test(text)) return undefined;
  const keys = text.split(",").map((key) => (key.length === 1 ? key : control(key.slice("ctrl-".length))));
  return Buffer.from(keys.join(""), "utf8");
}

/** As terminals have it: the lower five bits of the sign. */
function control(sign: string): string {
  return String.fromCharCode(sign.toUpperCase().charCodeAt(0) & 0x1f);
}
