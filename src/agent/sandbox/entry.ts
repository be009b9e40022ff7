/** The files of a project on this host, and which names a guest may give to one. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readlink } from "node:fs/promises";
import { EngineError } from "../../base/errors.ts";
import { partsOf } from "../../client/transfer/unpack.ts";
import type { FileEntry } from "./changes.ts";

/** The entry of a file of this host; undefined where there is neither a file nor a link. */
export async function entryOf(file: string, path: string): Promise<FileEntry | undefined> {
  const facts = await lstat(file).catch(() => undefined);
  if (facts?.isSymbolicLink())
    return { path, kind: "link", executable: false, sha256: hashOf(await readlink(file)) };
  if (!facts?.isFile()) return undefined;
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return { path, kind: "file", executable: (facts.mode & 0o100) !== 0, sha256: hash.digest("hex") };
}

export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Git's own directory, under all names that some file system takes for it: what lies there is run by git. */
const GIT = /^(\.git|git~\d+)[. ]*$/i;

/**
 * Why a name that a guest gives to a file must not become one of this host's; undefined where it may. Pure.
 */
export function refusalOf(path: string, platform: NodeJS.Platform): string | undefined {
  try {
    // A zero-width character in `.git` is still git's directory on some file systems.
    const parts = partsOf(path, platform);
    if (path.startsWith("/") || parts.join("/") !== path) return "its path leads out of the project";
    if (parts.some((part) => GIT.test(part.replace(/\p{Cf}/gu, "")))) return "it lies in git's own directory";
    if (/[\n\r]/.test(path)) return "its name has several lines";
    return undefined;
  } catch (error) {
    if (error instanceof EngineError) return "its path leads out of the project";
    throw error;
  }
}
