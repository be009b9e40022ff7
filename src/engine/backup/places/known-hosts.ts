/** The host keys that the user's own SSH knows: known_hosts files, as sshd(8) describes them. Pure. */
import { createHmac } from "node:crypto";

export type HostKey = { type: string; blob: Buffer };

export type KnownKeys = { accepted: HostKey[]; revoked: HostKey[] };

/** What a file's text says of a host. Certificates' authorities are left out: no certificate is ever accepted. */
export function knownKeys(text: string, name: string): KnownKeys {
  const known: KnownKeys = { accepted: [], revoked: [] };
  for (const line of text.split(/\r?\n/)) {
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith("@") ? words.shift() : undefined;
    const [patterns = "", type = "", base64 = ""] = words;
    if (patterns.startsWith("#") || base64 === "" || !isMatch(patterns, name.toLowerCase())) continue;
    const key = { type, blob: Buffer.from(base64, "base64") };
    if (marker === undefined) known.accepted.push(key);
    if (marker === "@revoked") known.revoked.push(key);
  }
  return known;
}

/** Whether a server that shows this key is the one that is known. */
export function isKnown({ accepted, revoked }: KnownKeys, key: Buffer): boolean {
  const isOf = (keys: readonly HostKey[]) => keys.some(({ blob }) => blob.equals(key));
  return isOf(accepted) && !isOf(revoked);
}

/** How known_hosts names a host: with its port where that is not 22. */
export function knownName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

function isMatch(patterns: string, name: string): boolean {
  const hashed = /^\|1\|([^|]+)\|([^|]+)$/.exec(patterns);
  if (hashed) {
    const salt = Buffer.from(hashed[1] ?? "", "base64");
    return createHmac("sha1", salt).update(name).digest("base64") === hashed[2];
  }
  const all = patterns.toLowerCase().split(",");
  const matches = (pattern: string) => wildcards(pattern).test(name);
  return (
    all.some((pattern) => !pattern.startsWith("!") && matches(pattern)) &&
    !all.some((pattern) => pattern.startsWith("!") && matches(pattern.slice(1)))
  );
}

function wildcards(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`, "s");
}
