/**
 * A repository on an SFTP server. A file is written beside its place and moved there when it is whole and on the server's
 * disk; what was cut off is gone on with on the next connection, from the last byte that the server has put to its disk.
 */
import type { FileEntryWithStats } from "ssh2";
import { abortable } from "../../../base/async.ts";
import { messageOf } from "../../../base/errors.ts";
import { STATUS } from "../../../base/sftp-packets.ts";
import type { Ctx } from "../../ctx.ts";
import { TransientError } from "../../transient.ts";
import { formatAddress, type SftpAddress } from "./address.ts";
import { anotherRepository, LEFT_OVER, pathOf, SHELF } from "./layout.ts";
import { FILE_KINDS, FILE_NAME, type FileId, type FileKind, type Place, type PlacedFile } from "./place.ts";
import { FULL_HINT, type Purpose, placeError } from "./place-error.ts";
import type { Range } from "./range.ts";
import { type Attempt, PATIENCE, type Patience, retrying } from "./retry.ts";
import { codeOf, SftpFiles, type Upload } from "./sftp-files.ts";
import type { SftpLink } from "./sftp-link.ts";
import { routeTo, type SshSetting } from "./ssh-user.ts";

export type SftpOptions = { patience?: Patience | undefined; ssh?: SshSetting | undefined };

/** So many shelves are listed at once: each takes three answers of the server. */
const SHELVES_AT_ONCE = 16;

type Found = FileEntryWithStats & { directory: string };

/** What a file takes of a disk besides its bytes, generously. */
const BLOCKS_BYTES = 64 * 1024;

export class SftpPlace implements Place {
  readonly name: string;
  readonly connections = 4;
  readonly #address: SftpAddress;
  readonly #patience: Patience;
  readonly #ssh: SshSetting | undefined;
  readonly #life = new AbortController();
  #opening: Promise<SftpLink> | undefined;

  constructor(address: SftpAddress, { patience = PATIENCE, ssh }: SftpOptions = {}) {
    this.name = formatAddress(address);
    this.#address = address;
    this.#patience = patience;
    this.#ssh = ssh;
  }

  create(ctx: Ctx): Promise<void> {
    return this.#call(ctx, "make the repository in", async (files) => {
      await files.makeDirectories(this.#address.path);
      for (const kind of FILE_KINDS) await files.makeDirectory(this.#at(kind));
      await files.syncDirectory(this.#address.path);
    });
  }

  async save(ctx: Ctx, file: FileId, bytes: Uint8Array): Promise<void> {
    const target = this.#at(pathOf(this.name, file));
    const temporary = `${target}.${crypto.randomUUID()}.tmp`;
    const upload: Upload = {
      path: temporary,
      bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
      kept: 0,
    };
    const directory = target.slice(0, target.lastIndexOf("/"));
    await this.#call(ctx, "write to", async (files, attempt) => {
      const isThere = () => this.#isThere(files, target, file, bytes);
      try {
        if (!(await isThere())) {
          if (file.kind === "data" && upload.kept === 0) await files.makeShelf(directory);
          await this.#upload(files, upload, attempt);
          await settle(files, temporary, target, { isThere, mayReplace: file.kind !== "config" });
        } else if (attempt.number > 1) files.forget(temporary);
        await files.syncDirectory(directory);
      } catch (error) {
        // A lost connection leaves it for the next, which goes on with it.
        if (!(error instanceof TransientError)) files.forget(temporary);
        throw error;
      }
    });
  }

  async load(ctx: Ctx, file: FileId, range?: Range): Promise<Uint8Array> {
    const path = this.#at(pathOf(this.name, file));
    return await this.#call(ctx, "read from", (files) => files.read(path, range));
  }

  async stat(ctx: Ctx, file: FileId): Promise<{ sizeBytes: number } | undefined> {
    const path = this.#at(pathOf(this.name, file));
    const sizeBytes = await this.#call(ctx, "look into", (files) => files.sizeOf(path));
    return sizeBytes === undefined ? undefined : { sizeBytes };
  }

  async *list(ctx: Ctx, kind: Exclude<FileKind, "config">): AsyncIterable<PlacedFile> {
    const directories = await this.#directoriesOf(ctx, kind);
    for await (const found of this.#search(ctx, directories, { mayMiss: kind === "data" }))
      for (const { filename, attrs } of found)
        if (FILE_NAME.test(filename) && attrs.isFile()) yield { name: filename, sizeBytes: attrs.size };
  }

  async remove(ctx: Ctx, file: FileId): Promise<void> {
    const path = this.#at(pathOf(this.name, file));
    return await this.#call(ctx, "remove a file from", (files) => files.remove(path));
  }

  async sweep(ctx: Ctx): Promise<void> {
    const below = await Promise.all(FILE_KINDS.map((kind) => this.#directoriesOf(ctx, kind)));
    const directories = [this.#address.path, ...below.flat()];
    for await (const found of this.#search(ctx, directories, { mayMiss: true })) {
      const left = found.filter(({ filename }) => LEFT_OVER.test(filename));
      await this.#call(ctx, "clean up", (files) =>
        Promise.all(left.map(({ directory, filename }) => files.remove(`${directory}/${filename}`))),
      );
    }
  }

  dispose(): void {
    this.#life.abort();
    this.#opening?.then(
      (link) => link.end(),
      () => {},
    );
  }

  #at(path: string): string {
    return `${this.#address.path.replace(/\/$/, "")}/${path}`;
  }

  async #directoriesOf(ctx: Ctx, kind: Exclude<FileKind, "config">): Promise<string[]> {
    if (kind !== "data") return [this.#at(kind)];
    const entries = await this.#entries(ctx, this.#at(kind), false);
    const shelves = entries.filter(({ filename }) => SHELF.test(filename));
    return shelves.map(({ filename }) => `${this.#at(kind)}/${filename}`);
  }

  /** What is in these directories, some of them at a time. */
  async *#search(
    ctx: Ctx,
    directories: readonly string[],
    { mayMiss }: { mayMiss: boolean },
  ): AsyncGenerator<Found[]> {
    for (let at = 0; at < directories.length; at += SHELVES_AT_ONCE) {
      const some = directories.slice(at, at + SHELVES_AT_ONCE);
      const found = some.map(async (directory) =>
        (await this.#entries(ctx, directory, mayMiss)).map((entry) => ({ ...entry, directory })),
      );
      yield (await Promise.all(found)).flat();
    }
  }

  /** `mayMiss`: a directory that is not there is empty. */
  #entries(ctx: Ctx, directory: string, mayMiss: boolean): Promise<FileEntryWithStats[]> {
    return this.#call(ctx, "list", async (files) => {
      try {
        return await files.entries(directory);
      } catch (error) {
        if (mayMiss && codeOf(error) === STATUS.noSuchFile) return [];
        throw error;
      }
    });
  }

  /** A file of that name and size holds the same; one of another size was never whole and is written anew. */
  async #isThere(files: SftpFiles, target: string, file: FileId, bytes: Uint8Array): Promise<boolean> {
    const size = await files.sizeOf(target);
    if (size === undefined) return false;
    if (file.kind !== "config") return size === bytes.length;
    if (Buffer.from(await files.read(target)).equals(bytes)) return true;
    throw anotherRepository(this.name);
  }

  /** SFTP has one word for most failures; whether it means a full disk must be looked at. */
  async #upload(files: SftpFiles, upload: Upload, attempt: Attempt): Promise<void> {
    try {
      await files.upload(upload, attempt.moved);
    } catch (error) {
      if (codeOf(error) !== STATUS.failure) throw error;
      const free = await files.freeBytes(this.#address.path);
      if (free === undefined || free >= upload.bytes.length + BLOCKS_BYTES) throw error;
      throw placeError(
        "no-resources",
        { verb: "write to", place: this.name },
        "there is no space left",
        FULL_HINT,
      );
    }
  }

  async #call<T>(
    ctx: Ctx,
    verb: string,
    work: (files: SftpFiles, attempt: Attempt) => Promise<T>,
  ): Promise<T> {
    const purpose = { verb, place: this.name };
    return await retrying(ctx, this.#patience, purpose, async (attempt) => {
      const link = await abortable(this.#link(), ctx.signal);
      try {
        return await work(new SftpFiles(link, ctx.signal), attempt);
      } catch (error) {
        throw refused(purpose, error);
      }
    });
  }

  /** The link that all calls share; a new one where there is none any more. */
  #link(): Promise<SftpLink> {
    if (this.#opening) return this.#opening;
    const opening = this.#open(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    this.#opening = opening;
    return opening;
  }

  async #open(onEnd: () => void): Promise<SftpLink> {
    const { signal } = this.#life;
    const purpose = { verb: "reach", place: this.name };
    try {
      const route = await routeTo(signal, this.#address, this.#ssh);
      const { SftpLink } = await import("./sftp-link.ts");
      return await SftpLink.open(signal, route, { purpose, silentMs: this.#patience.silentMs, onEnd });
    } catch (error) {
      onEnd();
      throw error;
    }
  }
}

/** Moves the whole file to its place. Where another was quicker with the same, that is as good. */
async function settle(
  files: SftpFiles,
  temporary: string,
  target: string,
  { isThere, mayReplace }: { isThere: () => Promise<boolean>; mayReplace: boolean },
): Promise<void> {
  try {
    await files.move(temporary, target, { mayReplace });
  } catch (error) {
    if (codeOf(error) !== STATUS.failure) throw error;
    if (await isThere()) return files.forget(temporary);
    if (!mayReplace) throw error;
    await files.remove(target);
    await files.move(temporary, target, { mayReplace });
  }
}

function refused(purpose: Purpose, error: unknown): unknown {
  const meaning = meaningOf(error);
  if (!meaning) return error;
  const [code, reason, hint] = meaning;
  return placeError(code, purpose, reason, hint, { cause: error });
}

type Meaning = ["not-found" | "permission-denied" | "not-supported", string, string];

function meaningOf(error: unknown): Meaning | undefined {
  switch (codeOf(error)) {
    case undefined:
      return undefined;
    case STATUS.noSuchFile:
      return ["not-found", "it is not there", "Look whether the path is right, and its disk mounted."];
    case STATUS.permissionDenied:
      return [
        "permission-denied",
        "its server does not allow that",
        "Look to whom the directory belongs there.",
      ];
    case STATUS.failure:
      return [
        "not-supported",
        "its server cannot, and does not say why",
        "Look into the log of that server.",
      ];
    default:
      return ["not-supported", `its server says: ${messageOf(error)}`, "Look whether it is an SFTP server."];
  }
}
