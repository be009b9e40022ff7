/**
 * The guest's half of a transfer: small POSIX shell scripts around its own `tar` and `cat`, which every guest has.
 * Paths are arguments, never part of a script, and never go through `$(…)`, which would take a newline off their end.
 * Relative ones begin at the user's home, where scripts run.
 */
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { EngineError } from "../../base/errors.ts";
import type { EngineClient, RemoteProcess } from "../engine-client.ts";

export type GuestEnd = { client: EngineClient; instance: string; signal: AbortSignal };

/** What is at a path, links followed: a directory, something else, nothing but its parent is there, or nothing at all. */
export type Kind = "directory" | "file" | "absent" | "no-parent";

const KIND = `p=$1
case $p in */*) parent=\${p%/*}/;; *) parent=.;; esac
if [ -d "$p" ]; then echo directory; elif [ -e "$p" ]; then echo file
elif [ -d "$parent" ]; then echo absent; else echo no-parent; fi`;

/** With IFS empty a pattern is only expanded, not split; a NUL ends each name. What matches nothing prints nothing. */
const EXPAND = `IFS=
for p in $1; do if [ -e "$p" ] || [ -L "$p" ]; then printf '%s\\0' "$p"; fi; done`;

/**
 * GNU tar moves 10 KiB at a time, a sixth slower than with these 256 KiB; other tars do not read this.
 */
const TAR = "TAR_OPTIONS=--blocking-factor=512 tar";

/**
 * Into a directory of its own beside the target, so that a transfer that ends early leaves nothing; then each entry
 * takes its place: a file replaces a file, a directory is merged into one that is there.
 */
const UNPACK = `set -e
target=$1 mode=$2 name=$3
work=$(mktemp -d "$target/.berth-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM PIPE
${TAR} -xpf - -C "$work"
for p in "$work"/* "$work"/.[!.]* "$work"/..?*; do
  [ -e "$p" ] || [ -L "$p" ] || continue
  to=$target/$name
  [ "$mode" = rename ] || to=$target/\${p##*/}
  if [ -d "$p" ] && [ ! -L "$p" ] && [ -d "$to" ]; then cp -a "$p/." "$to/"; else mv -f "$p" "$to"; fi
done`;

const WRITE = `set -e
case $1 in */*) parent=\${1%/*}/;; *) parent=./;; esac
work=$(mktemp "\${parent}.berth-XXXXXX")
trap 'rm -f "$work"' EXIT
trap 'exit 1' HUP INT TERM PIPE
cat > "$work"
if [ -e "$1" ]; then chmod --reference="$1" "$work" 2>/dev/null || true; else chmod "$(printf '%o' $((0666 & ~0$(umask))))" "$work"; fi
mv -f "$work" "$1"`;

const PACK = `d=$1; shift; cd -- "$d" && ${TAR} -cf - -- "$@"`;

export async function kindOf(end: GuestEnd, path: string): Promise<Kind> {
  return (await script(end, KIND, [path])).trim() as Kind;
}

/** The guest's own names for a path that may be a pattern. Throws `not-found` where there are none. */
export async function expand(end: GuestEnd, pattern: string): Promise<string[]> {
  const names = (await script(end, EXPAND, [pattern])).split("\0").slice(0, -1);
  if (names.length > 0) return names;
  throw new EngineError(
    "not-found",
    `cannot transfer ${end.instance}:${pattern}: there is no such file in the instance`,
  );
}

export async function makeDirectory(end: GuestEnd, path: string): Promise<void> {
  await script(end, 'mkdir -p -- "$1"', [path]);
}

/** A tar of these entries of a directory. End `finish` after reading it: it tells whether it was whole. */
export async function packing(
  end: GuestEnd,
  directory: string,
  entries: readonly string[],
): Promise<{ output: Readable; finish: () => Promise<void> }> {
  const child = await start(end, PACK, [directory, ...entries]);
  child.stdin.end();
  const words = text(child.stderr);
  return { output: child.stdout, finish: () => ended(end, child, words) };
}

export async function reading(
  end: GuestEnd,
  path: string,
): Promise<{ output: Readable; finish: () => Promise<void> }> {
  const child = await start(end, 'exec cat -- "$1"', [path]);
  child.stdin.end();
  const words = text(child.stderr);
  return { output: child.stdout, finish: () => ended(end, child, words) };
}

/** Takes a tar into a directory. With `name`, its one entry gets that name. */
export async function unpacking(
  end: GuestEnd,
  directory: string,
  name?: string,
): Promise<{ input: Writable; finish: () => Promise<void> }> {
  const child = await start(end, UNPACK, [directory, name === undefined ? "keep" : "rename", name ?? ""]);
  child.stdout.resume();
  const words = text(child.stderr);
  return { input: child.stdin, finish: () => ended(end, child, words) };
}

export async function writing(
  end: GuestEnd,
  path: string,
): Promise<{ input: Writable; finish: () => Promise<void> }> {
  const child = await start(end, WRITE, [path]);
  child.stdout.resume();
  const words = text(child.stderr);
  return { input: child.stdin, finish: () => ended(end, child, words) };
}

async function script(end: GuestEnd, body: string, args: readonly string[]): Promise<string> {
  const child = await start(end, body, args);
  child.stdin.end();
  const [out, words] = [text(child.stdout), text(child.stderr)];
  await ended(end, child, words);
  return out;
}

function start(
  { client, instance, signal }: GuestEnd,
  body: string,
  args: readonly string[],
): Promise<RemoteProcess> {
  return client.exec(instance, { argv: ["sh", "-c", body, "sh", ...args] }, { signal });
}

async function ended({ instance }: GuestEnd, child: RemoteProcess, words: Promise<string>): Promise<void> {
  words.catch(() => {});
  const { code } = await child.exited;
  if (code === 0) return;
  const said = (await words).trim().split("\n").slice(-3).join("; ");
  throw new EngineError(
    "driver-failed",
    `cannot transfer with ${instance}: ${said || "the guest's side ended early"}`,
  );
}
