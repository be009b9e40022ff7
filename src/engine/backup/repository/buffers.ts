import { type Deferred, deferred } from "../../../base/async.ts";

/** A fixed number of buffers: whoever wants one waits until there is one. So work never takes more memory than this. */
export class Buffers {
  readonly #free: ArrayBuffer[] = [];
  readonly #waiting: Deferred<ArrayBuffer>[] = [];
  readonly #bytes: number;
  #unmade: number;

  constructor(count: number, bytes: number) {
    this.#unmade = count;
    this.#bytes = bytes;
  }

  take(): Promise<ArrayBuffer> {
    const free = this.#free.pop();
    if (free) return Promise.resolve(free);
    if (this.#unmade > 0) {
      this.#unmade--;
      return Promise.resolve(new ArrayBuffer(this.#bytes));
    }
    const waiting = deferred<ArrayBuffer>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  give(buffer: ArrayBuffer): void {
    const next = this.#waiting.shift();
    if (next) next.resolve(buffer);
    else this.#free.push(buffer);
  }
}
