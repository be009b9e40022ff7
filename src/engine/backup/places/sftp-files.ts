/** What a place does with the files of an SFTP server, on one link of it, until the signal aborts. */
import type { FileEntryWithStats, Stats } from "ssh2";
import { STATUS } from "../../../base/sftp-packets.ts";
import type { Range } from "./range.ts";
import type { Send, SftpFault, SftpLink } from "./sftp-link.ts";

/** A request carries at most this; OpenSSH takes 256 KiB, others less, for which the library cuts it further. */
const CHUNK_BYTES = 128 * 1024;
/** So much is under way at once, and then put to the server's disk. */
const PORTION_BYTES = 2 * 2 ** 20;
/** Longer than any file of a repository. */
const MAX_FILE_BYTES = 256 * 2 ** 20;
/** Of SFTP's flags for opening: to write, and to make it where it is not there, but not to cut it. */
const WRITE_OR_MAKE = 0x02 | 0x08;

/** `kept`: how much of it the server has put to its disk; every attempt goes on from there. */
export type Upload = { readonly path: string; readonly bytes: Buffer; kept: number };

export class SftpFiles {
  readonly #link: SftpLink;
  readonly #signal: AbortSignal;

  constructor(link: SftpLink, signal: AbortSignal) {
    this.#link = link;
    this.#signal = signal;
  }

  async sizeOf(path: string): Promise<number | undefined> {
    try {
      return (await this.#ask<Stats>((sftp, done) => sftp.stat(path, done))).size;
    } catch (error) {
      if (codeOf(error) === STATUS.noSuchFile) return undefined;
      throw error;
    }
  }

  async entries(directory: string): Promise<FileEntryWithStats[]> {
    const handle = await this.#ask<Buffer>((sftp, done) => sftp.opendir(directory, done));
    const all: FileEntryWithStats[] = [];
    try {
      for (;;)
        all.push(...(await this.#ask<FileEntryWithStats[]>((sftp, done) => sftp.readdir(handle, done))));
    } catch (error) {
      if (codeOf(error) !== STATUS.eof) throw error;
    } finally {
      this.#close(handle);
    }
    return all;
  }

  /** Rejects with `noSuchFile` also where the range is not all there. */
  async read(path: string, range?: Range): Promise<Uint8Array> {
    const handle = await this.#ask<Buffer>((sftp, done) => sftp.open(path, "r", done));
    try {
      const { offset, lengthBytes } = range ?? { offset: 0, lengthBytes: await this.#lengthOf(handle) };
      const bytes = Buffer.allocUnsafeSlow(lengthBytes);
      for (let at = 0; at < lengthBytes; at += PORTION_BYTES) {
        await inChunks(at, Math.min(at + PORTION_BYTES, lengthBytes), (start, end) =>
          this.#fill(handle, bytes, { start, end, position: offset + start }),
        );
      }
      return bytes;
    } finally {
      this.#close(handle);
    }
  }

  async #lengthOf(handle: Buffer): Promise<number> {
    const { size } = await this.#ask<Stats>((sftp, done) => sftp.fstat(handle, done));
    if (size > MAX_FILE_BYTES) throw fault(STATUS.failure, "the file is longer than any of a repository");
    return size;
  }

  async #fill(
    handle: Buffer,
    bytes: Buffer,
    { start, end, position }: { start: number; end: number; position: number },
  ): Promise<void> {
    for (let at = start; at < end; ) {
      const read = await this.#ask<number>((sftp, done) =>
        sftp.read(handle, bytes, at, end - at, position + at - start, (error, count) => done(error, count)),
      );
      if (read === 0) throw fault(STATUS.noSuchFile, "the file is too short");
      at += read;
    }
  }

  /** Resolves when all of it is on the server's disk. `moved` is called when more of it is. */
  async upload(upload: Upload, moved: () => void): Promise<void> {
    const { path, bytes } = upload;
    const handle = await this.#ask<Buffer>((sftp, done) =>
      sftp.open(path, WRITE_OR_MAKE, { mode: 0o600 }, done),
    );
    try {
      if (upload.kept > 0 && (await this.#lengthOf(handle)) < upload.kept) upload.kept = 0;
      let syncing: Promise<void> = Promise.resolve();
      for (let at = upload.kept; at < bytes.length; at += PORTION_BYTES) {
        const end = Math.min(at + PORTION_BYTES, bytes.length);
        await inChunks(at, end, (start, stop) =>
          this.#ask((sftp, done) => sftp.write(handle, bytes, start, stop - start, start, done)),
        );
        await syncing; // One portion is put to the disk while the next is sent.
        syncing = this.#sync(handle).then((isKept) => {
          if (!isKept) return;
          upload.kept = end;
          moved();
        });
        syncing.catch(() => {});
      }
      await syncing;
      if (bytes.length === 0) await this.#sync(handle);
      await this.#ask((sftp, done) => sftp.close(handle, done));
    } catch (error) {
      this.#close(handle);
      throw error;
    }
  }

  /** Rejects with `failure` where something is at `to`, unless it may be replaced and the server can. */
  async move(from: string, to: string, { mayReplace }: { mayReplace: boolean }): Promise<void> {
    const replace: Send<void> = (sftp, done) => sftp.ext_openssh_rename(from, to, done);
    if (mayReplace && (await this.#extended(replace))) return;
    await this.#ask((sftp, done) => sftp.rename(from, to, done));
  }

  async remove(path: string): Promise<void> {
    try {
      await this.#ask((sftp, done) => sftp.unlink(path, done));
    } catch (error) {
      if (codeOf(error) !== STATUS.noSuchFile) throw error;
    }
  }

  /** Removes it some time, if the link lives for so long: after the signal's end, too. */
  forget(path: string): void {
    this.#link.tell((sftp, done) => sftp.unlink(path, done));
  }

  async makeDirectory(path: string): Promise<void> {
    try {
      await this.#ask((sftp, done) => sftp.mkdir(path, { mode: 0o700 }, done));
    } catch (error) {
      // Servers say no more than "failure" of one that is there.
      if (codeOf(error) !== STATUS.failure || (await this.sizeOf(path)) === undefined) throw error;
    }
  }

  async makeDirectories(path: string): Promise<void> {
    if ((await this.sizeOf(path)) !== undefined) return;
    const end = path.lastIndexOf("/");
    if (end > 0) await this.makeDirectories(path.slice(0, end));
    await this.makeDirectory(path);
  }

  /**
   * Makes the directory of a pack, but none above it: where a disk is no longer mounted, its packs must not land on the
   * disk beneath.
   */
  async makeShelf(path: string): Promise<void> {
    if ((await this.sizeOf(path)) !== undefined) return;
    await this.makeDirectory(path);
    await this.syncDirectory(path.slice(0, path.lastIndexOf("/")));
  }

  /** Puts the names in it to the disk, where the server can: some open no directory. */
  async syncDirectory(path: string): Promise<void> {
    let handle: Buffer;
    try {
      handle = await this.#ask<Buffer>((sftp, done) => sftp.open(path, "r", done));
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return;
    }
    try {
      await this.#sync(handle);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    } finally {
      this.#close(handle);
    }
  }

  /** Undefined where the server does not tell. */
  async freeBytes(path: string): Promise<number | undefined> {
    let free: number | undefined;
    await this.#extended((sftp, done) =>
      sftp.ext_openssh_statvfs(path, (error, { f_bavail = 0, f_frsize = 0 } = {}) => {
        free = Number(f_bavail) * Number(f_frsize);
        done(error);
      }),
    ).catch(() => {});
    return free;
  }

  /** False where the server has no such request. */
  #sync(handle: Buffer): Promise<boolean> {
    return this.#extended((sftp, done) => sftp.ext_openssh_fsync(handle, (error) => done(error)));
  }

  async #extended(send: Send<void>): Promise<boolean> {
    try {
      await this.#ask(send);
      return true;
    } catch (error) {
      const isKnown =
        codeOf(error) !== STATUS.unsupported && !/does not support/.test((error as Error).message);
      if (isKnown) throw error;
      return false;
    }
  }

  #ask<T = void>(send: Send<T>): Promise<T> {
    return this.#link.ask(this.#signal, send);
  }

  #close(handle: Buffer): void {
    this.#link.tell((sftp, done) => sftp.close(handle, done));
  }
}

/** SFTP's own code of a failure; undefined for every other error. */
export function codeOf(error: unknown): number | undefined {
  const { code } = error as { code?: unknown };
  return error instanceof Error && typeof code === "number" ? code : undefined;
}

function fault(code: number, message: string): SftpFault {
  return Object.assign(new Error(message), { code });
}

async function inChunks(
  from: number,
  to: number,
  work: (start: number, end: number) => Promise<void>,
): Promise<void> {
  const all: Promise<void>[] = [];
  for (let start = from; start < to; start += CHUNK_BYTES)
    all.push(work(start, Math.min(start + CHUNK_BYTES, to)));
  await Promise.all(all);
}
