/** What changes beneath a directory of a guest, told by inotify through a process that lives as long as the watch. */
import type { ExecOpen } from "../../api/streams.ts";
import type { EngineClient } from "../engine-client.ts";

export type Change = { path: string; what: "created" | "changed" | "deleted" };

/** Why a watch is over: the guest has no inotifywait, or what that said last. */
export type WatchEnd = { noInotify: boolean; words: string };

/**
 * The process is inotifywait itself, and ends with its input, so that nothing is left in the guest when the stream has
 * gone. A full pipe or a limit of the guest's ends it too, in its own words.
 */
const WATCH = `command -v inotifywait >/dev/null 2>&1 || exit 127
deep=$1; shift
if [ "$deep" = 1 ]; then set -- -r "$@"; fi
exec 3<&0
(cat <&3; kill $$) >/dev/null 2>&1 &
exec inotifywait -m -q --exclude '/(node_modules|\\.git/objects)(/|$)' \\
  -e create -e close_write -e attrib -e delete -e move --format '%e %w%f' "$@" 3<&-`;

const NO_PROGRAM = 127;
/** A line of a guest that never ends is not kept, nor are complaints without end. */
const MAX_LINE_BYTES = 64 * 1024;
const MAX_WORDS = 500;

export function watchCommand(path: string, recursive: boolean): ExecOpen {
  return { argv: ["sh", "-c", WATCH, "sh", recursive ? "1" : "0", path] };
}

/** Until it ends or the signal aborts. Rejects with EngineError where the guest cannot be reached. */
export async function watchGuest(
  end: { client: EngineClient; instance: string; signal: AbortSignal },
  path: string,
  recursive: boolean,
  onChanges: (changes: Change[]) => void,
): Promise<WatchEnd> {
  const { client, instance, signal } = end;
  const child = await client.exec(instance, watchCommand(path, recursive), { signal });
  let words = "";
  child.stderr.on("data", (chunk: Buffer) => {
    words = (words + chunk.toString("utf8")).slice(0, MAX_WORDS);
  });
  let rest = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString("utf8")).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE_BYTES) rest = "";
    const changes = lines.flatMap((line) => changeOf(line, path) ?? []);
    if (changes.length > 0) onChanges(changes);
  });
  const { code } = await child.exited;
  return { noInotify: code === NO_PROGRAM, words: words.trim() };
}

/**
 * `CREATE,ISDIR /home/ubuntu/new`. Undefined for what tells nothing, or of what is not watched: a name may hold a new
 * line, and what comes after it is not a line of inotifywait's. Pure.
 */
export function changeOf(line: string, watched: string): Change | undefined {
  const space = line.indexOf(" ");
  const path = line.slice(space + 1).replace(/(?<=.)\/$/, "");
  const root = watched.replace(/\/$/, "");
  if (space < 0 || (path !== watched && !path.startsWith(`${root}/`))) return undefined;
  const events = line.slice(0, space).split(",");
  const has = (...names: string[]) => names.some((name) => events.includes(name));
  if (has("CREATE", "MOVED_TO")) return { path, what: "created" };
  if (has("DELETE", "MOVED_FROM")) return { path, what: "deleted" };
  if (has("CLOSE_WRITE", "ATTRIB")) return { path, what: "changed" };
  return undefined;
}
