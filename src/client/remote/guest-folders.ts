/** The directories of a guest, for choosing one. */

import { EngineError } from "../../base/errors.ts";
import type { RemoteProcess } from "../engine-client.ts";
import type { GuestEnd } from "../transfer/in-guest.ts";

export type GuestFolder = {
  /** Absolute, links followed. */
  path: string;
  /** Names of the directories in it, those that are hidden last. */
  folders: string[];
};

/** The directory itself, then what is in it; each ends with a NUL. The user's home where none is given. */
const LIST = `cd -- "\${1:-$HOME}" || exit 3
printf '%s\\0' "$(pwd)"
for one in * .[!.]* ..?*; do if [ -d "$one" ]; then printf '%s\\0' "$one"; fi; done`;

const NO_SUCH = 3;
/** A guest is not trusted to end. */
const MAX_BYTES = 2 ** 20;

/** Rejects with `not-found` where there is no such directory, or where it may not be entered. */
export async function listFolders(end: GuestEnd, path: string): Promise<GuestFolder> {
  const { client, instance, signal } = end;
  const child = await client.exec(instance, { argv: ["sh", "-c", LIST, "sh", path] }, { signal });
  child.stdin.end();
  child.stderr.resume();
  const output = await limited(child);
  const { code } = await child.exited;
  const found = code === 0 ? parseFolders(output) : undefined;
  if (found) return found;
  const reason =
    code === NO_SUCH ? "there is no such directory, or it may not be entered" : "it did not answer";
  throw new EngineError("not-found", `cannot open ${instance}:${path}: ${reason}`);
}

/** Undefined where the guest said something else. A name that is no UTF-8 could not be opened, and is left out. Pure. */
export function parseFolders(output: Buffer): GuestFolder | undefined {
  const names = output.toString("utf8").split("\0").slice(0, -1);
  const [path, ...rest] = names;
  if (path === undefined || !path.startsWith("/")) return undefined;
  const folders = rest.filter((name) => name !== "" && !name.includes("\ufffd") && !name.includes("/"));
  const hidden = (name: string) => (name.startsWith(".") ? 1 : 0);
  folders.sort((a, b) => hidden(a) - hidden(b) || a.localeCompare(b, "en", { numeric: true }));
  return { path, folders };
}

async function limited(child: RemoteProcess): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size <= MAX_BYTES) continue;
    child.close();
    throw new EngineError("no-resources", "cannot list the directory: it is too large");
  }
  return Buffer.concat(chunks);
}
