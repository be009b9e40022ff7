/**
 * A guest's files as an editor wants them: whole files in and out, flags that say what may exist, trees that go as one.
 * Errors are FileProblems, whose kinds every editor knows.
 */
import { posix } from "node:path";
import { type Attributes, STATUS } from "../../base/sftp-packets.ts";
import { chunksOf, contentOf, fill } from "./content.ts";
import { exists, FileProblem, special, told } from "./problem.ts";
import { OPEN, type Sftp } from "./sftp.ts";
import { SftpError } from "./sftp-channel.ts";
import { copyTree, entriesOf, inPlaceOf, type NodeType, nodeAt, removeTree, typeOf } from "./trees.ts";

export type FileKind = "file" | "directory" | "other";

export type FileFacts = {
  kind: FileKind;
  /** A link; `kind` is then what it leads to, `other` where that is nothing. */
  link: boolean;
  size: number;
  modifiedMs: number;
  /** Nobody may write it, by its mode. */
  readonly: boolean;
};

/** An editor holds files whole, here and on its way to the window: larger ones are for `berth transfer`. */
export const MAX_FILE_BYTES = 64 * 2 ** 20;

export class GuestFiles {
  readonly #sftp: Sftp;
  constructor(sftp: Sftp) {
    this.#sftp = sftp;
  }

  /** Absolute. */
  home(): Promise<string> {
    return this.#sftp.realpath(".");
  }

  stat(path: string): Promise<FileFacts> {
    return told(path, async () => this.#followed(path, await this.#sftp.lstat(path)));
  }

  /** What a link says; undefined of anything else. */
  linkAt(path: string): Promise<string | undefined> {
    return told(path, async () => {
      if (typeOf(await this.#sftp.lstat(path)) !== "link") return undefined;
      return (await this.#sftp.readLink(path)).toString("utf8");
    });
  }

  /** Those whose names are no UTF-8 have no name here, and are left out. */
  list(path: string): Promise<[name: string, facts: FileFacts][]> {
    return told(path, async () => {
      await this.#mustBe("directory", path);
      const named = (await entriesOf(this.#sftp, path)).flatMap(({ name, attributes }) =>
        name === undefined ? [] : [{ name, attributes }],
      );
      return Promise.all(
        named.map(async ({ name, attributes }): Promise<[string, FileFacts]> => {
          return [name, await this.#followed(posix.join(path, name), attributes)];
        }),
      );
    });
  }

  read(path: string): Promise<Buffer> {
    return told(path, async () => {
      const { size } = await this.#mustBe("file", path);
      if (size > MAX_FILE_BYTES) throw tooLarge(path);
      const handle = await this.#sftp.open(path, OPEN.read);
      try {
        const parts: Buffer[] = [];
        let held = 0;
        for await (const part of contentOf({ sftp: this.#sftp, handle }, size)) {
          held += part.length;
          if (held > MAX_FILE_BYTES) throw tooLarge(path); // It grew meanwhile, or is one of /proc's.
          parts.push(part);
        }
        return Buffer.concat(parts);
      } finally {
        await this.#sftp.closeHandle(handle).catch(() => {});
      }
    });
  }

  /** In place, so that owner, mode and links stay what they are. Resolves with true where the file is new. */
  write(path: string, bytes: Uint8Array, may: { create: boolean; overwrite: boolean }): Promise<boolean> {
    return told(path, async () => {
      if (bytes.length > MAX_FILE_BYTES) throw tooLarge(path);
      const known = await this.#known(path);
      if (known?.kind === "directory") throw new FileProblem("is-a-directory", `${path} is a directory`);
      if (known?.kind === "other") throw special(path);
      if (known && may.create && !may.overwrite) throw exists(path);
      if (!known && !may.create) throw new FileProblem("not-found", `there is no ${path}`);
      // What came into being meanwhile is not written over.
      const kind = known ? OPEN.truncate : OPEN.create | (may.overwrite ? OPEN.truncate : OPEN.exclusive);
      const handle = await this.#sftp.open(path, OPEN.write | kind);
      try {
        const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        await fill({ sftp: this.#sftp, handle }, chunksOf(whole));
      } finally {
        await this.#sftp.closeHandle(handle);
      }
      return known === undefined;
    });
  }

  makeDirectory(path: string): Promise<void> {
    return told(path, async () => {
      if (await nodeAt(this.#sftp, path)) throw exists(path);
      await this.#sftp.makeDirectory(path);
    });
  }

  /** A link is removed, never what it leads to. */
  remove(path: string, { recursive }: { recursive: boolean }): Promise<void> {
    return told(path, async () => {
      const type = typeOf(await this.#sftp.lstat(path));
      if (type === "directory" && !recursive && (await entriesOf(this.#sftp, path)).length > 0)
        throw new FileProblem("not-empty", `${path} is not empty`);
      await removeTree(this.#sftp, path, type);
    });
  }

  rename(from: string, to: string, { overwrite }: { overwrite: boolean }): Promise<void> {
    return told(from, async () => {
      const moved = typeOf(await this.#sftp.lstat(from));
      if (from === to) return;
      apart(from, to);
      const there = await nodeAt(this.#sftp, to);
      // One step where it takes one: nobody sees the place empty.
      const inOne = there !== undefined && there !== "directory" && moved !== "directory";
      if (inOne && overwrite && (await possible(this.#sftp.replace(from, to)))) return;
      await inPlaceOf({ sftp: this.#sftp, path: to }, overwrite, () => this.#move(from, to, moved));
    });
  }

  /** Of the same guest, or of another. */
  copyFrom(
    source: GuestFiles,
    from: string,
    to: string,
    { overwrite }: { overwrite: boolean },
  ): Promise<void> {
    return told(to, async () => {
      await told(from, () => source.#sftp.lstat(from));
      if (source === this) apart(from, to);
      const target = { sftp: this.#sftp, path: to };
      await inPlaceOf(target, overwrite, () => copyTree({ sftp: source.#sftp, path: from }, target));
    });
  }

  /** To where nothing is. */
  async #move(from: string, to: string, type: NodeType): Promise<void> {
    if (await possible(this.#sftp.rename(from, to))) return;
    await copyTree({ sftp: this.#sftp, path: from }, { sftp: this.#sftp, path: to });
    await removeTree(this.#sftp, from, type);
  }

  async #mustBe(wanted: "file" | "directory", path: string): Promise<FileFacts> {
    const facts = await this.stat(path);
    if (wanted === "directory" && facts.kind !== "directory")
      throw new FileProblem("not-a-directory", `${path} is not a directory`);
    if (wanted === "file" && facts.kind === "directory")
      throw new FileProblem("is-a-directory", `${path} is a directory`);
    if (wanted === "file" && facts.kind === "other") throw special(path);
    return facts;
  }

  /** Undefined where there is nothing of that name. */
  async #known(path: string): Promise<FileFacts | undefined> {
    try {
      return await this.stat(path);
    } catch (error) {
      if (error instanceof FileProblem && error.kind === "not-found") return undefined;
      throw error;
    }
  }

  async #followed(path: string, own: Attributes): Promise<FileFacts> {
    if (typeOf(own) !== "link") return factsOf(own, false);
    try {
      return factsOf(await this.#sftp.stat(path), true);
    } catch (error) {
      if (error instanceof SftpError) return { ...factsOf(own, true), kind: "other" };
      throw error;
    }
  }
}

/** False where a guest cannot rename: to another of its file systems, most likely, but SFTP has no word for that. */
async function possible(renaming: Promise<void>): Promise<boolean> {
  try {
    await renaming;
    return true;
  } catch (error) {
    if (error instanceof SftpError && error.status === STATUS.failure) return false;
    throw error;
  }
}

function factsOf(attributes: Attributes, link: boolean): FileFacts {
  const type = typeOf(attributes);
  return {
    ...{ kind: type === "link" ? "other" : type, link },
    ...{ size: attributes.size ?? 0, modifiedMs: (attributes.times?.modified ?? 0) * 1000 },
    readonly: attributes.mode !== undefined && (attributes.mode & 0o222) === 0,
  };
}

/** Neither may lie in the other: it would be gone, or without end. */
function apart(from: string, to: string): void {
  const [a, b] = [`${posix.normalize(from)}/`, `${posix.normalize(to)}/`];
  if (a.startsWith(b) || b.startsWith(a))
    throw new FileProblem("failed", `${from} and ${to} lie in each other`);
}

function tooLarge(path: string): FileProblem {
  const most = `${MAX_FILE_BYTES / 2 ** 20} MiB`;
  return new FileProblem(
    "too-large",
    `${path} is larger than ${most}: copy it with \`berth transfer\` instead`,
  );
}
