/** Tools for the files of a guest. Their names and inputs are those of Lima's, so that agents can swap one for the other. */
import * as z from "zod";
import { EngineError } from "../../base/errors.ts";
import { plainText } from "../../base/plain-text.ts";
import { formatBytes } from "../../base/units.ts";
import { cappedText } from "../capped.ts";
import { globMatcher } from "../glob.ts";
import { script } from "../in-guest.ts";
import { isText } from "../plain.ts";
import { DESTROYS, GuestPath, Instance, jsonText, READS, type Tool, tool } from "../tool.ts";

const READ_BYTES = 256 * 2 ** 10;
const MOST_READ_BYTES = 2 ** 20;
const MOST_WRITTEN_BYTES = 4 * 2 ** 20;
const ENTRIES = 1000;
const FOUND = 1000;
const NAMES_BYTES = 8 * 2 ** 20;
const MATCH_BYTES = 128 * 2 ** 10;
const SEARCH_MS = 120_000;

/** The kind first, so that a fifo is not waited for. */
const READ = `[ -e "$1" ] || { echo "$1: No such file or directory" >&2; exit 1; }
[ -d "$1" ] && { echo "$1: Is a directory" >&2; exit 1; }
[ -f "$1" ] || { echo "$1: Not a regular file" >&2; exit 1; }
wc -c < "$1" && tail -c "+$2" -- "$1" | head -c "$3"`;

/** The new content takes its place when it is whole. */
const WRITE = `set -e
mkdir -p -- "$(dirname -- "$1")"
[ -d "$1" ] && { echo "$1: Is a directory" >&2; exit 1; }
target=$(readlink -f -- "$1")
work=$(mktemp "$(dirname -- "$target")/.berth-XXXXXX")
trap 'rm -f "$work"' EXIT
trap 'exit 1' HUP INT TERM PIPE
cat > "$work"
if [ -e "$target" ]; then chmod --reference="$target" "$work" 2>/dev/null || true
else chmod "$(printf '%o' $((0666 & ~0$(umask))))" "$work"; fi
mv -f "$work" "$target"`;

const LIST = `[ -d "$1" ] || { ls -d -- "$1" > /dev/null && echo "$1: Not a directory" >&2; exit 1; }
cd -- "$1" || exit 1
n=0
for p in * .[!.]* ..?*; do
  [ -e "$p" ] || [ -L "$p" ] || continue
  n=$((n+1)); [ "$n" -gt "$2" ] && break
  printf '%s/%s\\0' "$(stat -c '%F/%s/%a/%Y' -- "$p" 2>/dev/null)" "$p"
done`;

const FIND = `cd -- "$1" && find . -name .git -prune -o \\( -type f -o -type l \\) -print0 2>/dev/null || true`;

const GREP = `cd -- "$1" && shift && exec grep -rnIE -m 200 --exclude-dir=.git "$@" .`;

const list = tool({
  name: "list_directory",
  title: "List a directory of an instance",
  description:
    "Lists the files and directories directly within a directory of the instance, with size, mode and time of change.",
  input: z.object({
    instance: Instance,
    path: GuestPath.describe("The directory; a relative one lies in the user's home"),
  }),
  hints: READS,
  inGuest: true,
  run: async (context, { instance, path }) => {
    const args = [path, String(ENTRIES)];
    const out = await script(context, instance, `list ${path} in ${instance}`, LIST, args, {
      maxBytes: NAMES_BYTES,
    });
    const lines = out.head.toString("utf8") + out.tail.toString("utf8");
    const entries = lines.split("\0").slice(0, -1).map(entryOf);
    return jsonText({
      entries,
      ...(entries.length >= ENTRIES ? { truncated: `the first ${ENTRIES} are listed` } : {}),
    });
  },
});

function entryOf(line: string): Record<string, unknown> {
  const [kind = "", size = "", mode = "", time = "", ...name] = line.split("/");
  return {
    name: plainText(name.join("/")),
    is_dir: kind === "directory",
    ...(/regular/.test(kind) || kind === "directory" ? {} : { kind }),
    ...(kind === "directory" ? {} : { size: Number(size) }),
    mode,
    time: new Date(Number(time) * 1000).toISOString(),
  };
}

const read = tool({
  name: "read_file",
  title: "Read a file of an instance",
  description: `Returns the content of a file of the instance. Text comes as it is, anything else as base64, which is said. At most ${formatBytes(READ_BYTES)} unless max_bytes asks for more (up to ${formatBytes(MOST_READ_BYTES)}); offset reads on.`,
  input: z.object({
    instance: Instance,
    path: GuestPath.describe("The file; a relative one lies in the user's home"),
    offset: z.int().min(0).default(0).describe("Bytes to leave out at the beginning"),
    max_bytes: z.int().min(1).max(MOST_READ_BYTES).default(READ_BYTES),
  }),
  hints: READS,
  inGuest: true,
  run: async (context, { instance, path, offset, max_bytes: max }) => {
    const doing = `read ${path} in ${instance}`;
    const args = [path, String(offset + 1), String(max)];
    const { head, tail } = await script(context, instance, doing, READ, args, { maxBytes: 2 * (max + 64) });
    const all = Buffer.concat([head, tail]);
    const line = all.indexOf(10);
    const total = Number(all.subarray(0, line).toString("latin1").trim());
    const bytes = all.subarray(line + 1);
    const end = offset + bytes.length;
    const part = end < total || offset > 0 ? `[bytes ${offset} to ${end} of ${total}]` : undefined;
    const text = withoutCut(bytes, end < total);
    if (isText(text)) return [plainText(text.toString("utf8")), ...(part ? [part] : [])].join("\n");
    const said = `[binary, base64, ${part ?? `${total} bytes`}]`;
    return `${said}\n${bytes.toString("base64")}`;
  },
});

/** Without the beginning of a character of which the rest is not here. */
function withoutCut(bytes: Buffer, cut: boolean): Buffer {
  if (!cut) return bytes;
  for (let back = 1; back <= 3; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc0) return bytes.subarray(0, bytes.length - back);
    if (byte < 0x80) break;
  }
  return bytes;
}

const write = tool({
  name: "write_file",
  title: "Write a file of an instance",
  description:
    "Writes a whole file in the instance, in the place of one that is there; missing directories are made. encoding base64 is for content that is not text.",
  input: z.object({
    instance: Instance,
    path: GuestPath.describe("The file; a relative one lies in the user's home"),
    content: z.string().max(2 * MOST_WRITTEN_BYTES),
    encoding: z.enum(["utf8", "base64"]).default("utf8"),
  }),
  hints: { ...DESTROYS, idempotent: true },
  inGuest: true,
  question: ({ instance, path, content }) =>
    `Write ${content.length} characters to ${path} in ${instance}? What that file holds now is lost.`,
  run: async (context, { instance, path, content, encoding }) => {
    const bytes = Buffer.from(content, encoding);
    const doing = `write ${path} in ${instance}`;
    const invalid = (reason: string) => new EngineError("invalid-argument", `cannot ${doing}: ${reason}`);
    if (bytes.length > MOST_WRITTEN_BYTES)
      throw invalid(`it is larger than ${formatBytes(MOST_WRITTEN_BYTES)}`);
    if (encoding === "base64" && !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(content))
      throw invalid("its content is no base64");
    await script(context, instance, doing, WRITE, [path], { input: bytes });
    return `${bytes.length} bytes written to ${path} in ${instance}.`;
  },
});

const glob = tool({
  name: "glob",
  title: "Find files of an instance by name",
  description:
    "Lists the files of the instance whose path matches a pattern such as src/**/*.ts, sorted; .git is left out.",
  input: z.object({
    instance: Instance,
    pattern: z
      .string()
      .min(1)
      .max(500)
      .describe("* and ? within a name, ** across directories, [a-z], {a,b}"),
    path: GuestPath.default(".").describe("Where to begin; the user's home when left out"),
  }),
  hints: READS,
  inGuest: true,
  timeoutMs: SEARCH_MS,
  run: async (context, { instance, pattern, path }) => {
    const matches = globMatcher(pattern.replace(/^(\.\/)+/, ""));
    const doing = `look for files in ${path} of ${instance}`;
    const { head, tail, totalBytes } = await script(context, instance, doing, FIND, [path], {
      maxBytes: NAMES_BYTES,
    });
    const names = Buffer.concat([head, tail]).toString("utf8").split("\0");
    const found = names.flatMap((name) =>
      name.startsWith("./") && matches(name.slice(2)) ? [name.slice(2)] : [],
    );
    const cut = totalBytes > head.length + tail.length || found.length > FOUND;
    const shown = found.sort().slice(0, FOUND).map(plainText);
    if (shown.length === 0) return "No file matches.";
    return [...shown, ...(cut ? [`[more match than the ${shown.length} that are listed]`] : [])].join("\n");
  },
});

const search = tool({
  name: "search_file_content",
  title: "Search in files of an instance",
  description:
    "Searches the content of text files of the instance with an extended regular expression (grep -E) and lists file, line number and line; .git is left out.",
  input: z.object({
    instance: Instance,
    pattern: z.string().min(1).max(1000),
    path: GuestPath.default(".").describe("The directory to search in; the user's home when left out"),
    include: z.string().min(1).max(200).optional().describe("Only files of this name, such as *.ts"),
  }),
  hints: READS,
  inGuest: true,
  timeoutMs: SEARCH_MS,
  run: async (context, { instance, pattern, path, include }) => {
    const doing = `search in ${path} of ${instance}`;
    const args = [path, ...(include === undefined ? [] : [`--include=${include}`]), "-e", pattern];
    const out = await script(context, instance, doing, GREP, args, {
      maxBytes: MATCH_BYTES,
      okCodes: [0, 1],
    });
    return out.totalBytes === 0 ? "No line matches." : cappedText(out);
  },
});

export const FILE_TOOLS: readonly Tool[] = [list, read, write, glob, search];
