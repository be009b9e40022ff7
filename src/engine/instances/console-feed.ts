/**
 * A guest's serial port, shared by whoever watches it: what it prints goes to all, what any of them types is sent. The
 * port is read at once whatever its watchers do, because a guest waits for one that does not take its output: a watcher
 * that is behind misses the middle, and goes on with the last part.
 */
import { Duplex } from "node:stream";
import { CONSOLE_HISTORY_BYTES } from "../../api/streams.ts";
import { abortable, deferred, withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";

/** Output that may wait for a watcher. */
const WAITING_BYTES = 256 * 1024;
/** A port closes a little before its guest is known to have ended; a loaded host takes its time over that. */
const ENDING_MS = 10_000;

const SKIPPED = Buffer.from("\r\n[Berth: this console did not keep up, and missed a part]\r\n");

export type FeedParts = {
  name: string;
  /** To the guest's serial port, and of nobody else's. */
  port: Duplex;
  /** The end of what the port has printed so far: read now, however much of it comes through the port as well. */
  logged: () => Promise<Buffer>;
  /** Resolves when the guest's run has ended. */
  exited: Promise<unknown>;
};

export class ConsoleFeed {
  readonly #name: string;
  readonly #port: Duplex;
  readonly #exited: Promise<unknown>;
  readonly #recent = new Recent(CONSOLE_HISTORY_BYTES);
  readonly #watchers = new Set<Watcher>();
  /** What has come before it is known what was printed before. */
  #early: Buffer[] | undefined = [];
  readonly #ended = deferred<void>();

  /** Resolves when it can be watched no more. */
  readonly ended = this.#ended.promise;
  #closed = false;

  private constructor({ name, port, exited }: FeedParts) {
    this.#name = name;
    this.#port = port;
    this.#exited = exited;
    port.on("data", (chunk: Buffer) => this.#take(chunk));
    port.on("error", () => {}); // `close` follows.
    port.once("close", () => void this.#end());
    if (port.closed) void this.#end();
  }

  static async open(parts: FeedParts): Promise<ConsoleFeed> {
    const feed = new ConsoleFeed(parts);
    try {
      const logged = await parts.logged();
      // QEMU logs what it has sent. So what was logged is on its way, and one turn of the loop later it is here.
      await new Promise((resolve) => setImmediate(resolve));
      feed.#begin(logged);
      return feed;
    } catch (error) {
      feed.close();
      throw error;
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Begins with up to so many bytes of what came before. Destroying it leaves; the last one closes the feed. */
  watch(historyBytes = CONSOLE_HISTORY_BYTES): Duplex {
    const watcher: Watcher = new Watcher({
      recent: () => this.#recent.last(CONSOLE_HISTORY_BYTES),
      type: (bytes, done) => this.#port.write(bytes, () => done()), // What comes after its end is dropped.
      left: () => this.#left(watcher),
    });
    this.#watchers.add(watcher);
    watcher.offer(this.#recent.last(historyBytes));
    return watcher;
  }

  /** Its watchers end. */
  close(): void {
    this.#noteEnd();
    this.#port.destroy();
    for (const watcher of this.#watchers) watcher.finish();
  }

  #begin(logged: Buffer): void {
    const early = Buffer.concat(this.#early ?? []);
    this.#early = undefined;
    this.#take(joined(logged, early));
  }

  #take(chunk: Buffer): void {
    if (this.#early) return void this.#early.push(chunk);
    this.#recent.push(chunk);
    for (const watcher of this.#watchers) watcher.offer(chunk);
  }

  #left(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) this.close();
  }

  #noteEnd(): void {
    this.#closed = true;
    this.#ended.resolve();
  }

  /** The port has closed: with the guest's run, or it was lost. */
  async #end(): Promise<void> {
    this.#noteEnd();
    if (this.#watchers.size === 0) return;
    const { signal, done } = withDeadline(ENDING_MS);
    try {
      await abortable(this.#exited, signal);
      for (const watcher of this.#watchers) watcher.finish();
    } catch (cause) {
      const reason = `cannot go on with the console of ${this.#name}: its connection was lost`;
      const lost = new EngineError("driver-failed", reason, { hint: "Open it again.", cause });
      for (const watcher of this.#watchers) watcher.destroy(lost);
    } finally {
      done();
    }
  }
}

type WatcherParts = {
  recent: () => Buffer;
  type: (bytes: Buffer, done: () => void) => void;
  left: () => void;
};

class Watcher extends Duplex {
  readonly #parts: WatcherParts;
  #behind = false;
  #finished = false;

  constructor(parts: WatcherParts) {
    super({ readableHighWaterMark: WAITING_BYTES });
    this.#parts = parts;
    this.once("end", () => this.destroy()); // Who would type to a guest that has ended?
  }

  offer(chunk: Buffer): void {
    if (this.#finished || this.destroyed || chunk.length === 0) return;
    if (this.readableLength >= WAITING_BYTES) this.#behind = true;
    if (!this.#behind) this.push(chunk);
  }

  /** Nothing more will come. */
  finish(): void {
    if (this.#finished || this.destroyed) return;
    this.#catchUp();
    this.#finished = true;
    this.push(null);
  }

  override _read(): void {
    this.#catchUp();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#parts.type(bytes, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#parts.left();
    done(error);
  }

  #catchUp(): void {
    if (!this.#behind) return;
    this.#behind = false;
    this.push(Buffer.concat([SKIPPED, this.#parts.recent()]));
  }
}

/** The last bytes of a stream, in a ring. */
export class Recent {
  readonly #ring: Buffer;
  #end = 0;
  #length = 0;

  constructor(sizeBytes: number) {
    this.#ring = Buffer.alloc(sizeBytes);
  }

  push(bytes: Buffer): void {
    const size = this.#ring.length;
    const kept = bytes.subarray(Math.max(0, bytes.length - size));
    const copied = kept.copy(this.#ring, this.#end);
    kept.copy(this.#ring, 0, copied);
    this.#end = (this.#end + kept.length) % size;
    this.#length = Math.min(size, this.#length + kept.length);
  }

  /** A copy of the last ones, at most so many. */
  last(count: number): Buffer {
    const size = this.#ring.length;
    const length = Math.min(count, this.#length);
    const start = (this.#end - length + size) % size;
    const first = this.#ring.subarray(start, Math.min(size, start + length));
    return Buffer.concat([first, this.#ring.subarray(0, length - first.length)]);
  }
}

/** What was logged and what came through the port, without what is in both: the longest part that they share. Pure. */
export function joined(logged: Buffer, live: Buffer): Buffer {
  let shared = Math.min(logged.length, live.length);
  while (shared > 0 && !logged.subarray(-shared).equals(live.subarray(0, shared))) shared -= 1;
  return Buffer.concat([logged, live.subarray(shared)]);
}
