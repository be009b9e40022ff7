/** Where a repository's files lie below its place: restic's layout, by slashes. Pure. */
import { EngineError } from "../../../base/errors.ts";
import { FILE_NAME, type FileId, type FileKind } from "./place.ts";

/** Packs lie in as many directories, named by the first two digits of their files' names. */
export const SHELF = /^[0-9a-f]{2}$/;

/** What our saves and those of restic leave when they are cut off. */
export const LEFT_OVER = /(\.tmp|-tmp-\d+)$/;

/** `config`, `keys/<name>`, `data/ab/<name>`. Throws `invalid-argument` for a name that is no id. */
export function pathOf(place: string, file: FileId): string {
  if (file.kind === "config") return "config";
  if (!FILE_NAME.test(file.name)) {
    throw new EngineError(
      "invalid-argument",
      `cannot name a file in ${place}: ${JSON.stringify(file.name)} is no id`,
    );
  }
  return file.kind === "data" ? `data/${file.name.slice(0, 2)}/${file.name}` : `${file.kind}/${file.name}`;
}

/** The name of the file of that kind that lies at this path, which is `pathOf`'s; undefined for whatever else does. */
export function nameAt(kind: Exclude<FileKind, "config">, path: string): string | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return FILE_NAME.test(name) && pathOf("", { kind, name }) === path ? name : undefined;
}

/** What the user must know where a `config` is there already. */
export function anotherRepository(place: string): EngineError {
  return new EngineError("already-exists", `cannot write to ${place}: there is another repository`, {
    hint: "Open that one with its password, or choose another path.",
  });
}
