/** The small files of a repository: JSON, sealed, named by the sum of what they hold. */
import type { Ctx } from "../../ctx.ts";
import type { FileId, FileKind, Place } from "../places/place.ts";
import type { MasterKey } from "./crypt.ts";
import { damaged } from "./damage.ts";
import { hex, sha256 } from "./ids.ts";
import { MAX_UNPACKED_BYTES, sealJson, unsealJson } from "./unpacked.ts";

type NamedKind = Exclude<FileKind, "config">;

const WORDS: Record<FileKind, string> = {
  config: "the repository's config",
  keys: "the key",
  data: "the pack",
  index: "the index",
  snapshots: "the backup",
  locks: "the lock",
};

/** A file as errors name it. */
export function wordsFor({ kind, name }: FileId): string {
  return kind === "config" ? WORDS.config : `${WORDS[kind]} ${name}`;
}

/** A file, and how long a list has said that it is. */
export type ListedId = FileId & { sizeBytes?: number };

/** A file that is whole in memory, and so must not be longer than one of its kind can be. */
export async function loadWhole(ctx: Ctx, place: Place, file: ListedId): Promise<Uint8Array> {
  const sizeBytes = file.sizeBytes ?? (await place.stat(ctx, file))?.sizeBytes ?? 0;
  if (sizeBytes > MAX_UNPACKED_BYTES) throw damaged(wordsFor(file), `it is ${sizeBytes} bytes long`);
  return place.load(ctx, file);
}

/** One whose sum is its name. */
export async function loadNamed(ctx: Ctx, place: Place, file: ListedId): Promise<Uint8Array> {
  const bytes = await loadWhole(ctx, place, file);
  if (hex(sha256(bytes)) !== file.name) throw damaged(wordsFor(file), "its sum is not its name");
  return bytes;
}

/** Saves bytes under their sum, and tells it. */
export async function saveNamed(ctx: Ctx, place: Place, kind: NamedKind, bytes: Uint8Array): Promise<string> {
  const name = hex(sha256(bytes));
  await place.save(ctx, { kind, name }, bytes);
  return name;
}

export class JsonFiles {
  readonly place: Place;
  readonly key: MasterKey;
  readonly #compressed: boolean;

  constructor(place: Place, key: MasterKey, options: { compressed: boolean }) {
    this.place = place;
    this.key = key;
    this.#compressed = options.compressed;
  }

  async load(ctx: Ctx, file: ListedId): Promise<unknown> {
    const load = file.kind === "config" ? loadWhole : loadNamed;
    return unsealJson(this.key, await load(ctx, this.place, file), wordsFor(file));
  }

  save(ctx: Ctx, kind: NamedKind, value: unknown): Promise<string> {
    const bytes = sealJson(this.key, JSON.stringify(value), { compressed: this.#compressed });
    return saveNamed(ctx, this.place, kind, bytes);
  }

  /** Restic writes the config as plain JSON, whatever the version. */
  saveConfig(ctx: Ctx, value: unknown): Promise<void> {
    const bytes = sealJson(this.key, JSON.stringify(value), { compressed: false });
    return this.place.save(ctx, { kind: "config", name: "" }, bytes);
  }

  async names(ctx: Ctx, kind: NamedKind): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of this.place.list(ctx, kind)) names.push(name);
    return names;
  }
}
