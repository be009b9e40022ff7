/** What SFTP version 3's server in a guest can be asked for. Paths and names may be bytes: in a guest they need not be UTF-8. */
import { isUtf8 } from "node:buffer";
import {
  type Attributes,
  HAS,
  PACKET,
  type PacketWriter,
  readAttributes,
  STATUS,
} from "../../base/sftp-packets.ts";
import type { RemoteConnection } from "../engine-client.ts";
import { type Answer, SftpChannel, SftpError, type Write } from "./sftp-channel.ts";

export const OPEN = { read: 1, write: 2, create: 8, truncate: 16, exclusive: 32 } as const;

/** Rename that takes the place of what is there, as POSIX has it; every OpenSSH offers it. */
const POSIX_RENAME = "posix-rename@openssh.com";
/** From one open file to another without leaving the guest; OpenSSH has it since 9.0. */
const COPY_DATA = "copy-data";

export type Path = string | Buffer;
export type Handle = Buffer;
/** `name` is undefined where its bytes are no UTF-8. */
export type Entry = { name: string | undefined; bytes: Buffer; attributes: Attributes };

export class Sftp {
  readonly #channel: SftpChannel;

  private constructor(channel: SftpChannel) {
    this.#channel = channel;
  }

  /** Owns the connection from now on. */
  static async on(connection: RemoteConnection, silenceMs?: number): Promise<Sftp> {
    return new Sftp(await SftpChannel.on(connection, silenceMs));
  }

  /** Resolves when it can be used no more. */
  get ended(): Promise<void> {
    return this.#channel.ended;
  }

  close(): void {
    this.#channel.close();
  }

  async stat(path: Path): Promise<Attributes> {
    return attributesOf(await this.#channel.ask(PACKET.stat, withPath(path)));
  }

  /** Of a link itself. */
  async lstat(path: Path): Promise<Attributes> {
    return attributesOf(await this.#channel.ask(PACKET.lstat, withPath(path)));
  }

  /** Absolute, links followed; `.` is the user's home. */
  async realpath(path: string): Promise<string> {
    return (await this.#name(PACKET.realpath, path)).toString("utf8");
  }

  /** What a link says. */
  readLink(path: Path): Promise<Buffer> {
    return this.#name(PACKET.readlink, path);
  }

  /** OpenSSH takes what the link says first, unlike the draft, and the other servers follow it. */
  async makeLink(path: Path, says: Buffer): Promise<void> {
    await this.#done(PACKET.symlink, (writer) => withPath(path)(writer.data(says)));
  }

  /** A file that comes into being gets `mode`, as far as the guest's umask lets it. */
  open(path: Path, flags: number, mode?: number): Promise<Handle> {
    return this.#handle(PACKET.open, (writer) => withMode(withPath(path)(writer).uint32(flags), mode));
  }

  openDirectory(path: Path): Promise<Handle> {
    return this.#handle(PACKET.opendir, withPath(path));
  }

  /** Undefined at the end. */
  async read(handle: Handle, offset: number, length: number): Promise<Buffer | undefined> {
    const write: Write = (writer) => writer.data(handle).uint64(offset).uint32(length);
    const answer = await beforeEnd(this.#expect(PACKET.data, PACKET.read, write));
    return answer?.reader.data();
  }

  /** Some of the entries; undefined when all were told. */
  async readDirectory(handle: Handle): Promise<Entry[] | undefined> {
    const answer = await beforeEnd(
      this.#expect(PACKET.name, PACKET.readdir, (writer) => writer.data(handle)),
    );
    if (!answer) return undefined;
    const { reader } = answer;
    const entries: Entry[] = [];
    for (let left = reader.uint32(); left > 0; left -= 1) {
      const bytes = reader.data();
      reader.data(); // As `ls -l` would show it.
      const name = isUtf8(bytes) ? bytes.toString("utf8") : undefined;
      entries.push({ name, bytes, attributes: readAttributes(reader) });
    }
    return entries.filter(({ bytes }) => isName(bytes));
  }

  async write(handle: Handle, offset: number, bytes: Buffer): Promise<void> {
    await this.#done(PACKET.write, (writer) => writer.data(handle).uint64(offset).data(bytes));
  }

  get copiesData(): boolean {
    return this.#channel.extensions.has(COPY_DATA);
  }

  /** Between two open files, the same bytes to the same place; only where `copiesData`. */
  async copyData(from: Handle, to: Handle, offset: number, length: number): Promise<void> {
    await this.#done(PACKET.extended, (writer) =>
      writer.text(COPY_DATA).data(from).uint64(offset).uint64(length).data(to).uint64(offset),
    );
  }

  async closeHandle(handle: Handle): Promise<void> {
    await this.#done(PACKET.close, (writer) => writer.data(handle));
  }

  async remove(path: Path): Promise<void> {
    await this.#done(PACKET.remove, withPath(path));
  }

  async removeDirectory(path: Path): Promise<void> {
    await this.#done(PACKET.rmdir, withPath(path));
  }

  async makeDirectory(path: Path, mode?: number): Promise<void> {
    await this.#done(PACKET.mkdir, (writer) => withMode(withPath(path)(writer), mode));
  }

  /** Refused by the guest where the new name is taken. */
  async rename(from: Path, to: Path): Promise<void> {
    await this.#done(PACKET.rename, (writer) => withPath(to)(withPath(from)(writer)));
  }

  /** Takes the place of what is there, where the guest can do that in one step. */
  async replace(from: Path, to: Path): Promise<void> {
    if (!this.#channel.extensions.has(POSIX_RENAME)) return this.rename(from, to);
    await this.#done(PACKET.extended, (writer) => withPath(to)(withPath(from)(writer.text(POSIX_RENAME))));
  }

  async #expect(wanted: number, type: number, write: Write): Promise<Answer> {
    const answer = await this.#channel.ask(type, write);
    if (answer.type === wanted) return answer;
    throw new SftpError(STATUS.badMessage, `it answered ${answer.type} to ${type}`);
  }

  async #name(type: number, path: Path): Promise<Buffer> {
    const { reader } = await this.#expect(PACKET.name, type, withPath(path));
    if (reader.uint32() !== 1) throw new SftpError(STATUS.badMessage, "it named no path");
    return Buffer.from(reader.data());
  }

  async #handle(type: number, write: Write): Promise<Handle> {
    return Buffer.from((await this.#expect(PACKET.handle, type, write)).reader.data());
  }

  async #done(type: number, write: Write): Promise<void> {
    await this.#expect(PACKET.status, type, write);
  }
}

async function beforeEnd(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof SftpError && error.status === STATUS.eof) return undefined;
    throw error;
  }
}

function withPath(path: Path): Write {
  return (writer) => writer.data(Buffer.isBuffer(path) ? path : Buffer.from(path, "utf8"));
}

function withMode(writer: PacketWriter, mode: number | undefined): PacketWriter {
  return mode === undefined ? writer.uint32(0) : writer.uint32(HAS.mode).uint32(mode & 0o777);
}

function attributesOf({ type, reader }: Answer): Attributes {
  if (type !== PACKET.attrs) throw new SftpError(STATUS.badMessage, `it answered ${type}`);
  return readAttributes(reader);
}

/** What a guest says is in a directory never leads out of it. */
function isName(bytes: Buffer): boolean {
  const text = bytes.toString("latin1");
  return text !== "" && text !== "." && text !== ".." && !/[/\0]/.test(text);
}
