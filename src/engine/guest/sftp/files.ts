/**
 * What a guest may do with the files of a shared directory. Rejects as the system does. Only regular files are opened:
 * a device or a pipe of the host is shown, but is nothing for a guest to talk to.
 */
import * as fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { Attributes } from "../../../base/sftp-packets.ts";
import type { FileFacts } from "./attributes.ts";
import { asBytes, type Place, type SharedDirectory, systemError } from "./shared-directory.ts";

const call = {
  open: promisify(fs.open),
  close: promisify(fs.close),
  fstat: promisify(fs.fstat),
  lstat: promisify(fs.lstat),
  fchmod: promisify(fs.fchmod),
  lchown: promisify(fs.lchown),
  fchown: promisify(fs.fchown),
  lutimes: promisify(fs.lutimes),
  futimes: promisify(fs.futimes),
  ftruncate: promisify(fs.ftruncate),
  mkdir: promisify(fs.mkdir),
  rmdir: promisify(fs.rmdir),
  unlink: promisify(fs.unlink),
  rename: promisify(fs.rename),
  link: promisify(fs.link),
  symlink: promisify(fs.symlink),
  opendir: promisify(fs.opendir),
  statfs: promisify(fs.statfs),
};

const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_EXCL, O_TRUNC } = fs.constants;
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
/** SFTP's flags of an open. */
const ASKED = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const;

/** A guest may not leave a program on the host that runs as another user. */
const MODE_BITS = 0o1777;

export type Entry = { name: string; facts: FileFacts };

/** An open directory of the host. Its owner closes it. */
export type Listing = { next(): Promise<Entry | undefined>; close(): Promise<void> };

export class SharedFiles {
  readonly #directory: SharedDirectory;
  /** The engine runs as root: what it makes belongs to whom the directory around it belongs. */
  readonly #giveAway = process.geteuid?.() === 0;

  constructor(directory: SharedDirectory) {
    this.#directory = directory;
  }

  facts(file: string): Promise<FileFacts> {
    return this.#directory.at([file], (place) => call.lstat(place.file));
  }

  open(file: string, flags: number, wanted: Attributes): Promise<number> {
    return this.#directory.at([file], async (place) => {
      const mode = (wanted.mode ?? 0o666) & MODE_BITS;
      const { handle, made } = await openRegular(place, openFlags(flags), mode);
      if (made) await this.#settle(place, handle, wanted.mode === undefined ? undefined : mode);
      return handle;
    });
  }

  list(file: string): Promise<Listing> {
    return this.#directory.at([file], async (place) => {
      if (!(await call.lstat(place.file)).isDirectory()) throw systemError("ENOTDIR");
      const names = await call.opendir(place.file as string, { encoding: "buffer" as BufferEncoding });
      return {
        next: () => this.#next(file, names),
        close: () => names.close(),
      };
    });
  }

  mkdir(file: string, wanted: Attributes): Promise<void> {
    return this.#directory.at([file], async (place) => {
      await call.mkdir(place.file);
      await this.#giveToParent(place);
      if (wanted.mode !== undefined) await this.#directory.changeMode(place, wanted.mode & MODE_BITS);
    });
  }

  rmdir(file: string): Promise<void> {
    return this.#directory.at([file], (place) => call.rmdir(place.file));
  }

  remove(file: string): Promise<void> {
    return this.#directory.at([file], (place) => call.unlink(place.file));
  }

  /** `replace` false: as SFTP's own rename, which leaves an existing target alone. */
  rename(from: string, to: string, { replace }: { replace: boolean }): Promise<void> {
    return this.#directory.at([from, to], async (source, target) => {
      if (!replace && (await exists(target))) throw systemError("EEXIST");
      await call.rename(source.file, target.file);
    });
  }

  link(from: string, to: string): Promise<void> {
    return this.#directory.at([from, to], (source, target) => call.link(source.file, target.file));
  }

  symlink(file: string, text: string): Promise<void> {
    return this.#directory.at([file], async (place) => {
      await call.symlink(Buffer.from(text, "latin1"), place.file);
      await this.#giveToParent(place);
    });
  }

  /** A link to an absolute path within the directory is shown as a relative one: the guest has other paths. */
  readlink(file: string): Promise<string> {
    return this.#directory.at([file], async (place) => {
      const text = asBytes(await promisifiedReadlink(place.file));
      if (!path.isAbsolute(text)) return text;
      const inside = path.relative(asBytes(this.#directory.path), text);
      if (inside.split(path.sep)[0] === ".." || path.isAbsolute(inside)) return text;
      const depth = file.split("/").filter((one) => one !== "" && one !== ".").length - 1;
      return [...Array<string>(depth).fill(".."), ...inside.split(path.sep)].join("/") || ".";
    });
  }

  /** Those of an open file where `handle` is given. */
  async change(file: string | number, wanted: Attributes): Promise<void> {
    if (typeof file === "number") return changeOpen(file, wanted);
    await this.#directory.at([file], async (place) => {
      if (wanted.size !== undefined) await truncate(place, wanted.size);
      if (wanted.mode !== undefined) await this.#directory.changeMode(place, wanted.mode & MODE_BITS);
      if (wanted.owner) await call.lchown(place.file, wanted.owner.uid, wanted.owner.gid);
      const { times } = wanted;
      if (times) await call.lutimes(place.file, times.accessed, times.modified);
    });
  }

  space(file: string): Promise<fs.StatsFs> {
    return this.#directory.at([file], (place) => call.statfs(place.parent));
  }

  async #next(file: string, names: fs.Dir): Promise<Entry | undefined> {
    for (;;) {
      const entry = await names.read();
      if (!entry) return undefined;
      const name = asBytes(entry.name);
      try {
        return { name, facts: await this.facts(`${file}/${name}`) };
      } catch (error) {
        // It has gone between the two looks.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  }

  /** The guest has applied its own umask already; the engine's must not count as well. */
  async #settle(place: Place, handle: number, mode: number | undefined): Promise<void> {
    if (this.#giveAway) {
      const { uid, gid } = await call.lstat(place.parent);
      await call.fchown(handle, uid, gid);
    }
    if (mode !== undefined) await call.fchmod(handle, mode);
  }

  async #giveToParent(place: Place): Promise<void> {
    if (!this.#giveAway) return;
    const { uid, gid } = await call.lstat(place.parent);
    await call.lchown(place.file, uid, gid);
  }
}

const promisifiedReadlink = (file: Buffer | string): Promise<Buffer> =>
  promisify(fs.readlink)(file, { encoding: "buffer" });

async function exists(place: Place): Promise<boolean> {
  return call.lstat(place.file).then(
    () => true,
    () => false,
  );
}

function openFlags(asked: number): number {
  const both = asked & (ASKED.read | ASKED.write);
  const access = both === ASKED.write ? O_WRONLY : both === ASKED.read ? O_RDONLY : O_RDWR;
  return (
    access |
    (asked & ASKED.append ? O_APPEND : 0) |
    (asked & ASKED.create ? O_CREAT : 0) |
    (asked & ASKED.truncate ? O_TRUNC : 0) |
    (asked & ASKED.exclusive ? O_EXCL : 0)
  );
}

/** Tells whether the file was made by this call. Truncates only what it has seen to be a regular file. */
async function openRegular(
  { file }: Place,
  asked: number,
  mode: number,
): Promise<{ handle: number; made: boolean }> {
  const flags = (asked & ~(O_CREAT | O_EXCL | O_TRUNC)) | O_NOFOLLOW | O_NONBLOCK;
  if (asked & O_CREAT) {
    try {
      return { handle: await call.open(file, flags | O_CREAT | O_EXCL, mode), made: true };
    } catch (error) {
      if (asked & O_EXCL || (error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  const handle = await call.open(file, flags);
  try {
    if (!(await call.fstat(handle)).isFile()) throw systemError("EACCES");
    if (asked & O_TRUNC) await call.ftruncate(handle, 0);
    return { handle, made: false };
  } catch (error) {
    await call.close(handle);
    throw error;
  }
}

async function truncate(place: Place, size: number): Promise<void> {
  const { handle } = await openRegular(place, O_WRONLY, 0);
  try {
    await call.ftruncate(handle, size);
  } finally {
    await call.close(handle);
  }
}

async function changeOpen(handle: number, wanted: Attributes): Promise<void> {
  if (wanted.size !== undefined) await call.ftruncate(handle, wanted.size);
  if (wanted.mode !== undefined) await call.fchmod(handle, wanted.mode & MODE_BITS);
  if (wanted.owner) await call.fchown(handle, wanted.owner.uid, wanted.owner.gid);
  if (wanted.times) await call.futimes(handle, wanted.times.accessed, wanted.times.modified);
}
