/** The main process of a container, joined while it runs: to leave it does nothing to it. */
import type { Duplex } from "node:stream";
import { json } from "node:stream/consumers";
import type { SignalName, TerminalSize } from "../../../api/streams.ts";
import { abortable, withDeadline } from "../../../base/async.ts";
import type { Ctx } from "../../ctx.ts";
import type { GuestProcess, ProcessExit } from "../../guest/guest.ts";
import type { AttachRequest } from "../running.ts";
import { asking, Carried, type ProcessPlace } from "./carried.ts";
import { type Inspected, isUp } from "./containers.ts";

/** What its container was made with. */
export type MainProcess = { tty: boolean; openStdin: boolean };

/** A runtime tells of the end of a container a moment after its last output. */
const EXIT_MS = 5_000;

/** The signal is that of the opening alone. */
export async function attachMain(
  { signal }: Pick<Ctx, "signal">,
  place: ProcessPlace,
  main: MainProcess,
  { size, stdin = true, detachKeys }: AttachRequest,
): Promise<GuestProcess> {
  signal.throwIfAborted();
  const life = new AbortController();
  const onAbort = () => life.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  // Asked before its streams are joined: what ends at once, and is started again, tells its code now or never.
  const ended = codeOf(life.signal, place, "next-exit")
    // A Podman without a place for its events tells of no run but the last.
    .catch(() => codeOf(life.signal, place, "not-running"));
  ended.catch(() => {});
  try {
    const reads = stdin && main.openStdin;
    const query = {
      ...{ stream: "true", stdout: "true", stderr: "true", stdin: String(reads) },
      // Podman looks for its own keys in everything, unless there are said to be none.
      detachKeys: main.tty ? detachKeys : "",
    };
    const doing = `attach to ${place.name}`;
    const at = `/containers/${place.container}/attach`;
    const connection = await place.api.upgrade({ signal: life.signal }, at, { doing, query });
    const process = new AttachedProcess(place, main, { connection, life, ended });
    if (!reads) process.stdin.destroy();
    if (size) process.drawAnew(size);
    return process;
  } catch (error) {
    life.abort();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

type Joined = { connection: Duplex; life: AbortController; ended: Promise<number> };

class AttachedProcess extends Carried implements GuestProcess {
  readonly #place: ProcessPlace;
  readonly #joined: Joined;

  constructor(place: ProcessPlace, main: MainProcess, joined: Joined) {
    super(place, joined.connection, {
      ...{ tty: main.tty, path: `/containers/${place.container}`, keepsInput: true },
      exit: () => this.#exit(),
    });
    this.#place = place;
    this.#joined = joined;
  }

  /** A program that has drawn already does so again when its terminal changes. */
  drawAnew(size: TerminalSize): void {
    void this.resize({ ...size, rows: size.rows + 1 }).then(() => this.resize(size));
  }

  signal(name: SignalName): void {
    if (!this.over) void this.#send(name);
  }

  /** Leaves it. */
  close(): void {
    this.hangUp();
    this.#joined.life.abort();
  }

  /** Without a code where it goes on, and only its runtime has let go of us. */
  async #exit(): Promise<ProcessExit> {
    const { ended, life } = this.#joined;
    const { signal, done } = withDeadline(EXIT_MS, life.signal);
    try {
      return { code: await abortable(ended, signal) };
    } catch (error) {
      life.signal.throwIfAborted();
      if (!signal.aborted) throw error;
      return await this.#found();
    } finally {
      done();
      life.abort();
    }
  }

  /** Its end may have come before its runtime was listened to. Rejects where that does not answer, or does not have it. */
  async #found(): Promise<ProcessExit> {
    const { api, container, name } = this.#place;
    const doing = `look at ${name}`;
    const found = await api.json<Inspected>(asking(), "GET", `/containers/${container}/json`, { doing });
    return isUp(found) ? {} : { code: found.State.ExitCode };
  }

  async #send(name: SignalName): Promise<void> {
    const { api, container, log } = this.#place;
    const doing = `signal the main process of ${this.#place.name}`;
    try {
      await api.json(asking(), "POST", `/containers/${container}/kill`, {
        doing,
        query: { signal: `SIG${name}` },
      });
    } catch (error) {
      log.debug("a signal was not sent", { signal: name, error });
    }
  }
}

/** What it ends with: next, even where it is started again at once, or when it does not run. */
async function codeOf(
  signal: AbortSignal,
  { api, container, name }: ProcessPlace,
  condition: "next-exit" | "not-running",
): Promise<number> {
  const doing = `see how ${name} has ended`;
  const query = { condition };
  const answer = await api.stream({ signal }, "POST", `/containers/${container}/wait`, { doing, query });
  const { StatusCode } = (await json(answer)) as { StatusCode: number };
  return StatusCode;
}
