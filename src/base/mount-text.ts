/** Mounts as they are written: in a command line, in a file. Pure. */
import path from "node:path";
import { EngineError } from "./errors.ts";

/** `SOURCE[:TARGET]`, the source relative to `directory`. A drive's colon is the source's own. */
export function parseMount(text: string, directory: string): { source: string; target?: string } {
  const at = text.indexOf(":", /^[A-Za-z]:[\\/]/.test(text) ? 2 : 0);
  const [source, target] = at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
  if (source === "" || target === "") {
    throw new EngineError("invalid-argument", `${text} is not a valid mount`, {
      hint: "Write SOURCE:TARGET, or SOURCE alone.",
    });
  }
  return { source: path.resolve(directory, source), ...(target === undefined ? {} : { target }) };
}

/** Without doubled or closing slashes, and without `~/`, which is where a relative one begins anyway. */
export function cleanTarget(target: string): string {
  const parts = target.replace(/^~\//, "").split("/");
  const clean = parts.filter((part) => part !== "" && part !== ".").join("/");
  return target.startsWith("/") ? `/${clean}` : clean;
}

/** Where a mount goes: to its target, else to the source's own last name in the user's home. */
export function targetOf({ source, target }: { source: string; target?: string | undefined }): string {
  return cleanTarget(target ?? path.basename(source));
}

/** The innermost mount that holds a directory counts. Names are compared one by one, never as parts of a text. Pure. */
export function directoryIn(
  mounts: readonly { source: string; target: string }[],
  directory: string,
  { relative, isAbsolute, sep }: Pick<typeof path, "relative" | "isAbsolute" | "sep"> = path,
): string | undefined {
  const [best] = mounts
    .map(({ source, target }) => ({ target, inside: relative(source, directory) }))
    .filter(({ inside }) => inside.split(sep)[0] !== ".." && !isAbsolute(inside))
    .sort((a, b) => a.inside.length - b.inside.length);
  if (!best) return undefined;
  return [best.target, ...best.inside.split(sep).filter((one) => one !== "")].join("/");
}
