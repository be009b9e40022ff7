/** The session of one terminal: the engine keeps its shell while no window shows it. No vscode. */
import { randomUUID } from "node:crypto";
import type { ExecOpen } from "../api/streams.ts";
import { withDeadline } from "../base/async.ts";
import { toEngineError } from "../base/errors.ts";
import type { EngineClient, RemoteProcess } from "../client/engine-client.ts";

export type Joined = { id: string; process: RemoteProcess };

export type ShellSessionOptions = {
  keepSeconds: number;
  /** Told which session the terminal shows from now on; undefined: none any more. */
  onChange: (id: string | undefined) => void;
  /** Of a terminal that was there before the window was reloaded. */
  joined?: Joined | undefined;
};

/** Longer than the engine waits for a former window to leave. */
const JOIN_MS = 15_000;

/** Shows a session again. Undefined where it has ended, or another window shows it. */
export async function joinSession(
  client: EngineClient,
  instance: string,
  session: { id: string; keepSeconds: number },
): Promise<RemoteProcess | undefined> {
  const { signal, done } = withDeadline(JOIN_MS);
  try {
    return await client.exec(instance, { session: { ...session, resume: true } }, { signal });
  } catch (error) {
    const { code } = toEngineError(error);
    if (code === "not-found" || code === "busy") return undefined;
    throw error;
  } finally {
    done();
  }
}

export class ShellSession {
  readonly #options: ShellSessionOptions;
  #joined: Joined | undefined;
  #id: string | undefined;

  constructor(options: ShellSessionOptions) {
    this.#options = options;
    this.#joined = options.joined;
    this.#id = options.joined?.id;
  }

  /** Of the session that the terminal shows, or has lost. */
  get id(): string | undefined {
    return this.#id;
  }

  /** What was joined before the terminal was made; once. */
  takeJoined(): RemoteProcess | undefined {
    const joined = this.#joined;
    this.#joined = undefined;
    return joined?.process;
  }

  /** The shell that was lost, where it still runs, else another one. */
  async open(
    client: EngineClient,
    instance: string,
    request: ExecOpen,
    { signal, say }: { signal: AbortSignal; say: (isNew: boolean) => void },
  ): Promise<RemoteProcess> {
    const { keepSeconds } = this.#options;
    if (this.#id !== undefined) {
      const process = await joinSession(client, instance, { id: this.#id, keepSeconds });
      say(process === undefined);
      if (process) return process;
      this.end();
    }
    const id = randomUUID();
    const process = await client.exec(instance, { ...request, session: { id, keepSeconds } }, { signal });
    signal.throwIfAborted(); // Nobody waits for it any more; the engine ends it when it was kept for long enough.
    this.#id = id;
    this.#options.onChange(id);
    return process;
  }

  /** Its shell has ended. */
  end(): void {
    if (this.#id === undefined) return;
    this.#id = undefined;
    this.#options.onChange(undefined);
  }
}
