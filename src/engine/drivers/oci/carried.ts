/** The streams of a process as a runtime carries them: all on one connection, in pieces where it has no terminal. */
import { once } from "node:events";
import { type Duplex, PassThrough, Writable } from "node:stream";
import type { TerminalSize } from "../../../api/streams.ts";
import { sleep } from "../../../base/async.ts";
import { EngineError, messageOf } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { GuestProcess, ProcessExit } from "../../guest/guest.ts";
import type { Log } from "../../log.ts";
import type { RuntimeApi } from "./api.ts";
import { type Output, type Piece, pieces } from "./frames.ts";

/** Where a process is, and what it is called in messages. */
export type ProcessPlace = {
  api: RuntimeApi;
  /** Id of the container. */
  container: string;
  /** The instance's name. */
  name: string;
  log: Log;
};

export type CarriedOptions = {
  tty: boolean;
  /** Whose terminal it is: the path of an exec or of a container. */
  path: string;
  /** Its input stays open, for whoever comes next, when ours has ended. */
  keepsInput?: boolean;
  /** How it has ended, asked when nothing more comes: never before it is made. */
  exit: () => Promise<ProcessExit>;
  /** Which of both a piece belongs to; what the runtime says of it when left out. */
  outputOf?: (piece: Piece) => Output;
};

/** A terminal takes its size once its process is there. */
const RESIZE_ATTEMPTS = 10;
const RESIZE_PAUSE_MS = 20;
/** Podman's monitor may take the first of two sizes twice that come at once, so the last one is told again after this. */
const SETTLED_MS = 250;
const ASK_MS = 10_000;

/** What processes have in common, whoever has started them. It owns the connection, until that ends. */
export class Carried implements Omit<GuestProcess, "signal" | "close"> {
  readonly stdin: Writable;
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly exited: Promise<ProcessExit>;
  readonly #place: ProcessPlace;
  readonly #connection: Duplex;
  readonly #options: CarriedOptions;
  #settling: NodeJS.Timeout | undefined;
  #over = false;

  constructor(place: ProcessPlace, connection: Duplex, options: CarriedOptions) {
    this.#place = place;
    this.#connection = connection;
    this.#options = options;
    this.stdin = inputOf(connection, options.keepsInput ?? false);
    connection.on("error", () => {}); // Told by whoever reads it.
    this.exited = this.#run();
    this.exited.catch(() => {});
  }

  get over(): boolean {
    return this.#over;
  }

  /** Of the connection; what the process does then is its runtime's affair. */
  hangUp(): void {
    this.#connection.destroy();
  }

  /** Resolves when it has been told of. Never rejects: a terminal that stays as it was is no failure. */
  async resize(size: TerminalSize): Promise<void> {
    if (!this.#options.tty || this.#over) return;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.#tell(size), SETTLED_MS);
    await this.#tell(size);
  }

  async #tell({ cols, rows }: TerminalSize): Promise<void> {
    const { api, name, log } = this.#place;
    const doing = `resize a terminal in ${name}`;
    const query = { h: String(rows), w: String(cols) };
    for (let attempt = 1; !this.#over; attempt += 1) {
      try {
        await api.json(asking(), "POST", `${this.#options.path}/resize`, { doing, query });
        return;
      } catch (error) {
        if (attempt === RESIZE_ATTEMPTS) return log.debug("a terminal kept its size", { error });
        await sleep(RESIZE_PAUSE_MS);
      }
    }
  }

  async #run(): Promise<ProcessExit> {
    try {
      await this.#carry();
      return await this.#options.exit();
    } catch (error) {
      const reason = `cannot reach ${this.#place.name}: ${messageOf(error)}`;
      throw new EngineError("guest-unreachable", reason, { cause: error });
    } finally {
      this.#over = true;
      clearTimeout(this.#settling);
      this.#connection.destroy();
      this.stdout.end();
      this.stderr.end();
    }
  }

  async #carry(): Promise<void> {
    const { outputOf = ({ output }: Piece) => output } = this.#options;
    for await (const piece of this.#pieces()) await this.#give(this[outputOf(piece)], piece.bytes);
  }

  async *#pieces(): AsyncGenerator<Piece> {
    if (this.#options.tty) for await (const bytes of this.#connection) yield { output: "stdout", bytes };
    else yield* pieces(this.#connection);
  }

  /** Whoever has closed an output wants no more of it. */
  async #give(output: PassThrough, bytes: Buffer): Promise<void> {
    if (output.destroyed || output.write(bytes)) return;
    const settled = new AbortController();
    const { signal } = settled;
    await Promise.race([
      once(output, "drain", { signal }),
      once(output, "close", { signal }),
      once(this.#connection, "close", { signal }),
    ]).finally(() => settled.abort());
  }
}

/** For what is asked beside the streams, and of a runtime that may be away. */
export function asking(): Pick<Ctx, "signal"> {
  return { signal: AbortSignal.timeout(ASK_MS) };
}

/** Its end is the end of the input alone: output may come still. */
function inputOf(connection: Duplex, kept: boolean): Writable {
  const input = new Writable({
    write: (chunk, _encoding, done) => void connection.write(chunk, done),
    final: (done) => void (kept ? done() : connection.end(done)),
  });
  input.on("error", () => {}); // Of a process that has ended: its exit tells.
  return input;
}
