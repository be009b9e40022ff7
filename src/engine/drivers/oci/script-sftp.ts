/**
 * An SFTP server for a container whose image has none: its requests become scripts that are run in there. Requests are
 * answered one after another, in their order. A file is read and written from its beginning on, which is how clients do it.
 */
import { posix } from "node:path";
import type { Duplex } from "node:stream";
import { happens } from "../../../base/async.ts";
import {
  type Attributes,
  BadPacket,
  PACKET,
  PacketReader,
  PacketWriter,
  readAttributes,
  STATUS,
} from "../../../base/sftp-packets.ts";
import type { GuestAccess } from "../../guest/guest.ts";
import { done, entriesAnswer, factsAnswer, hello, named, status } from "../../guest/sftp/answers.ts";
import { Handles } from "../../guest/sftp/handles.ts";
import { type SftpSession, sftpStream } from "../../guest/sftp/stream.ts";
import { closeFile, type Named, type OpenFile, readBytes, ScriptError, ScriptFiles } from "./script-files.ts";

const MAX_HANDLES = 256;
const MAX_READ_BYTES = 128 * 1024;
const NAMES_AT_ONCE = 100;
/** As the protocol has them. */
const OPEN = { write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const;
const REPLACING = "posix-rename@openssh.com";

type Handle = OpenFile | { path: string; left: Named[] };

/** The caller owns the stream, which speaks SFTP. */
export function sftpByScripts(guest: Pick<GuestAccess, "exec">): Duplex {
  const life = new AbortController();
  return sftpStream(new Session(new ScriptFiles(guest, life)), life);
}

class Session implements SftpSession {
  readonly #files: ScriptFiles;
  readonly #handles = new Handles<Handle>(MAX_HANDLES);
  #home: string | undefined;

  constructor(files: ScriptFiles) {
    this.#files = files;
  }

  async answer(packet: Buffer): Promise<Buffer> {
    const reader = new PacketReader(packet);
    const type = reader.byte();
    if (type === PACKET.init) return hello([[REPLACING, "1"]]);
    const id = reader.uint32();
    try {
      return await this.#do(type, id, reader);
    } catch (error) {
      if (error instanceof BadPacket) throw error;
      const words = error instanceof Error ? error.message : String(error);
      return status(id, error instanceof ScriptError ? statusOf(words) : STATUS.failure, words);
    }
  }

  end(): void {
    for (const handle of this.#handles.takeAll()) if ("child" in handle) handle.child.close();
  }

  async #do(type: number, id: number, reader: PacketReader): Promise<Buffer> {
    const files = this.#files;
    switch (type) {
      case PACKET.open:
        return this.#keep(id, await this.#open(await this.#path(reader), reader.uint32(), reader));
      case PACKET.opendir: {
        const path = await this.#path(reader);
        return this.#keep(id, { path, left: await files.list(path) });
      }
      case PACKET.close:
        return this.#close(id, reader);
      case PACKET.read:
        return this.#read(id, reader);
      case PACKET.write:
        return this.#write(id, reader);
      case PACKET.readdir:
        return this.#names(id, reader);
      case PACKET.stat:
      case PACKET.lstat:
        return factsAnswer(id, await files.facts(await this.#path(reader), type === PACKET.stat));
      case PACKET.fstat:
        return factsAnswer(id, await files.facts(this.#handle(reader).handle.path, true));
      case PACKET.setstat:
        return this.#change(id, await this.#path(reader), readAttributes(reader));
      case PACKET.fsetstat:
        return this.#change(id, this.#handle(reader).handle.path, readAttributes(reader));
      case PACKET.realpath:
        return named(id, await this.#real(reader.text()));
      case PACKET.readlink:
        return named(id, await files.line("readlink", await this.#path(reader)));
      default:
        return this.#alter(type, id, reader);
    }
  }

  /** What changes a directory. */
  async #alter(type: number, id: number, reader: PacketReader): Promise<Buffer> {
    const files = this.#files;
    switch (type) {
      case PACKET.remove:
        return done(id, files.run("remove", await this.#path(reader)));
      case PACKET.mkdir: {
        const path = await this.#path(reader);
        return done(id, files.run("mkdir", path, octal(readAttributes(reader).mode)));
      }
      case PACKET.rmdir:
        return done(id, files.run("rmdir", await this.#path(reader)));
      case PACKET.rename:
        return done(id, files.run("rename", await this.#path(reader), await this.#path(reader), ""));
      case PACKET.symlink: {
        // OpenSSH, and so every client, sends the link's text before its name, against the draft.
        const says = reader.text();
        return done(id, files.run("symlink", says, await this.#path(reader)));
      }
      case PACKET.extended:
        if (reader.text() === REPLACING)
          return done(id, files.run("rename", await this.#path(reader), await this.#path(reader), "yes"));
        return status(id, STATUS.unsupported);
      default:
        return status(id, STATUS.unsupported);
    }
  }

  async #open(path: string, flags: number, reader: PacketReader): Promise<OpenFile> {
    const { mode } = readAttributes(reader);
    if (flags & OPEN.append) throw new ScriptError("it cannot be appended to");
    if (!(flags & OPEN.write)) return this.#files.openToRead(path);
    const create = (flags & OPEN.create) !== 0;
    const fresh = create && (flags & OPEN.exclusive) !== 0;
    const begins = fresh ? "new" : flags & OPEN.truncate ? "cut" : "keep";
    return this.#files.openToWrite(path, { begins, create, mode });
  }

  #keep(id: number, handle: Handle): Buffer {
    if (!this.#handles.isFull) return this.#handles.keep(id, handle);
    if ("child" in handle) handle.child.close();
    return status(id, STATUS.failure, "too much is open");
  }

  #handle(reader: PacketReader): { key: number; handle: Handle } {
    const found = this.#handles.next(reader);
    if (!found) throw new ScriptError("nothing of that handle is open");
    return found;
  }

  #file(reader: PacketReader, writes: boolean): { key: number; file: OpenFile } {
    const { key, handle } = this.#handle(reader);
    if ("child" in handle && handle.writes === writes) return { key, file: handle };
    throw new ScriptError("it was opened for something else");
  }

  async #close(id: number, reader: PacketReader): Promise<Buffer> {
    const { key, handle } = this.#handle(reader);
    this.#handles.remove(key);
    return done(id, "child" in handle ? closeFile(handle) : Promise.resolve());
  }

  async #read(id: number, reader: PacketReader): Promise<Buffer> {
    const { key, file } = this.#file(reader, false);
    const [offset, length] = [reader.uint64(), reader.uint32()];
    let from = file;
    if (offset !== file.at && !(offset > file.at && file.child.stdout.readableEnded)) {
      file.child.close();
      from = await this.#files.openToRead(file.path, offset);
      this.#handles.replace(key, from);
    }
    const bytes = await readBytes(from, Math.min(length, MAX_READ_BYTES));
    if (bytes.length === 0 && length > 0) return status(id, STATUS.eof);
    return new PacketWriter(PACKET.data).uint32(id).data(bytes).packet();
  }

  async #write(id: number, reader: PacketReader): Promise<Buffer> {
    const { file } = this.#file(reader, true);
    const [offset, bytes] = [reader.uint64(), reader.data()];
    if (offset !== file.at) throw new ScriptError("it can be written from its beginning on alone");
    const { stdin } = file.child;
    if (!stdin.write(bytes)) await happens(stdin, ["drain", "close"], file.child.exited);
    file.at += bytes.length;
    return status(id, STATUS.ok);
  }

  #names(id: number, reader: PacketReader): Buffer {
    const { handle } = this.#handle(reader);
    if ("child" in handle) throw new ScriptError("it is no directory");
    return entriesAnswer(id, handle.left.splice(0, NAMES_AT_ONCE));
  }

  async #change(id: number, path: string, wanted: Attributes): Promise<Buffer> {
    const { mode, size, owner, times } = wanted;
    const text = (value: number | undefined) => (value === undefined ? "" : String(value));
    const whose = owner ? `${owner.uid}:${owner.gid}` : "";
    return done(id, this.#files.run("change", path, octal(mode), text(size), whose, text(times?.modified)));
  }

  async #real(path: string): Promise<string> {
    this.#home ??= await this.#files.line("home");
    return path === "." || path === "" ? this.#home : this.#files.line("realpath", this.#absolute(path));
  }

  async #path(reader: PacketReader): Promise<string> {
    const path = reader.text();
    if (!path.startsWith("/")) this.#home ??= await this.#files.line("home");
    return this.#absolute(path);
  }

  /** Links in it are followed by whoever opens it, so its names stay as they are. */
  #absolute(path: string): string {
    return path.startsWith("/") ? path : posix.join(this.#home ?? "/", path);
  }
}

function octal(mode: number | undefined): string {
  return mode === undefined ? "" : (mode & 0o7777).toString(8);
}

/** What the protocol has for what a tool says, in the words of the C library. Pure. */
export function statusOf(words: string): number {
  if (/no such file|not a directory|nonexistent|too many levels/i.test(words)) return STATUS.noSuchFile;
  if (/permission denied|not permitted|read-only file/i.test(words)) return STATUS.permissionDenied;
  if (/not found$/i.test(words)) return STATUS.unsupported;
  return STATUS.failure;
}
