/**
 * A directory of this host that a guest sees, and nothing beyond it. Every path is walked component by component from
 * the directory's own handle and no symbolic link is ever followed, so that no name, link or rename leads out of it:
 * the guest's kernel follows links itself, in the guest's own file tree.
 *
 * Where the system offers paths relative to an open directory (Linux's `/proc/self/fd`), each step opens the next
 * directory through the last, which cannot be raced. Elsewhere each step is looked at first, and one lock over all
 * shared directories keeps every guest from changing what is being looked at.
 */

import * as fs from "node:fs";
import { constants, existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { KeyedQueue } from "../../../base/async.ts";
import { BYTES } from "../../../base/sftp-packets.ts";

const open = promisify(fs.open);
const close = promisify(fs.close);
const lstat = promisify(fs.lstat);
const chmod = promisify(fs.chmod);

const HANDLES = "/proc/self/fd";
const HAS_HANDLES = existsSync(HANDLES);
/** Linux's O_PATH, which Node does not name: a handle that only serves to walk on. */
const O_PATH = 0o10_000_000;
const { O_DIRECTORY = 0, O_NOFOLLOW = 0 } = constants;
const LOOK = O_PATH | O_DIRECTORY | O_NOFOLLOW;
const POSIX = path.sep === "/";

const walks = new KeyedQueue();

/** Names that Windows reads as something else than a file of this directory. */
const NOT_A_WINDOWS_NAME = /[<>:"|?*\\]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** One file's place: the directory that holds it is open, the file itself need not exist. Valid during `at`. */
export type Place = {
  /** For calls of the system that do not follow a last link. */
  readonly file: Buffer | string;
  /** The directory that holds it, for who owns it. */
  readonly parent: Buffer | string;
};

export class SharedDirectory {
  /** Without symbolic links. */
  readonly #path: string;
  readonly #handles: boolean;
  #root: number | undefined;
  #identity = "";

  private constructor(directory: string, handles: boolean) {
    this.#path = directory;
    this.#handles = handles;
  }

  /** Rejects as `open` does where it is no directory. `handles` false: as on a system without them. */
  static async open(directory: string, handles = HAS_HANDLES): Promise<SharedDirectory> {
    const shared = new SharedDirectory(await realpath(directory), handles);
    await shared.#openRoot();
    return shared;
  }

  /** Its path on this host. */
  get path(): string {
    return this.#path;
  }

  async close(): Promise<void> {
    const root = this.#root;
    this.#root = undefined;
    if (root !== undefined) await close(root);
  }

  /** Does the work on the places that the guest's paths name. Rejects as the system does, with `code`. */
  at<T>(guestPaths: readonly string[], work: (...places: Place[]) => Promise<T>): Promise<T> {
    return this.#handles ? this.#byHandles(guestPaths, work) : this.#byLooking(guestPaths, work);
  }

  /** Changes a place's mode without following a link, which `chmod` itself would. */
  async changeMode({ file }: Place, mode: number): Promise<void> {
    if (!this.#handles) {
      if ((await lstat(file)).isSymbolicLink()) throw systemError("ELOOP");
      return chmod(file, mode);
    }
    const handle = await open(file, O_PATH | O_NOFOLLOW);
    try {
      await chmod(`${HANDLES}/${handle}`, mode);
    } finally {
      fs.close(handle, () => {});
    }
  }

  async #byHandles<T>(guestPaths: readonly string[], work: (...places: Place[]) => Promise<T>): Promise<T> {
    const held: number[] = [];
    try {
      const places: Place[] = [];
      for (const guestPath of guestPaths) places.push(await this.#walk(componentsOf(guestPath), held));
      return await work(...places);
    } finally {
      for (const handle of held) fs.close(handle, () => {});
    }
  }

  async #walk(components: string[], held: number[]): Promise<Place> {
    if (components.length === 0) await this.#freshRoot();
    let handle = this.#root;
    if (handle === undefined) throw systemError("EIO");
    const name = components.pop();
    for (const component of components) {
      const next: number = await open(native(`${HANDLES}/${handle}/${component}`), LOOK);
      held.push(next);
      handle = next;
    }
    const parent = `${HANDLES}/${handle}`;
    return { file: native(`${parent}/${name ?? "."}`), parent: native(`${parent}/.`) };
  }

  #byLooking<T>(guestPaths: readonly string[], work: (...places: Place[]) => Promise<T>): Promise<T> {
    return walks.run("", async () => {
      const places: Place[] = [];
      for (const guestPath of guestPaths) {
        const components = componentsOf(guestPath);
        const name = components.pop();
        let parent = asBytes(this.#path);
        for (const component of components) {
          parent = `${parent}${path.sep}${component}`;
          if (!(await lstat(native(parent))).isDirectory()) throw systemError("ENOTDIR");
        }
        const file = name === undefined ? parent : `${parent}${path.sep}${name}`;
        places.push({ file: native(file), parent: native(parent) });
      }
      return work(...places);
    });
  }

  /** The directory may have been replaced on the host; it is looked for again, without following any link. */
  async #freshRoot(): Promise<void> {
    const now = await lstat(this.#path);
    if (`${now.dev}:${now.ino}` === this.#identity) return;
    await this.close();
    await this.#openRoot();
  }

  async #openRoot(): Promise<void> {
    if (!this.#handles) {
      if (!(await lstat(this.#path)).isDirectory()) throw systemError("ENOTDIR");
      return;
    }
    let handle = await open("/", LOOK);
    for (const component of this.#path.split("/").filter(Boolean)) {
      const before = handle;
      try {
        handle = await open(`${HANDLES}/${before}/${component}`, LOOK);
      } finally {
        await close(before);
      }
    }
    const facts = await promisify(fs.fstat)(handle);
    this.#identity = `${facts.dev}:${facts.ino}`;
    this.#root = handle;
  }
}

/** The names that a guest's path consists of. `..` is refused: no client needs it, and what it names depends on links. */
function componentsOf(guestPath: string): string[] {
  const components = guestPath.split("/").filter((one) => one !== "" && one !== ".");
  for (const component of components) {
    if (component === ".." || component.includes("\0")) throw systemError("EACCES");
    if (!POSIX && NOT_A_WINDOWS_NAME.test(component)) throw systemError("EINVAL");
  }
  return components;
}

/** A path of ours, whose characters are bytes, as the system takes it. */
function native(text: string): Buffer | string {
  return POSIX ? Buffer.from(text, BYTES) : Buffer.from(text, BYTES).toString("utf8");
}

/** The other way. */
export function asBytes(text: Buffer | string): string {
  return Buffer.from(text as string).toString(BYTES);
}

export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}
