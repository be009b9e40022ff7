/** Patterns of file names: `*` and `?` within a name, `**` across directories, `[a-z]`, `{a,b}`. Pure. */
import { EngineError } from "../base/errors.ts";

/** A test of paths with forward slashes, without a leading one. */
export function globMatcher(pattern: string): (path: string) => boolean {
  try {
    const whole = new RegExp(`^${translate(pattern)}$`, "su");
    return (path) => whole.test(path);
  } catch (cause) {
    throw new EngineError(
      "invalid-argument",
      `cannot look for ${JSON.stringify(pattern)}: it is no pattern`,
      {
        hint: "Such as src/**/*.ts",
        cause,
      },
    );
  }
}

function translate(pattern: string): string {
  let depth = 0;
  let out = "";
  for (let at = 0; at < pattern.length; at += 1) {
    const rest = pattern.slice(at);
    const set = /^\[([!^]?)([^\]/]+)\]/.exec(rest);
    if (/^\*\*+\//.test(rest)) {
      out += "(?:[^/]+/)*";
      at += rest.indexOf("/");
    } else if (rest.startsWith("*")) {
      const stars = /^\*+/.exec(rest)?.[0].length ?? 1;
      out += stars > 1 ? ".*" : "[^/]*";
      at += stars - 1;
    } else if (rest.startsWith("?")) out += "[^/]";
    else if (set) {
      out += `[${set[1] ? "^/" : ""}${(set[2] ?? "").replace(/[\\\]^]/g, "\\$&")}]`;
      at += (set[0]?.length ?? 1) - 1;
    } else if (rest.startsWith("{") && rest.includes("}")) {
      out += "(?:";
      depth += 1;
    } else if (rest.startsWith("}") && depth > 0) {
      out += ")";
      depth -= 1;
    } else if (rest.startsWith(",") && depth > 0) out += "|";
    else out += (rest[0] ?? "").replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
  }
  return out;
}
