/** A process that a runtime starts in a container beside its own. */
import { randomUUID } from "node:crypto";
import { type Duplex, PassThrough } from "node:stream";
import type { SignalName, TerminalSize } from "../../../api/streams.ts";
import { sleep } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { GuestProcess, ProcessExit } from "../../guest/guest.ts";
import { asking, Carried, type ProcessPlace } from "./carried.ts";
import type { Output, Piece } from "./frames.ts";
import { MARK, SIGNAL } from "./guest-scripts.ts";

export type ExecBody = {
  Cmd: readonly string[];
  Env: readonly string[];
  WorkingDir?: string;
  /** The container's own where left out. */
  User?: string;
};

/** A runtime tells how a process has ended a moment after its last output. */
const EXIT_MS = 5_000;
const EXIT_PAUSE_MS = 10;
/** What a shell says of a program that it cannot find, or may not run. */
const NOT_FOUND = 127;
const NOT_RUNNABLE = 126;
/** How Docker begins its own words, among the output, where it could not start the program. */
const UNSTARTED = "OCI runtime exec failed:";

export async function startExec(
  { signal }: Pick<Ctx, "signal">,
  place: ProcessPlace,
  body: ExecBody,
  tty: TerminalSize | undefined,
): Promise<GuestProcess> {
  const { api, container, name } = place;
  const doing = `run a command in ${name}`;
  const mark = randomUUID();
  // Runtimes that do not know of a size at first are told it when the process is there.
  const terminal = tty ? { Tty: true, ConsoleSize: [tty.rows, tty.cols] } : { Tty: false };
  const made = await api.json<{ Id: string }>({ signal }, "POST", `/containers/${container}/exec`, {
    doing,
    body: {
      ...{ AttachStdin: true, AttachStdout: true, AttachStderr: true, ...terminal },
      ...body,
      Env: [...body.Env, `${MARK}=${mark}`],
    },
  });
  // The signal is that of the opening alone: the process goes on when that is over.
  const life = new AbortController();
  const onAbort = () => life.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const connection = await api.upgrade({ signal: life.signal }, `/exec/${made.Id}/start`, {
      doing,
      body: { Detach: false, ...terminal },
    });
    const child = new ExecProcess(place, made.Id, mark, connection, tty !== undefined);
    if (tty) void child.resize(tty);
    return child;
  } catch (error) {
    const refused = notStarted(error);
    if (refused) return refused;
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

class ExecProcess extends Carried implements GuestProcess {
  readonly #place: ProcessPlace;
  readonly #id: string;
  readonly #mark: string;
  readonly #tty: boolean;
  #first = true;
  /** The runtime's own words, where it could not start the program. */
  #unstarted: string | undefined;

  constructor(place: ProcessPlace, id: string, mark: string, connection: Duplex, tty: boolean) {
    super(place, connection, {
      ...{ tty, path: `/exec/${id}` },
      exit: () => this.#exit(),
      outputOf: (piece) => this.#outputOf(piece),
    });
    this.#place = place;
    this.#id = id;
    this.#mark = mark;
    this.#tty = tty;
  }

  signal(name: SignalName): void {
    if (!this.over) void this.#send(name);
  }

  close(): void {
    if (this.over) return;
    this.signal(this.#tty ? "HUP" : "TERM");
    this.hangUp();
  }

  #outputOf({ output, bytes }: Piece): Output {
    if (this.#first && bytes.subarray(0, UNSTARTED.length).toString() === UNSTARTED)
      this.#unstarted = bytes.toString();
    this.#first = false;
    return this.#unstarted && !this.#tty ? "stderr" : output;
  }

  async #exit(): Promise<ProcessExit> {
    const until = Date.now() + EXIT_MS;
    for (;;) {
      const { Running, ExitCode } = await this.#inspect();
      if (!Running && typeof ExitCode === "number")
        return { code: (this.#unstarted && unstartedCode(this.#unstarted)) || ExitCode };
      if (Date.now() > until) throw new Error("the connection was lost before the command ended");
      await sleep(EXIT_PAUSE_MS);
    }
  }

  #inspect(): Promise<{ Running: boolean; ExitCode: number | null }> {
    const doing = `see how a command in ${this.#place.name} has ended`;
    return this.#place.api.json(asking(), "GET", `/exec/${this.#id}/json`, { doing });
  }

  async #send(name: SignalName): Promise<void> {
    const { api, container, log } = this.#place;
    const doing = `signal a command in ${this.#place.name}`;
    const Cmd = ["sh", "-c", SIGNAL, "sh", name, this.#mark];
    try {
      const made = await api.json<{ Id: string }>(asking(), "POST", `/containers/${container}/exec`, {
        doing,
        body: { Cmd },
      });
      await api.json(asking(), "POST", `/exec/${made.Id}/start`, {
        doing,
        body: { Detach: true, Tty: false },
      });
    } catch (error) {
      log.debug("a signal was not sent", { signal: name, error });
    }
  }
}

/** A program that is not there ends as it does in a shell: with the reason and a code. */
function notStarted(error: unknown): GuestProcess | undefined {
  if (!(error instanceof EngineError)) return undefined;
  const code = unstartedCode(error.message);
  return code === undefined ? undefined : endedProcess(error.message, code);
}

/** Undefined where the words tell of something else. */
function unstartedCode(words: string): number | undefined {
  if (/executable file not found|no such file or directory/i.test(words)) return NOT_FOUND;
  return /permission denied|exec format error/i.test(words) ? NOT_RUNNABLE : undefined;
}

function endedProcess(words: string, code: number): GuestProcess {
  const stdin = new PassThrough().resume();
  const stdout = new PassThrough().end();
  const stderr = new PassThrough().end(`${words}\n`);
  const none = () => {};
  return {
    stdin,
    stdout,
    stderr,
    exited: Promise.resolve({ code }),
    resize: none,
    signal: none,
    close: none,
  };
}
