/** Our part of this host's hosts file. Pure: whatever else stands there stays as it is, byte for byte. */
import path from "node:path";
import { EngineError } from "../base/errors.ts";
import { loopbackOf } from "../base/loopback.ts";

const BEGIN = "# begin berth: names of instances";
const END = "# end berth";

export function hostsFile(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
): string {
  if (platform !== "win32") return "/etc/hosts";
  return path.win32.join(env["SystemRoot"] || "C:\\Windows", "System32", "drivers", "etc", "hosts");
}

/** The lines, sorted by name; without the marks. */
export function hostsLines(instances: readonly { name: string; address: string }[]): string[] {
  const sorted = instances.toSorted((a, b) => a.name.localeCompare(b.name));
  return sorted.map(({ name, address }) => `${loopbackOf(address)} ${name}.berth`);
}

/** The file with these lines as our part, in its old place or at the end. Throws where a part of ours is damaged. */
export function withNames(text: string, lines: readonly string[]): string {
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const block = [BEGIN, ...lines, END].join(newline);
  const place = placeOf(text);
  if (place) return text.slice(0, place.begin) + block + text.slice(place.end);
  // Whether the file ended with a line of its own tells whether our part does, and so how it is taken away again.
  return text === "" || text.endsWith("\n") ? `${text}${block}${newline}` : `${text}${newline}${block}`;
}

/** The file as it was before our part came into it. */
export function withoutNames(text: string): string {
  const place = placeOf(text);
  if (!place) return text;
  const [before, after] = [text.slice(0, place.begin), text.slice(place.end)];
  return after === "" ? before.replace(/\r?\n$/, "") : before + after.replace(/^\r?\n/, "");
}

function placeOf(text: string): { begin: number; end: number } | undefined {
  const marks = [...text.matchAll(/^# (?:begin berth: names of instances|end berth)(?=\r?$)/gm)];
  if (marks.length === 0) return undefined;
  const [first, second] = marks;
  if (marks.length === 2 && first?.[0] === BEGIN && second?.[0] === END) {
    return { begin: first.index, end: second.index + END.length };
  }
  throw new EngineError("invalid-argument", "cannot change the hosts file: Berth's part of it is damaged", {
    hint: `Remove the lines from "${BEGIN}" to "${END}" by hand, then try again.`,
  });
}
