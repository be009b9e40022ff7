/**
 * SFTP's requests and answers over a connection that the engine relays: requests go out as they come and answers find
 * their request by its number. The guest is not trusted: what it says is bounded and checked, and its silence has an end.
 */
import { type Deferred, deferred } from "../../base/async.ts";
import { EngineError, messageOf, toEngineError } from "../../base/errors.ts";
import {
  BadPacket,
  MAX_PACKET_BYTES,
  PACKET,
  PacketReader,
  PacketWriter,
  packetsIn,
  STATUS,
} from "../../base/sftp-packets.ts";
import type { RemoteConnection } from "../engine-client.ts";

const VERSION = 3;
/** A guest that answers nothing for so long, while it is asked, is not waited for. */
const SILENCE_MS = 60_000;

/** A request that the guest refused; `status` is SFTP's code. */
export class SftpError extends Error {
  override readonly name = "SftpError";
  readonly status: number;
  constructor(status: number, words: string) {
    super(words === "" ? `status ${status}` : words);
    this.status = status;
  }
}

export type Write = (writer: PacketWriter) => PacketWriter;
export type Answer = { type: number; reader: PacketReader };

export class SftpChannel {
  readonly #connection: RemoteConnection;
  readonly #packets: AsyncGenerator<Buffer>;
  readonly #waiting = new Map<number, Deferred<Answer>>();
  readonly #ended = deferred<void>();
  readonly #silenceMs: number;
  #silence: NodeJS.Timeout | undefined;
  #over: Error | undefined;
  #last = 0;

  /** What the guest's server can do beyond the draft. */
  readonly extensions = new Set<string>();

  private constructor(connection: RemoteConnection, silenceMs: number) {
    this.#connection = connection;
    this.#silenceMs = silenceMs;
    this.#packets = packetsIn(connection.stdout as AsyncIterable<Buffer>);
    connection.exited.catch(() => {}); // The end of its output tells.
    connection.stdin.on("error", () => {});
  }

  /** Owns the connection from now on. */
  static async on(connection: RemoteConnection, silenceMs = SILENCE_MS): Promise<SftpChannel> {
    const channel = new SftpChannel(connection, silenceMs);
    channel.#listenFor(true);
    try {
      await channel.#greet();
    } catch (error) {
      channel.#end(toEngineError(error));
      throw error;
    }
    channel.#listenFor(false);
    void channel.#listen();
    return channel;
  }

  /** Resolves when it can be used no more. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  close(): void {
    this.#connection.close();
  }

  /** Rejects with SftpError where the guest refuses, with EngineError where it cannot be reached. */
  ask(type: number, write: Write): Promise<Answer> {
    if (this.#over) return Promise.reject(this.#over);
    this.#last = (this.#last + 1) >>> 0;
    const packet = write(new PacketWriter(type).uint32(this.#last)).packet();
    if (packet.length > MAX_PACKET_BYTES) {
      return Promise.reject(
        new EngineError("invalid-argument", "cannot ask the guest: the path is too long"),
      );
    }
    const answer = deferred<Answer>();
    this.#waiting.set(this.#last, answer);
    if (this.#waiting.size === 1) this.#listenFor(true);
    this.#connection.stdin.write(packet);
    return answer.promise.then(refused);
  }

  async #greet(): Promise<void> {
    this.#connection.stdin.write(new PacketWriter(PACKET.init).uint32(VERSION).packet());
    const first = await this.#packets.next().catch((error) => {
      throw this.#over ?? lost(messageOf(error));
    });
    if (first.done) throw this.#over ?? lost(await this.#why());
    const reader = new PacketReader(first.value);
    if (reader.byte() !== PACKET.version) throw lost("what answers is no SFTP server");
    reader.uint32();
    while (reader.left > 0) {
      this.extensions.add(reader.text());
      reader.data();
    }
  }

  /** Until the connection ends or the guest says something that is not SFTP. Never rejects. */
  async #listen(): Promise<void> {
    try {
      for await (const packet of this.#packets) {
        const reader = new PacketReader(packet);
        const type = reader.byte();
        const id = reader.uint32();
        this.#waiting.get(id)?.resolve({ type, reader });
        this.#waiting.delete(id);
        this.#listenFor(this.#waiting.size > 0);
      }
      this.#end(lost(await this.#why()));
    } catch (error) {
      this.#end(lost(error instanceof BadPacket ? error.message : await this.#why()));
    }
  }

  async #why(): Promise<string> {
    return this.#connection.exited.then(() => "the guest closed the connection", messageOf);
  }

  #listenFor(answers: boolean): void {
    clearTimeout(this.#silence);
    const end = () => this.#end(lost(`it has not answered for ${this.#silenceMs / 1000} s`));
    this.#silence = answers ? setTimeout(end, this.#silenceMs) : undefined;
  }

  #end(error: Error): void {
    if (this.#over) return;
    this.#over = error;
    this.#listenFor(false);
    this.#connection.close();
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#ended.resolve();
  }
}

/** A status that is not `ok` is an error. */
function refused(answer: Answer): Answer {
  if (answer.type !== PACKET.status) return answer;
  const status = answer.reader.uint32();
  if (status === STATUS.ok) return answer;
  const words = answer.reader.left >= 4 ? answer.reader.data().toString("utf8").slice(0, 200) : "";
  throw new SftpError(status, words);
}

function lost(reason: string): EngineError {
  return new EngineError("guest-unreachable", `cannot reach the guest's files: ${reason}`, {
    hint: "Try again: it is connected anew.",
  });
}
