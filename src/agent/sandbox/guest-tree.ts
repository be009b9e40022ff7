/** The files of a directory in a guest, by their hashes. What the guest says is only believed of what it then sends. */
import { text } from "node:stream/consumers";
import { EngineError } from "../../base/errors.ts";
import type { GuestEnd } from "../../client/transfer/in-guest.ts";
import type { FileEntry } from "./changes.ts";
import { hashOf } from "./entry.ts";

const NAMES = `cd -- "$1" && find . -name .git -prune -o -type "$2" -print0`;
/** As many lines as arguments, twice. */
const FACTS = `cd -- "$1" && shift && stat -c %a -- "$@" && sha256sum -- "$@"`;
const TARGETS = `cd -- "$1" && shift && for p in "$@"; do readlink -- "$p" || exit 1; done`;

/** Names of a listing that may be kept in memory. */
const NAME_BYTES = 64 * 2 ** 20;
const BATCH_BYTES = 64 * 2 ** 10;
const BATCH_NAMES = 500;

/** Names below the directory, as the guest gives them: without its leading `./`, otherwise unchecked. */
export async function guestNames(end: GuestEnd, directory: string, kind: "file" | "link"): Promise<string[]> {
  const out = await script(end, NAMES, [directory, kind === "file" ? "f" : "l"]);
  return out.split("\0").flatMap((name) => (name.startsWith("./") ? [name.slice(2)] : []));
}

/** What these files are now, in that order. None of the names has a line feed in it. */
export async function guestEntries(
  end: GuestEnd,
  directory: string,
  kind: "file" | "link",
  names: readonly string[],
): Promise<FileEntry[]> {
  const found: FileEntry[] = [];
  for (const batch of batches(names)) {
    const args = [directory, ...batch.map((name) => `./${name}`)];
    const out = await script(end, kind === "file" ? FACTS : TARGETS, args);
    const lines = out.split("\n");
    for (const [at, path] of batch.entries()) {
      if (kind === "link") {
        found.push({ path, kind, executable: false, sha256: hashOf(lines[at] ?? "") });
        continue;
      }
      // A name with a backslash makes sha256sum begin its line with one.
      const sha256 = /^\\?([0-9a-f]{64})\b/.exec(lines[batch.length + at] ?? "")?.[1];
      const mode = Number.parseInt(lines[at] ?? "", 8);
      if (sha256 === undefined || Number.isNaN(mode)) throw changing(end);
      found.push({ path, kind, executable: (mode & 0o100) !== 0, sha256 });
    }
  }
  return found;
}

/** In pieces that fit into a command line. Pure. */
export function batches(names: readonly string[]): string[][] {
  const all: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const length = Buffer.byteLength(name) + 3;
    const last = all.at(-1);
    if (last && bytes + length <= BATCH_BYTES && last.length < BATCH_NAMES) {
      last.push(name);
      bytes += length;
    } else {
      all.push([name]);
      bytes = length;
    }
  }
  return all;
}

export function changing({ instance }: GuestEnd): EngineError {
  return new EngineError("busy", `cannot read the files of ${instance}: they change at this moment`, {
    hint: "Wait until what works in it has ended, then try again.",
  });
}

async function script(end: GuestEnd, body: string, args: readonly string[]): Promise<string> {
  const { client, instance, signal } = end;
  const child = await client.exec(instance, { argv: ["sh", "-c", body, "sh", ...args] }, { signal });
  child.stdin.end();
  const words = text(child.stderr);
  words.catch(() => {});
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of child.stdout) {
    bytes += (chunk as Buffer).length;
    if (bytes > NAME_BYTES) {
      child.close();
      child.exited.catch(() => {});
      throw new EngineError("no-resources", `cannot read the files of ${instance}: there are too many`, {
        hint: "Remove what is not the project's in the guest, or let .gitignore name it.",
      });
    }
    pieces.push(chunk as Buffer);
  }
  const { code } = await child.exited;
  if (code === 0) return Buffer.concat(pieces).toString("utf8");
  const said = (await words).trim().split("\n").at(-1);
  throw new EngineError("driver-failed", `cannot read the files of ${instance}: ${said || "find failed"}`);
}
