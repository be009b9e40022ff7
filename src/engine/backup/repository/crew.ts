/** The threads that work on bytes for one backup, restore or check: they start with the first large job and end with it. */
import { Worker } from "node:worker_threads";
import { type Deferred, deferred } from "../../../base/async.ts";
import { EngineError, type ErrorBody } from "../../../base/errors.ts";
import type { MasterKey } from "./crypt.ts";
import { type JobAnswer, type JobName, type JobRequest, Jobs } from "./jobs.ts";

export type WorkerSettings = {
  key: MasterKey;
  compressed: boolean;
  /** Of a processor, 0 to 1, for each thread. */
  share: number;
};

export type CrewSettings = WorkerSettings & {
  /** The file of `worker.ts`. */
  worker: string | URL;
  threads: number;
};

export type CrewRequest = { seq: number; name: JobName; request: unknown };
export type CrewAnswer = { seq: number; answer: unknown } | { seq: number; failure: ErrorBody };

/** What goes with a job instead of being copied: bytes that have their buffer to themselves. */
export function movable(bytes: Uint8Array): ArrayBuffer[] {
  return bytes.buffer instanceof ArrayBuffer && bytes.length === bytes.buffer.byteLength
    ? [bytes.buffer]
    : [];
}

/** Work on less than this is done at once, in a millisecond: asking a thread would take as long. */
const SMALL_BYTES = 64 * 1024;

export class Crew implements AsyncDisposable {
  readonly #settings: CrewSettings;
  readonly #members: Member[] = [];
  #here: Jobs | undefined;
  #isOver = false;

  constructor(settings: CrewSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#settings.threads;
  }

  /** Those that have been started: what earlier jobs have left is with them. */
  get members(): readonly Member[] {
    return this.#members;
  }

  /** Whoever has least to do; another thread is started when none is free. Jobs that belong together are for one member. */
  member(): Member {
    if (this.#isOver) throw new EngineError("cancelled", "cannot work on the repository: the work has ended");
    const least = this.#members.toSorted((a, b) => a.waiting - b.waiting)[0];
    if (least && (least.waiting === 0 || this.#members.length >= this.#settings.threads)) return least;
    const member = new Member(this.#settings);
    this.#members.push(member);
    return member;
  }

  /** A job that needs nothing of another: by a thread, or here where it is small. */
  run<Name extends JobName>(
    name: Name,
    bytes: number,
    request: JobRequest<Name>,
    moved: ArrayBuffer[] = [],
  ): Promise<JobAnswer<Name>> {
    if (bytes >= SMALL_BYTES) return this.member().run(name, request, moved);
    this.#here ??= new Jobs(this.#settings.key, this.#settings);
    const here = this.#here;
    return Promise.resolve().then(() => here[name](request as never).answer as JobAnswer<Name>);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#members.splice(0).map((member) => member.dispose()));
  }
}

/** A thread, and what it has been asked. Jobs of one thread are done in the order in which they were asked. */
export class Member {
  readonly #worker: Worker;
  readonly #asked = new Map<number, Deferred<unknown>>();
  #seq = 0;
  #failure: EngineError | undefined;

  constructor({ worker, key, compressed, share }: CrewSettings) {
    const workerData: WorkerSettings = { key, compressed, share };
    this.#worker = new Worker(worker, { workerData });
    this.#worker.on("message", (answer: CrewAnswer) => this.#hear(answer));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("its thread has ended")));
  }

  /** How many jobs are not done. */
  get waiting(): number {
    return this.#asked.size;
  }

  /** Buffers in `moved` are the thread's from now on. */
  run<Name extends JobName>(
    name: Name,
    request: JobRequest<Name>,
    moved: ArrayBuffer[] = [],
  ): Promise<JobAnswer<Name>> {
    if (this.#failure) return Promise.reject(this.#failure);
    const asked = deferred<unknown>();
    const seq = this.#seq++;
    this.#asked.set(seq, asked);
    this.#worker.postMessage({ seq, name, request } satisfies CrewRequest, moved);
    return asked.promise as Promise<JobAnswer<Name>>;
  }

  async dispose(): Promise<void> {
    this.#failure ??= new EngineError("cancelled", "cannot work on the repository: the work has ended");
    await this.#worker.terminate();
  }

  #hear(answer: CrewAnswer): void {
    const asked = this.#asked.get(answer.seq);
    this.#asked.delete(answer.seq);
    if ("failure" in answer) asked?.reject(EngineError.fromBody(answer.failure));
    else asked?.resolve(answer.answer);
  }

  #fail(cause: Error): void {
    this.#failure ??= new EngineError("internal", `cannot work on the repository: ${cause.message}`, {
      cause,
    });
    for (const asked of this.#asked.values()) asked.reject(this.#failure);
    this.#asked.clear();
  }
}
