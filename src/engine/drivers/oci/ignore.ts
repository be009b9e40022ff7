/** What of a directory is left out of a build: the rules of `.dockerignore`. Pure. */
import { EngineError } from "../../../base/errors.ts";

type Rule = { matches: RegExp; keeps: boolean };

export type Ignore = {
  /** Whether this path of the directory, with forward slashes, is left out. The last rule that fits counts. */
  ignores(path: string): boolean;
  /** Whether something below a directory that is left out may be kept nevertheless. */
  readonly hasExceptions: boolean;
};

/** Throws `invalid-argument` for a pattern that is none. */
export function parseIgnore(text: string): Ignore {
  const rules = text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .flatMap((line) => (line.startsWith("#") ? [] : ruleOf(line.trim())));
  return {
    ignores: (path) => {
      const rule = rules.findLast(({ matches }) => matches.test(path));
      return rule !== undefined && !rule.keeps;
    },
    hasExceptions: rules.some(({ keeps }) => keeps),
  };
}

function ruleOf(line: string): Rule[] {
  const keeps = line.startsWith("!");
  const pattern = cleaned(keeps ? line.slice(1).trim() : line);
  if (pattern === "" || pattern === ".") return [];
  try {
    // What fits a directory fits all in it.
    return [{ matches: new RegExp(`^${translate(pattern)}(?:/.*)?$`, "su"), keeps }];
  } catch (cause) {
    throw new EngineError(
      "invalid-argument",
      `cannot read .dockerignore: ${JSON.stringify(line)} is no pattern`,
      {
        cause,
      },
    );
  }
}

/** Without a slash at its ends, `.` and `..`: a pattern is one of the directory itself. */
function cleaned(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}

/** `*` and `?` within a name, `**` across directories, `[a-z]`, and a backslash before what shall mean itself. */
function translate(pattern: string): string {
  let out = "";
  for (let at = 0; at < pattern.length; ) {
    const rest = pattern.slice(at);
    const [whole, made] = piece(rest);
    out += made;
    at += whole;
  }
  return out;
}

function piece(rest: string): [taken: number, expression: string] {
  const across = /^\*\*+\/?/.exec(rest)?.[0];
  if (across !== undefined) return [across.length, across.endsWith("/") ? "(?:.*/)?" : ".*"];
  if (rest.startsWith("*")) return [1, "[^/]*"];
  if (rest.startsWith("?")) return [1, "[^/]"];
  const set = /^\[(\^?)((?:\\.|[^\]\\])+)\]/s.exec(rest);
  if (set) return [set[0].length, `[${set[1] ? "^/" : ""}${(set[2] ?? "").replace(/\[/g, "\\[")}]`];
  if (rest.startsWith("[")) throw new Error("a [ without its end");
  const literal = rest.startsWith("\\") && rest.length > 1 ? 1 : 0;
  const character = String.fromCodePoint(rest.codePointAt(literal) ?? 0);
  return [literal + character.length, character.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&")];
}
