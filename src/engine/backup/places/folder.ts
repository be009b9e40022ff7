/** A repository in a folder of this host: a disk of its own, a stick, a mounted share. */
import { createHash } from "node:crypto";
import type { Dirent } from "node:fs";
import { mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { privateDirectory, syncDirectory, writeFileDurable } from "../../../base/durable.ts";
import { EngineError, toEngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import { anotherRepository, LEFT_OVER, pathOf, SHELF } from "./layout.ts";
import {
  FILE_KINDS,
  FILE_NAME,
  type FileId,
  type FileKind,
  type Place,
  type PlacedFile,
  type Range,
} from "./place.ts";

export class FolderPlace implements Place {
  readonly name: string;
  readonly connections = 4;
  readonly #root: string;

  constructor(root: string) {
    this.#root = path.resolve(root);
    this.name = this.#root;
  }

  create(_ctx: Ctx): Promise<void> {
    return this.#told("make the folder of", async () => {
      await privateDirectory(this.#root);
      for (const kind of FILE_KINDS) await privateDirectory(this.#directory(kind));
      await syncDirectory(this.#root);
    });
  }

  save(ctx: Ctx, file: FileId, bytes: Uint8Array): Promise<void> {
    return this.#told("write to", async () => {
      ctx.signal.throwIfAborted();
      const target = this.#pathOf(file);
      if (await this.#isThere(target, file, bytes)) return;
      if (file.kind === "data") await this.#shelve(path.dirname(target));
      await writeFileDurable(target, bytes);
    });
  }

  load(ctx: Ctx, file: FileId, range?: Range, room?: ArrayBuffer): Promise<Uint8Array> {
    return this.#told("read from", async () => {
      ctx.signal.throwIfAborted();
      const target = this.#pathOf(file);
      const handle = await open(target, "r");
      try {
        const { offset, lengthBytes } = range ?? { offset: 0, lengthBytes: (await handle.stat()).size };
        const bytes =
          room && room.byteLength >= lengthBytes
            ? new Uint8Array(room, 0, lengthBytes)
            : Buffer.allocUnsafeSlow(lengthBytes);
        let read = 0;
        while (read < bytes.length) {
          ctx.signal.throwIfAborted();
          const { bytesRead } = await handle.read(bytes, read, bytes.length - read, offset + read);
          if (bytesRead === 0) throw this.#missing("read from", `${target} is too short`);
          read += bytesRead;
        }
        return bytes;
      } finally {
        await handle.close();
      }
    });
  }

  stat(_ctx: Ctx, file: FileId): Promise<{ sizeBytes: number } | undefined> {
    return this.#told("look into", async () => {
      const size = await sizeOf(this.#pathOf(file));
      return size === undefined ? undefined : { sizeBytes: size };
    });
  }

  async *list(ctx: Ctx, kind: Exclude<FileKind, "config">): AsyncIterable<PlacedFile> {
    for (const directory of await this.#told("list", () => this.#directoriesOf(kind))) {
      for (const entry of await this.#told("list", () => entriesOf(directory))) {
        ctx.signal.throwIfAborted();
        if (!FILE_NAME.test(entry.name)) continue;
        // One that another process removes meanwhile is not there.
        const sizeBytes = await this.#told("list", () => sizeOf(path.join(directory, entry.name)));
        if (sizeBytes !== undefined) yield { name: entry.name, sizeBytes };
      }
    }
  }

  remove(ctx: Ctx, file: FileId): Promise<void> {
    return this.#told("remove a file from", async () => {
      ctx.signal.throwIfAborted();
      await rm(this.#pathOf(file), { force: true });
    });
  }

  sweep(ctx: Ctx): Promise<void> {
    return this.#told("clean up", async () => {
      const kinds = await Promise.all(FILE_KINDS.map((kind) => this.#directoriesOf(kind)));
      for (const directory of [this.#root, ...kinds.flat()]) {
        ctx.signal.throwIfAborted();
        for (const { name } of await entriesOf(directory))
          if (LEFT_OVER.test(name)) await rm(path.join(directory, name), { force: true });
      }
    });
  }

  dispose(): void {}

  /** A file of that name and size holds the same; one of another size was never whole and is written anew. */
  async #isThere(target: string, file: FileId, bytes: Uint8Array): Promise<boolean> {
    const size = await sizeOf(target);
    if (size === undefined) return false;
    if (file.kind !== "config") return size === bytes.length;
    if (size === bytes.length && hashOf(await readFile(target)) === hashOf(bytes)) return true;
    throw anotherRepository(this.name);
  }

  /**
   * Makes the directory of a pack, but none above it: where a disk is no longer mounted, its packs must not land on the
   * disk beneath.
   */
  async #shelve(directory: string): Promise<void> {
    try {
      await mkdir(directory, { mode: 0o700 });
      await syncDirectory(path.dirname(directory));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }

  #directory(kind: Exclude<FileKind, "config">): string {
    return path.join(this.#root, kind);
  }

  async #directoriesOf(kind: Exclude<FileKind, "config">): Promise<string[]> {
    const directory = this.#directory(kind);
    if (kind !== "data") return [directory];
    const shelves = (await readdir(directory)).filter((name) => SHELF.test(name));
    return shelves.map((name) => path.join(directory, name));
  }

  #pathOf(file: FileId): string {
    return path.join(this.#root, pathOf(this.name, file));
  }

  #missing(doing: string, reason: string, cause?: unknown): EngineError {
    return new EngineError("not-found", `cannot ${doing} ${this.name}: ${reason}`, {
      hint: "Look whether the disk or share that it lies on is mounted.",
      cause,
    });
  }

  async #told<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "ENOENT" || code === "ENOTDIR") throw this.#missing(doing, "it is not there", error);
      if (code === "EROFS")
        throw new EngineError("permission-denied", `cannot ${doing} ${this.name}: it is read-only`, {
          cause: error,
        });
      if (code === "ENOSPC" || code === "EDQUOT")
        throw new EngineError("no-resources", `cannot ${doing} ${this.name}: there is no space left`, {
          hint: "Free some space there: forget old backups and prune, or move the repository to a larger disk.",
          cause: error,
        });
      throw toEngineError(error, `${doing} ${this.name}`);
    }
  }
}

function entriesOf(directory: string): Promise<Dirent[]> {
  return readdir(directory, { withFileTypes: true });
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
