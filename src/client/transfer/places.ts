/** What a user writes as the ends of a transfer: `web:path`, a path of this host, or `-`. Pure. */
import path from "node:path";
import { NAME_PATTERN } from "../../api/names.ts";
import { EngineError } from "../../base/errors.ts";

export type Place =
  | { at: "host"; path: string }
  | { at: "guest"; instance: string; path: string }
  /** Standard input as a source, standard output as a target. */
  | { at: "stream" };

/** An instance's name before the first colon makes it a guest's; on Windows one letter is a drive. */
export function placeOf(text: string, platform: NodeJS.Platform): Place {
  if (text === "-") return { at: "stream" };
  const colon = text.indexOf(":");
  const name = text.slice(0, Math.max(0, colon));
  const drive = platform === "win32" && /^[A-Za-z]$/.test(name);
  if (colon < 1 || drive || !NAME_PATTERN.test(name)) return { at: "host", path: text };
  return { at: "guest", instance: name, path: text.slice(colon + 1) || "." };
}

/** Throws `invalid-argument` where these ends make no transfer. */
export function checkPlaces(sources: readonly Place[], target: Place): void {
  const bad = (reason: string, hint: string) =>
    new EngineError("invalid-argument", `cannot transfer: ${reason}`, { hint });
  const all = [...sources, target];
  const example = "berth transfer file.txt web: — or: berth transfer web:/etc/hosts .";
  if (sources.length === 0) throw bad("a source and a target are needed", example);
  if (!all.some((one) => one.at === "guest")) throw bad("neither end is in an instance", example);
  const streams = all.filter((one) => one.at === "stream").length;
  if (streams > 0 && all.length > 2)
    throw bad("- stands for one file, so it takes one source and one target", example);
  if (streams > 1) throw bad("both ends are streams of this command", example);
  if (new Set(sources.map((one) => one.at)).size > 1)
    throw bad("sources of this host and of instances cannot be mixed", "Transfer them one after the other.");
}

/** The name that a source has at its target; `.` and `/` have none of their own. */
export function baseName(source: Place | { at: "packed"; path: string }): string {
  if (source.at === "stream") return "";
  const base =
    source.at === "host" ? path.basename(path.resolve(source.path)) : path.posix.basename(source.path);
  return base === "." || base === ".." || base === "/" ? "" : base;
}
