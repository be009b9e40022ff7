/** Where the user's SSH configuration is. */
import { lstat, readlink } from "node:fs/promises";
import path from "node:path";

const MOST_LINKS = 40;

/** `configured` is the setting `remote.SSH.configFile`. Pure. */
export function userConfigFile(home: string, platform: NodeJS.Platform, configured?: string): string {
  const p = platform === "win32" ? path.win32 : path.posix;
  const named = configured?.trim();
  if (!named) return p.join(home, ".ssh", "config");
  return /^~[\\/]/.test(named) ? p.join(home, named.slice(2)) : p.resolve(named);
}

/** What the file's links lead to, whether that exists or not: writing there leaves the links as they are. */
export async function linkTarget(file: string): Promise<string> {
  let at = path.resolve(file);
  for (let links = 0; links < MOST_LINKS; links += 1) {
    const facts = await lstat(at).catch(() => undefined);
    if (!facts?.isSymbolicLink()) return at;
    at = path.resolve(path.dirname(at), await readlink(at));
  }
  return at;
}
