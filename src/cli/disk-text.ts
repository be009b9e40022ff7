/** A disk as it is written on a command line. Pure. */
import path from "node:path";
import type { NewDisk } from "../api/disk.ts";
import { DISK_NAME_PATTERN, DISK_NAME_RULE, SMALLEST_EXTRA_DISK_BYTES } from "../api/disk-rules.ts";
import { EngineError } from "../base/errors.ts";
import { formatBytes, parseSize } from "../base/units.ts";

const KEYS = ["name", "size", "from", "format"];
const HINT = "Write a size, such as 10G, or name=data,size=10G, or name=data,from=disk.qcow2.";

/**
 * `10G`, or `key=value` pairs with commas in between; a path in `from` is the last pair, because it may hold commas.
 * `cwd` is what it is relative to. Throws `invalid-argument`.
 */
export function parseDisk(text: string, cwd: string): NewDisk {
  const bad = (reason: string, hint = HINT) =>
    new EngineError("invalid-argument", `${text} is not a valid disk: ${reason}`, { hint });
  if (!text.includes("=")) return { sizeBytes: diskSize(text) };
  const fields = new Map<string, string>();
  for (let rest = text; rest !== ""; ) {
    const at = rest.indexOf("=");
    const key = at < 0 ? rest : rest.slice(0, at);
    if (!KEYS.includes(key)) throw bad(`it has no “${key}”`);
    if (fields.has(key)) throw bad(`${key} is given twice`);
    const after = at < 0 ? "" : rest.slice(at + 1);
    const end = key === "from" || !after.includes(",") ? after.length : after.indexOf(",");
    fields.set(key, after.slice(0, end));
    rest = after.slice(end + 1);
  }
  const empty = [...fields].find(([, value]) => value === "");
  if (empty) throw bad(`${empty[0]} is empty`);
  const [name, size, from, format] = KEYS.map((key) => fields.get(key));
  if (name !== undefined && !DISK_NAME_PATTERN.test(name)) throw bad(`${name} is no name`, DISK_NAME_RULE);
  if (format !== undefined && format !== "raw") throw bad(`${format} is no format that has to be said`);
  if (size === undefined && from === undefined) throw bad("its size is missing");
  if (format !== undefined && from === undefined) throw bad("only a file has a format");
  return {
    ...(name === undefined ? {} : { name }),
    ...(size === undefined ? {} : { sizeBytes: diskSize(size) }),
    ...(from === undefined ? {} : { source: path.resolve(cwd, from) }),
    ...(format === undefined ? {} : { raw: true }),
  };
}

/** Throws `invalid-argument` for what is no size, or too small a one. */
export function diskSize(text: string): number {
  const bytes = parseSize(text, "disk");
  if (bytes >= SMALLEST_EXTRA_DISK_BYTES) return bytes;
  throw new EngineError("invalid-argument", `${text} is too small a disk size`, {
    hint: `Ask for at least ${formatBytes(SMALLEST_EXTRA_DISK_BYTES)}.`,
  });
}
