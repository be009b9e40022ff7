/** A review as a unified diff, as git writes it. */
import { open, readlink, stat } from "node:fs/promises";
import { createTwoFilesPatch } from "diff";
import { formatBytes } from "../../base/units.ts";
import { isText } from "../plain.ts";
import type { Change, FileEntry } from "./changes.ts";
import type { Review } from "./review.ts";

/** A larger file is told by its size. */
export const SHOWN_BYTES = 2 ** 20;
/** Two texts that have little in common are not compared for longer. */
const COMPARE_MS = 2_000;

/** One side: text, or what stands for it where it is none. */
type Side = { text: string } | { told: string };

export async function diffText(review: Review): Promise<string> {
  const parts: string[] = [];
  for (const change of review.changes) parts.push(await changeText(review, change));
  return parts.join("");
}

/** The part of the diff that is about one file. */
export async function changeText(review: Review, change: Change): Promise<string> {
  const [before, after] = await Promise.all([
    sideOf(review.before(change), change.before),
    sideOf(review.after(change), change.after),
  ]);
  return patchOf(change, before, after);
}

/** Pure. */
export function patchOf(change: Change, before: Side, after: Side): string {
  const { path, kind } = change;
  const [a, b] = [`a/${path}`, `b/${path}`];
  const head = [`diff --git ${quoted(a)} ${quoted(b)}`, ...modes(change)];
  const [from, to] = [kind === "added" ? "/dev/null" : a, kind === "deleted" ? "/dev/null" : b];
  if ("text" in before && "text" in after) {
    if (before.text === after.text) return `${head.join("\n")}\n`;
    const options = { context: 3, timeout: COMPARE_MS };
    const patch: string | undefined = createTwoFilesPatch(from, to, before.text, after.text, "", "", options);
    if (patch !== undefined) return `${head.join("\n")}\n${patch.slice(patch.indexOf("--- "))}`;
    return `${head.join("\n")}\nFiles ${quoted(from)} and ${quoted(to)} differ in nearly everything\n`;
  }
  const told = [before, after].map((side) => ("told" in side ? side.told : `${side.text.length} characters`));
  const sizes = kind === "added" ? told[1] : kind === "deleted" ? told[0] : told.join(" → ");
  return `${head.join("\n")}\nBinary files ${quoted(from)} and ${quoted(to)} differ (${sizes})\n`;
}

function modes({ kind, before, after }: Change): string[] {
  if (kind === "added") return [`new file mode ${modeOf(after)}`];
  if (kind === "deleted") return [`deleted file mode ${modeOf(before)}`];
  const [was, is] = [modeOf(before), modeOf(after)];
  return was === is ? [] : [`old mode ${was}`, `new mode ${is}`];
}

function modeOf(entry: FileEntry | undefined): string {
  if (entry?.kind === "link") return "120000";
  return entry?.executable ? "100755" : "100644";
}

/** git quotes names with control characters, quotes and backslashes. */
function quoted(name: string): string {
  return /[\p{Cc}"\\]/u.test(name) ? JSON.stringify(name) : name;
}

/** What a document shows of one side; undefined where it is no text, or too much. */
export async function sideText(
  file: string | undefined,
  entry: FileEntry | undefined,
): Promise<string | undefined> {
  const side = await sideOf(file, entry);
  return "text" in side ? side.text : undefined;
}

async function sideOf(file: string | undefined, entry: FileEntry | undefined): Promise<Side> {
  if (file === undefined || entry === undefined) return { text: "" };
  if (entry.kind === "link") return { text: await readlink(file) };
  const { size } = await stat(file);
  if (size > SHOWN_BYTES) return { told: formatBytes(size) };
  const handle = await open(file);
  try {
    const bytes = await handle.readFile();
    return isText(bytes) ? { text: bytes.toString("utf8") } : { told: formatBytes(size) };
  } finally {
    await handle.close();
  }
}
