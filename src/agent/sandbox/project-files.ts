/** Which files of a folder are the project's: all, or what git does not ignore where git looks after them. */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { EngineError } from "../../base/errors.ts";
import { RunError, run } from "../../base/run.ts";

const LISTING_BYTES = 256 * 2 ** 20;
/** git must neither run what a repository names, nor answer in another language. */
const GIT = ["git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false"];
const ENV = { LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0" };

/** Paths below the folder, with forward slashes, sorted. Git's own directory is never among them. */
export async function projectFiles(folder: string, signal: AbortSignal): Promise<string[]> {
  const listed = await withGit(folder, signal);
  return [...new Set(listed ?? (await walk(folder, "", signal)))].sort();
}

/** Undefined where git does not look after the folder, or is not there. */
async function withGit(folder: string, signal: AbortSignal): Promise<string[] | undefined> {
  const argv = [...GIT, "-C", folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  try {
    const { stdout } = await run(argv, { signal, env: ENV, maxOutputBytes: LISTING_BYTES });
    // What another repository within has of its own is listed as a directory.
    return stdout.split("\0").filter((name) => name !== "" && !name.endsWith("/"));
  } catch (error) {
    if (error instanceof EngineError && error.code === "missing-dependency") return undefined;
    if (error instanceof RunError && /not a git repository/i.test(error.stderr)) return undefined;
    if (!(error instanceof RunError)) throw error;
    // To go on without it could copy what its .gitignore keeps back.
    throw new EngineError("driver-failed", `cannot list the files of ${folder}: ${error.message}`, {
      hint: "Put right what git complains about, then try again.",
      cause: error,
    });
  }
}

async function walk(folder: string, below: string, signal: AbortSignal): Promise<string[]> {
  signal.throwIfAborted();
  const files: string[] = [];
  for (const entry of await readdir(path.join(folder, below), { withFileTypes: true })) {
    if (entry.name === ".git") continue;
    const name = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) files.push(...(await walk(folder, name, signal)));
    else files.push(name);
  }
  return files;
}

/** Those of the paths that the folder's git ignores; none where it has no git. */
export async function ignoredIn(
  folder: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<Set<string>> {
  if (paths.length === 0) return new Set();
  const argv = [...GIT, "-C", folder, "check-ignore", "-z", "--stdin"];
  const options = { signal, env: ENV, input: paths.join("\0"), maxOutputBytes: LISTING_BYTES };
  try {
    return new Set((await run(argv, options)).stdout.split("\0"));
  } catch (error) {
    // 1: none of them; 128: no repository. Without an answer everything is shown.
    if (error instanceof RunError) return new Set();
    if (error instanceof EngineError && error.code === "missing-dependency") return new Set();
    throw error;
  }
}
