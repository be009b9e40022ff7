/**
 * A client of an NBD server on a Unix socket: reads, writes and questions about what is where, several under way at once.
 * A server that is silent, leaves, or breaks the protocol fails all of them, and may neither hang nor swell the engine.
 */
import net from "node:net";
import { abortable, type Deferred, deferred, withDeadline } from "../../../../base/async.ts";
import { EngineError, messageOf } from "../../../../base/errors.ts";
import { exactly, type Take } from "../../../../base/read-exactly.ts";
import { type Agreed, agree } from "./nbd-handshake.ts";
import {
  blockStatus,
  broken,
  Chunk,
  Command,
  chunkOffset,
  errorOf,
  holeLength,
  isError,
  MAX_BODY_BYTES,
  REPLY_BYTES,
  type Run,
  replyHead,
  request,
} from "./nbd-wire.ts";

const CONNECT_MS = 10_000;
/** A disk of the host that hangs longer than this while something is asked for is given up. */
const SILENT_MS = 60_000;
/** Taking leave from a server that does not read. */
const LEAVE_MS = 2_000;

type Options = { signal?: AbortSignal | undefined };

type Pending = {
  readonly offset: number;
  readonly length: number;
  /** Where what is read goes. */
  readonly into: Uint8Array | undefined;
  readonly reply: Deferred<void>;
  readonly runs: Map<string, Run[]>;
  filled: number;
  failure: EngineError | undefined;
};

type Asked = { offset: number; length: number; into?: Uint8Array; payload?: Uint8Array };

/** Lengths have 32 bits. */
const MOST_ZEROS = 2 ** 30;

export class NbdClient {
  readonly size: number;
  readonly #socket: net.Socket;
  readonly #take: Take;
  readonly #contexts: ReadonlyMap<number, string>;
  readonly #pending = new Map<number, Pending>();
  readonly #closed = deferred<void>();
  #lastCookie = 0;
  #failure: EngineError | undefined;

  private constructor(socket: net.Socket, take: Take, agreed: Agreed) {
    this.#socket = socket;
    this.#take = take;
    this.size = agreed.size;
    this.#contexts = agreed.contexts;
    socket.on("close", () => this.#closed.resolve());
    socket.setTimeout(SILENT_MS, () => {
      if (this.#pending.size > 0) this.#fail(broken(`it did not answer in ${SILENT_MS / 1000} s`));
    });
    void this.#receive();
  }

  /** Rejects where the server has no such export, or cannot tell of one of the contexts. */
  static async connect(
    path: string,
    exportName: string,
    { contexts = [], signal: parent }: Options & { contexts?: readonly string[] } = {},
  ): Promise<NbdClient> {
    parent?.throwIfAborted();
    const { signal, done } = withDeadline(CONNECT_MS, parent);
    const socket = net.connect(path);
    const onAbort = () => socket.destroy(new Error("it did not answer"));
    socket.on("error", () => {});
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const take = exactly(socket);
      return new NbdClient(socket, take, await agree(socket, take, exportName, contexts));
    } catch (error) {
      socket.destroy();
      parent?.throwIfAborted();
      throw error instanceof EngineError ? error : broken(messageOf(error), error);
    } finally {
      signal.removeEventListener("abort", onAbort);
      done();
    }
  }

  /** Fills `into`. To give a read up ends the connection: its bytes are on their way to a buffer that is the caller's again. */
  async read(offset: number, into: Uint8Array, { signal }: Options = {}): Promise<void> {
    try {
      await this.#ask(Command.read, { offset, length: into.length, into }, signal);
    } catch (error) {
      if (signal?.aborted) this.#fail(broken("what was asked of it was given up"));
      throw error;
    }
  }

  async write(offset: number, data: Uint8Array, { signal }: Options = {}): Promise<void> {
    await this.#ask(Command.write, { offset, length: data.length, payload: data }, signal);
  }

  /** Of any length; no bytes of it are sent. */
  async zero(offset: number, length: number, { signal }: Options = {}): Promise<void> {
    for (let at = offset; at < offset + length; at += MOST_ZEROS) {
      await this.#ask(
        Command.zero,
        { offset: at, length: Math.min(MOST_ZEROS, offset + length - at) },
        signal,
      );
    }
  }

  /** All that was written is on the host's disk when this resolves. */
  async flush({ signal }: Options = {}): Promise<void> {
    await this.#ask(Command.flush, { offset: 0, length: 0 }, signal);
  }

  /** For each context what holds from `offset` on: for some of `length`, or for more. */
  async status(
    offset: number,
    length: number,
    { signal }: Options = {},
  ): Promise<ReadonlyMap<string, readonly Run[]>> {
    const { runs } = await this.#ask(Command.blockStatus, { offset, length }, signal);
    for (const context of this.#contexts.values()) {
      if (!runs.has(context)) throw broken(`it does not tell of ${context}`);
    }
    return runs;
  }

  /** Takes leave; what is under way is given up. Resolves when the connection has ended. May be repeated. */
  async close(): Promise<void> {
    if (!this.#failure) {
      this.#giveUp(broken("the connection was closed"));
      this.#socket.write(request(Command.disconnect, 0, 0, 0));
      this.#socket.destroySoon();
    }
    const late = setTimeout(() => this.#socket.destroy(), LEAVE_MS);
    await this.#closed.promise;
    clearTimeout(late);
  }

  async #ask(
    type: number,
    { offset, length, into, payload }: Asked,
    signal: AbortSignal | undefined,
  ): Promise<Pending> {
    if (this.#failure) throw this.#failure;
    signal?.throwIfAborted();
    this.#lastCookie += 1;
    const cookie = this.#lastCookie;
    const pending: Pending = {
      ...{ offset, length, into, reply: deferred<void>(), runs: new Map() },
      ...{ filled: 0, failure: undefined },
    };
    this.#pending.set(cookie, pending);
    pending.reply.promise.catch(() => {});
    this.#socket.write(request(type, cookie, offset, length));
    if (payload) this.#socket.write(payload);
    await (signal ? abortable(pending.reply.promise, signal) : pending.reply.promise);
    return pending;
  }

  async #receive(): Promise<void> {
    try {
      for (;;) await this.#takeReply();
    } catch (error) {
      this.#fail(error instanceof EngineError ? error : broken(messageOf(error)));
    }
  }

  async #takeReply(): Promise<void> {
    const head = replyHead(await this.#take(REPLY_BYTES));
    const pending = this.#pending.get(head.cookie);
    if (!pending) throw broken("it answers what nobody asked");
    if (head.kind === "simple") {
      if (pending.into && head.errno === 0) throw broken("it sent a reply of the wrong kind");
      if (head.errno !== 0) pending.failure = refused(head.errno, "");
    } else {
      const length = (await this.#take(4)).readUInt32BE(0);
      if (head.type === Chunk.data && pending.into) await this.#takeData(pending, length);
      else if (length > MAX_BODY_BYTES) throw broken("its reply is too long");
      else this.#apply(pending, head.type, await this.#take(length));
    }
    if (head.kind === "structured" && !head.done) return;
    this.#pending.delete(head.cookie);
    settle(pending);
  }

  async #takeData(pending: Pending, length: number): Promise<void> {
    if (length < 8 || length > pending.length + 8) throw broken("its reply is of another length");
    const offset = chunkOffset(await this.#take(8));
    await this.#take.into(room(pending, offset, length - 8));
  }

  #apply(pending: Pending, type: number, body: Buffer): void {
    if (isError(type)) {
      const { errno, words } = errorOf(body);
      pending.failure ??= refused(errno, words);
    } else if (type === Chunk.hole && pending.into)
      room(pending, chunkOffset(body), holeLength(body)).fill(0);
    else if (type === Chunk.blockStatus) {
      const { context, runs } = blockStatus(body);
      const name = this.#contexts.get(context);
      if (name === undefined) throw broken("it tells of what nobody asked");
      pending.runs.set(name, runs);
    } else if (type !== Chunk.none) throw broken("it sent a reply of the wrong kind");
  }

  #fail(failure: EngineError): void {
    // Who is leaving hears no more, but what it has written is still sent.
    if (this.#failure) return;
    this.#giveUp(failure);
    this.#socket.destroy();
  }

  #giveUp(failure: EngineError): void {
    this.#failure = failure;
    for (const { reply } of this.#pending.values()) reply.reject(failure);
    this.#pending.clear();
  }
}

/** Where a part of the disk goes that a reply tells of. */
function room(pending: Pending, offset: number, length: number): Uint8Array {
  const at = offset - pending.offset;
  if (!pending.into || length === 0 || at < 0 || at + length > pending.length)
    throw broken("it sent what nobody asked for");
  pending.filled += length;
  return pending.into.subarray(at, at + length);
}

function settle(pending: Pending): void {
  const { failure, into, filled, length, reply } = pending;
  if (failure) reply.reject(failure);
  else if (into && filled !== length) reply.reject(broken("it did not send all that was asked for"));
  else reply.resolve();
}

function refused(errno: number, words: string): EngineError {
  const said = words || `error ${errno}`;
  if (errno === 28) return new EngineError("no-resources", "cannot write the disk: no space is left");
  return new EngineError("driver-failed", `cannot use the disk: its server says: ${said}`, {
    details: { errno },
  });
}
