/** The directory that an image is built from, as the tar that a runtime takes. */
import { lstat, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { EngineError } from "../../../base/errors.ts";
import { packFiles } from "../../../base/pack-files.ts";
import type { Ctx } from "../../ctx.ts";
import { parseIgnore } from "./ignore.ts";

export type BuildContext = {
  /** Reads files as it is read; destroying it ends that. */
  tar: Readable;
  /** Of the build file in it, with forward slashes. */
  dockerfile: string;
  /** What the build file says. */
  instructions: string;
};

const BUILD_FILES = ["Containerfile", "Dockerfile"];
const IGNORE_FILES = [".containerignore", ".dockerignore"];
const MAX_BUILD_FILE = 4 * 2 ** 20;

/** `file` is relative to the directory; Containerfile or Dockerfile when left out. Rejects with `not-found`, `invalid-argument`. */
export async function openContext(
  ctx: Pick<Ctx, "signal">,
  directory: string,
  file: string | undefined,
): Promise<BuildContext> {
  const dockerfile = await findBuildFile(directory, file);
  const instructions = await readFile(path.join(directory, dockerfile), "utf8");
  if (instructions.length > MAX_BUILD_FILE)
    throw new EngineError(
      "invalid-argument",
      `cannot build ${directory}: ${dockerfile} is no build file: it is too long`,
    );
  const ignore = parseIgnore(await readIgnore(directory));
  const names = (await readdir(directory)).sort();
  const sources = names.map((name) => ({ file: path.join(directory, name), name }));
  const wanted = (name: string) => {
    // The rules may name it too; it is needed all the same.
    if (!ignore.ignores(name) || name === dockerfile) return "whole";
    return ignore.hasExceptions || dockerfile.startsWith(`${name}/`) ? "inside" : "nothing";
  };
  const { output } = packFiles(sources, { wanted, signal: ctx.signal });
  return { tar: Readable.from(output), dockerfile, instructions };
}

async function findBuildFile(directory: string, file: string | undefined): Promise<string> {
  const names = file === undefined ? BUILD_FILES : [path.relative(directory, path.resolve(directory, file))];
  for (const name of names) {
    if (name.startsWith("..") || path.isAbsolute(name))
      throw new EngineError("invalid-argument", `cannot build ${directory}: ${file} is not in it`, {
        hint: "Put the build file into the directory that is built.",
      });
    const facts = await lstat(path.join(directory, name)).catch(() => undefined);
    if (facts && !facts.isDirectory()) return name.split(path.sep).join("/");
  }
  throw new EngineError(
    "not-found",
    `cannot build ${directory}: there is no ${names.join(" and no ")} in it`,
  );
}

async function readIgnore(directory: string): Promise<string> {
  for (const name of IGNORE_FILES) {
    try {
      return await readFile(path.join(directory, name), "utf8");
    } catch {
      // Not this one.
    }
  }
  return "";
}
