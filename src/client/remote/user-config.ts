/**
 * The one block that Berth puts at the top of the user's own SSH configuration, and takes out again byte for byte.
 * Texts are the file's bytes as latin-1, so that whatever its encoding is comes back unchanged. Pure.
 */
import { EngineError } from "../../base/errors.ts";

const BEGIN = "# >>> berth >>>";
/** Where there was no file: taking the block out removes the file as well. */
const BEGIN_OF_NEW = "# >>> berth, which made this file >>>";
const END = "# <<< berth <<<";
/** UTF-8's mark of byte order, as latin-1. */
const BOM = "\u00ef\u00bb\u00bf";

type Line = { start: number; end: number; text: string };

/** A block in a text: where it begins and ends, its line end included, and what stands between the markers. */
export type Block = { start: number; end: number; lines: string[]; madeFile: boolean };

/** Throws `wrong-state` where markers are there but do not make one block. `file` is for messages. */
export function findBlock(text: string, file: string): Block | undefined {
  const lines = linesOf(text);
  const begins = lines.filter((line) => line.text === BEGIN || line.text === BEGIN_OF_NEW);
  const ends = lines.filter((line) => line.text === END);
  const [begin] = begins;
  const [end] = ends;
  if (!begin && !end) return undefined;
  if (!begin || !end || begins.length > 1 || ends.length > 1 || end.start < begin.start) {
    throw new EngineError("wrong-state", `cannot change ${file}: Berth's markers in it are damaged`, {
      hint: `Remove the lines from "${BEGIN}" to "${END}" yourself, then try again.`,
    });
  }
  const inside = lines.filter((line) => line.start > begin.start && line.start < end.start);
  return {
    start: begin.start,
    end: end.end,
    lines: inside.map((line) => line.text),
    madeFile: begin.text === BEGIN_OF_NEW,
  };
}

/** The text with these lines as its block: in the place of the one that is there, else at the top. */
export function withBlock(text: string | undefined, lines: readonly string[], file: string): string {
  const before = text ?? "";
  refuseOtherEncodings(before, file);
  const present = findBlock(before, file);
  const newline = /\r?\n/.exec(before)?.[0] ?? "\n";
  const begin = text === undefined || present?.madeFile ? BEGIN_OF_NEW : BEGIN;
  const block = [begin, ...lines, END].map((line) => line + newline).join("");
  const top = before.startsWith(BOM) ? BOM.length : 0;
  const { start, end } = present ?? { start: top, end: top };
  return before.slice(0, start) + block + before.slice(end);
}

/** The text without its block; undefined where the file was made for it and nothing else is in it. */
export function withoutBlock(text: string, file: string): string | undefined {
  const present = findBlock(text, file);
  if (!present) return text;
  const rest = text.slice(0, present.start) + text.slice(present.end);
  return present.madeFile && rest === "" ? undefined : rest;
}

function refuseOtherEncodings(text: string, file: string): void {
  if (!text.includes("\0")) return;
  throw new EngineError("invalid-argument", `cannot change ${file}: it is not plain text`, {
    hint: "OpenSSH cannot read UTF-16: save the file as UTF-8.",
  });
}

function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  for (let start = text.startsWith(BOM) ? BOM.length : 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline + 1;
    lines.push({ start, end, text: text.slice(start, end).replace(/\r?\n$/, "") });
    start = end;
  }
  return lines;
}
