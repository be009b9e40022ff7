/**
 * An SFTP server for one shared directory, over the pipes of a process in the guest. Requests are answered one after
 * another, in their order: a guest's kernel relies on what it was told before.
 */

import { once } from "node:events";
import * as fs from "node:fs";
import type { Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import {
  type Attributes,
  BadPacket,
  PACKET,
  PacketReader,
  PacketWriter,
  packetsIn,
  readAttributes,
  STATUS,
} from "../../../base/sftp-packets.ts";
import { type Answer, done, hello, named, space, status, statusOf } from "./answers.ts";
import { IdMap, type IdMaps, type IdPair, writeAttributes } from "./attributes.ts";
import { type Entry, type Listing, SharedFiles } from "./files.ts";
import { Handles } from "./handles.ts";
import { type SharedDirectory, systemError } from "./shared-directory.ts";

const read = promisify(fs.read);
const write = promisify(fs.write);
const fstat = promisify(fs.fstat);
const fsync = promisify(fs.fsync);
const close = promisify(fs.close);

/** More than these at once are refused to a guest, so that it cannot take all that the engine may open. */
const MAX_HANDLES = 8192;
/** The longest answer to one read, and names in one answer to a listing. */
const MAX_READ_BYTES = 128 * 1024;
const NAMES_AT_ONCE = 100;

type Handle = { file: number } | { listing: Listing; path: string };

export type SftpOptions = { uids: readonly IdPair[]; gids: readonly IdPair[]; signal: AbortSignal };

/**
 * Serves until the guest hangs up, or the signal ends it. Rejects with `BadPacket` where the guest does not speak the
 * protocol. Closes whatever the guest has left open.
 */
export async function serveSftp(
  pipes: { stdin: Writable; stdout: Readable },
  directory: SharedDirectory,
  options: SftpOptions,
): Promise<void> {
  const session = new Session(new SharedFiles(directory), {
    uids: new IdMap(options.uids),
    gids: new IdMap(options.gids),
  });
  const { stdin, stdout } = pipes;
  const onAbort = () => stdout.destroy();
  options.signal.addEventListener("abort", onAbort, { once: true });
  try {
    for await (const packet of packetsIn(stdout as AsyncIterable<Buffer>)) {
      const answer = await session.answer(packet);
      if (!stdin.writable) return;
      if (!stdin.write(answer)) await Promise.race([once(stdin, "drain"), once(stdin, "close")]);
    }
  } catch (error) {
    if (error instanceof BadPacket) throw error;
    // The guest, its connection or our patience has ended.
  } finally {
    options.signal.removeEventListener("abort", onAbort);
    await session.end();
  }
}

class Session {
  readonly #files: SharedFiles;
  readonly #ids: IdMaps;
  readonly #handles = new Handles<Handle>(MAX_HANDLES);

  constructor(files: SharedFiles, ids: IdMaps) {
    this.#files = files;
    this.#ids = ids;
  }

  async answer(packet: Buffer): Promise<Answer> {
    const reader = new PacketReader(packet);
    const type = reader.byte();
    if (type === PACKET.init) return hello();
    const id = reader.uint32();
    try {
      return await this.#do(type, id, reader);
    } catch (error) {
      if (error instanceof BadPacket) throw error;
      return status(id, statusOf(error));
    }
  }

  async end(): Promise<void> {
    const left = this.#handles.takeAll();
    await Promise.allSettled(left.map((one) => ("file" in one ? close(one.file) : one.listing.close())));
  }

  async #do(type: number, id: number, reader: PacketReader): Promise<Answer> {
    const files = this.#files;
    switch (type) {
      case PACKET.open: {
        const [path, flags] = [reader.text(), reader.uint32()];
        return this.#keep(id, async () => ({ file: await files.open(path, flags, this.#wanted(reader)) }));
      }
      case PACKET.opendir: {
        const path = reader.text();
        return this.#keep(id, async () => ({ listing: await files.list(path), path }));
      }
      case PACKET.close:
        return this.#close(id, reader);
      case PACKET.read:
        return this.#read(id, reader);
      case PACKET.write: {
        const [file, offset, bytes] = [this.#file(reader), reader.uint64(), reader.data()];
        await writeAll(file, bytes, offset);
        return status(id, STATUS.ok);
      }
      case PACKET.stat:
      case PACKET.lstat:
        return this.#attributes(id, await files.facts(reader.text()));
      case PACKET.fstat:
        return this.#attributes(id, await fstat(this.#file(reader)));
      case PACKET.setstat:
        return done(id, files.change(reader.text(), this.#wanted(reader)));
      case PACKET.fsetstat:
        return done(id, files.change(this.#file(reader), this.#wanted(reader)));
      case PACKET.readdir:
        return this.#names(id, reader);
      case PACKET.remove:
        return done(id, files.remove(reader.text()));
      case PACKET.mkdir:
        return done(id, files.mkdir(reader.text(), this.#wanted(reader)));
      case PACKET.rmdir:
        return done(id, files.rmdir(reader.text()));
      case PACKET.rename:
        return done(id, files.rename(reader.text(), reader.text(), { replace: false }));
      case PACKET.realpath:
        return named(
          id,
          `/${reader
            .text()
            .split("/")
            .filter((one) => one && one !== ".")
            .join("/")}`,
        );
      case PACKET.readlink:
        return named(id, await files.readlink(reader.text()));
      case PACKET.symlink: {
        // OpenSSH, and so every client, sends the link's text before its name, against the draft.
        const [text, path] = [reader.text(), reader.text()];
        return done(id, files.symlink(path, text));
      }
      case PACKET.extended:
        return this.#extended(id, reader);
      default:
        return status(id, STATUS.unsupported);
    }
  }

  async #extended(id: number, reader: PacketReader): Promise<Answer> {
    const files = this.#files;
    switch (reader.text()) {
      case "posix-rename@openssh.com":
        return done(id, files.rename(reader.text(), reader.text(), { replace: true }));
      case "hardlink@openssh.com":
        return done(id, files.link(reader.text(), reader.text()));
      case "fsync@openssh.com":
        return done(id, fsync(this.#file(reader)));
      case "statvfs@openssh.com":
        return space(id, await files.space(reader.text()));
      case "fstatvfs@openssh.com":
        this.#file(reader);
        return space(id, await files.space("/"));
      default:
        return status(id, STATUS.unsupported);
    }
  }

  /** The guest's owner ids as this host's. `EPERM` where there is no counterpart. */
  #wanted(reader: PacketReader): Attributes {
    const wanted = readAttributes(reader);
    if (!wanted.owner) return wanted;
    const [uid, gid] = [this.#ids.uids.toHost(wanted.owner.uid), this.#ids.gids.toHost(wanted.owner.gid)];
    if (uid === undefined || gid === undefined) throw systemError("EPERM");
    return { ...wanted, owner: { uid, gid } };
  }

  async #keep(id: number, make: () => Promise<Handle>): Promise<Answer> {
    return this.#handles.isFull ? status(id, STATUS.failure) : this.#handles.keep(id, await make());
  }

  #handle(reader: PacketReader): { key: number; handle: Handle } {
    const found = this.#handles.next(reader);
    if (!found) throw systemError("EBADF");
    return found;
  }

  #file(reader: PacketReader): number {
    const { handle } = this.#handle(reader);
    if ("file" in handle) return handle.file;
    throw systemError("EBADF");
  }

  async #close(id: number, reader: PacketReader): Promise<Answer> {
    const { key, handle } = this.#handle(reader);
    this.#handles.remove(key);
    return done(id, "file" in handle ? close(handle.file) : handle.listing.close());
  }

  async #read(id: number, reader: PacketReader): Promise<Answer> {
    const [file, offset, length] = [this.#file(reader), reader.uint64(), reader.uint32()];
    const wanted = Math.min(length, MAX_READ_BYTES);
    // Length, type, id and the data's length lie before the data, which is read to its place.
    const answer = Buffer.allocUnsafe(13 + wanted);
    const { bytesRead } = await read(file, answer, 13, wanted, offset);
    if (bytesRead === 0 && wanted > 0) return status(id, STATUS.eof);
    answer.writeUInt32BE(9 + bytesRead, 0);
    answer.writeUInt8(PACKET.data, 4);
    answer.writeUInt32BE(id, 5);
    answer.writeUInt32BE(bytesRead, 9);
    return answer.subarray(0, 13 + bytesRead);
  }

  async #names(id: number, reader: PacketReader): Promise<Answer> {
    const { handle } = this.#handle(reader);
    if ("file" in handle) throw systemError("EBADF");
    const entries: Entry[] = [];
    while (entries.length < NAMES_AT_ONCE) {
      const entry = await handle.listing.next();
      if (!entry) break;
      entries.push(entry);
    }
    if (entries.length === 0) return status(id, STATUS.eof);
    const writer = new PacketWriter(PACKET.name).uint32(id).uint32(entries.length);
    for (const { name, facts } of entries) {
      writeAttributes(writer.text(name).text(name), facts, this.#ids);
    }
    return writer.packet();
  }

  #attributes(id: number, facts: fs.Stats | Entry["facts"]): Answer {
    return writeAttributes(new PacketWriter(PACKET.attrs).uint32(id), facts, this.#ids).packet();
  }
}

async function writeAll(file: number, bytes: Buffer, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await write(file, bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}
