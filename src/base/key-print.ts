/** How people compare SSH keys. */
import { createHash } from "node:crypto";

/** `SHA256:…`, as `ssh-keygen -l` shows a key, given as it crosses the wire. */
export function keyPrint(blob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}
