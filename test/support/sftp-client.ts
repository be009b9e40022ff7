/** As much of an SFTP client as tests need: one request at a time, over pipes in this process. */
import { PassThrough } from "node:stream";
import { PACKET, PacketReader, PacketWriter, packetsIn, STATUS } from "../../src/base/sftp-packets.ts";
import type { IdPair } from "../../src/engine/guest/sftp/attributes.ts";
import { serveSftp } from "../../src/engine/guest/sftp/server.ts";
import { SharedDirectory } from "../../src/engine/guest/sftp/shared-directory.ts";

export type Answer = { type: number; reader: PacketReader };

/** A failed request; `code` is SFTP's. */
export class SftpError extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`status ${Object.entries(STATUS).find(([, value]) => value === code)?.[0] ?? code}`);
    this.code = code;
  }
}

export class SftpClient {
  readonly toServer = new PassThrough();
  readonly fromServer = new PassThrough();
  /** Settles as the server does. */
  readonly served: Promise<void>;
  readonly #answers: AsyncGenerator<Buffer>;
  #id = 0;

  private constructor(directory: SharedDirectory, uids: IdPair[], signal: AbortSignal) {
    const pipes = { stdin: this.fromServer, stdout: this.toServer };
    this.served = serveSftp(pipes, directory, { uids, gids: uids, signal }).finally(() => {
      this.fromServer.end();
      return directory.close();
    });
    this.served.catch(() => {});
    this.#answers = packetsIn(this.fromServer);
  }

  static async open(
    root: string,
    options: { handles?: boolean; uids?: IdPair[]; signal?: AbortSignal } = {},
  ): Promise<SftpClient> {
    const { handles, uids = [], signal = new AbortController().signal } = options;
    const client = new SftpClient(await SharedDirectory.open(root, handles), uids, signal);
    client.toServer.write(new PacketWriter(PACKET.init).uint32(3).packet());
    await client.next();
    return client;
  }

  async next(): Promise<Answer> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error("the server has ended");
    const reader = new PacketReader(value);
    return { type: reader.byte(), reader };
  }

  /** Sends a request and resolves with its answer; rejects with `SftpError` for a failure. */
  async ask(type: number, write: (writer: PacketWriter) => PacketWriter): Promise<Answer> {
    this.#id += 1;
    this.toServer.write(write(new PacketWriter(type).uint32(this.#id)).packet());
    const answer = await this.next();
    if (answer.reader.uint32() !== this.#id) throw new Error("the answer is to another request");
    if (answer.type !== PACKET.status) return answer;
    const code = answer.reader.uint32();
    if (code !== STATUS.ok) throw new SftpError(code);
    return answer;
  }

  async open(path: string, flags: number, mode?: number): Promise<Buffer> {
    const answer = await this.ask(PACKET.open, (writer) => {
      const start = writer.text(path).uint32(flags);
      return mode === undefined ? start.uint32(0) : start.uint32(4).uint32(mode);
    });
    return answer.reader.data();
  }

  async write(path: string, text: string, flags = 2 | 8 | 16): Promise<void> {
    const handle = await this.open(path, flags, 0o644);
    await this.ask(PACKET.write, (writer) => writer.data(handle).uint64(0).data(Buffer.from(text)));
    await this.close(handle);
  }

  async read(path: string): Promise<string> {
    const handle = await this.open(path, 1);
    try {
      const answer = await this.ask(PACKET.read, (writer) => writer.data(handle).uint64(0).uint32(65_536));
      return answer.reader.data().toString();
    } finally {
      await this.close(handle);
    }
  }

  close(handle: Buffer): Promise<Answer> {
    return this.ask(PACKET.close, (writer) => writer.data(handle));
  }

  async names(path: string): Promise<string[]> {
    const { reader } = await this.ask(PACKET.opendir, (writer) => writer.text(path));
    const handle = reader.data();
    const names: string[] = [];
    try {
      for (;;) {
        const answer = await this.ask(PACKET.readdir, (writer) => writer.data(handle));
        for (let left = answer.reader.uint32(); left > 0; left -= 1) {
          names.push(answer.reader.text());
          answer.reader.text();
          this.attributes(answer.reader);
        }
      }
    } catch (error) {
      if (!(error instanceof SftpError) || error.code !== STATUS.eof) throw error;
    }
    await this.close(handle);
    return names.sort();
  }

  attributes(reader: PacketReader) {
    const flags = reader.uint32();
    if (flags !== 15) throw new Error(`flags ${flags}`);
    const [size, uid, gid, mode] = [reader.uint64(), reader.uint32(), reader.uint32(), reader.uint32()];
    return { size, uid, gid, mode, accessed: reader.uint32(), modified: reader.uint32() };
  }

  async stat(path: string, type: number = PACKET.lstat) {
    return this.attributes((await this.ask(type, (writer) => writer.text(path))).reader);
  }

  extended(name: string, write: (writer: PacketWriter) => PacketWriter): Promise<Answer> {
    return this.ask(PACKET.extended, (writer) => write(writer.text(name)));
  }

  async dispose(): Promise<void> {
    this.toServer.end();
    await this.served.catch(() => {});
  }
}
