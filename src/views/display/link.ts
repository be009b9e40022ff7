/** One connection to a screen, between the engine's stream and the page; each side waits for the other. No vscode. */
import { deferred } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { RemoteConnection } from "../../client/engine-client.ts";

/** Bytes that the page may have before it has drawn them: a few screens, packed. */
export const MOST_UNDRAWN_BYTES = 4 * 2 ** 20;
/** Keys and pointer moves that wait for a guest that does not read. */
const MOST_WAITING_BYTES = 2 ** 20;

export class DisplayLink {
  readonly #connection: RemoteConnection;
  readonly #post: (bytes: Uint8Array) => void;
  #undrawn = 0;
  #room = deferred<void>();
  /** Resolves when the guest's side has ended, rejects with what went wrong. */
  readonly over: Promise<void>;

  constructor(connection: RemoteConnection, post: (bytes: Uint8Array) => void) {
    this.#connection = connection;
    this.#post = post;
    connection.stdin.on("error", () => {}); // `exited` tells.
    this.over = this.#run();
  }

  /** What the page sends to the guest. */
  send(bytes: Uint8Array): void {
    const { stdin } = this.#connection;
    if (stdin.writableLength > MOST_WAITING_BYTES)
      throw new EngineError("driver-failed", "cannot send to the screen: it takes nothing any more");
    if (stdin.writable) stdin.write(Buffer.from(bytes));
  }

  /** The page has drawn so many bytes. */
  taken(count: number): void {
    this.#undrawn = Math.max(0, this.#undrawn - count);
    if (this.#undrawn <= MOST_UNDRAWN_BYTES) this.#room.resolve();
  }

  close(): void {
    this.#connection.close();
    this.#room.resolve();
  }

  async #run(): Promise<void> {
    await this.#pump().catch(() => {}); // It was closed; why, `exited` tells.
    await this.#connection.exited;
  }

  async #pump(): Promise<void> {
    for await (const chunk of this.#connection.stdout as AsyncIterable<Buffer>) {
      this.#undrawn += chunk.length;
      this.#post(new Uint8Array(chunk)); // A Buffer would cross as JSON.
      if (this.#undrawn <= MOST_UNDRAWN_BYTES) continue;
      this.#room = deferred<void>();
      await this.#room.promise;
    }
  }
}
