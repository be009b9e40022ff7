/** From nothing to a client: find the engine, start one where none runs, make sure that both speak one protocol. */

import { createORPCClient } from "@orpc/client";
import type { EngineHello } from "../api/engine-info.ts";
import { BUILD_PATH, COMPOSE_PATH, FOREIGN_LOGS_PATH, IMPORT_PATH, streamPath } from "../api/frames.ts";
import { PROTOCOL_VERSION } from "../api/protocol.ts";
import { sleep, withDeadline } from "../base/async.ts";
import { EngineError, toEngineError } from "../base/errors.ts";
import { currentPaths, type Paths } from "../base/paths.ts";
import type {
  ConnectedClient,
  ConnectOptions,
  EngineApi,
  EngineClient,
  RemoteProcess,
} from "./engine-client.ts";
import { createLink } from "./link.ts";
import { type Open, openStream } from "./open-stream.ts";
import type { StartedEngine } from "./spawn.ts";
import { watchOperation } from "./watch.ts";
import { type Address, isDeclined, isNotRunning } from "./wire.ts";

/** From the decision to start an engine until it answers, an older one's leaving included. */
const READY_TIMEOUT_MS = 15_000;
const RETRY_MS = 25;
/** A running engine answers in milliseconds; one that takes this long hangs. */
const HELLO_TIMEOUT_MS = 5_000;

/**
 * A client of the running engine. With `engineBundle`, one is started where none runs, and an older one is replaced.
 * Rejects with `engine-unavailable` (not running, cannot be started), `not-supported` (newer than this client),
 * `busy` (an older one still works), `missing-dependency` (this Node cannot run it) or `cancelled`.
 */
export async function connect(options: ConnectOptions = {}): Promise<ConnectedClient> {
  const search = new Search(options);
  const info = await search.find(options.signal);
  return Object.assign(new Connection(search), { info });
}

/** A client that does what `connect` does only where its first call finds no engine that takes it. */
export function connectLate(options: ConnectOptions = {}): EngineClient {
  return new Connection(new Search(options));
}

/** What to do about an engine that answered. Throws where a client of `protocol` cannot work with it. */
export function judge(
  hello: Pick<EngineHello, "protocol" | "draining" | "version">,
  protocol: number,
  canStart: boolean,
): "use" | "drain" | "wait" {
  if (hello.protocol > protocol) {
    throw new EngineError(
      "not-supported",
      `cannot use the engine: it is of a newer Berth (${hello.version})`,
      {
        hint: "Update Berth here too. In VS Code, reload the window.",
      },
    );
  }
  if (hello.protocol === protocol) return hello.draining && canStart ? "wait" : "use";
  if (!canStart) {
    throw new EngineError(
      "not-supported",
      `cannot use the engine: it is of an older Berth (${hello.version})`,
      {
        hint: "Reload the VS Code window that started it, or run `berth` from the newer installation.",
      },
    );
  }
  return hello.draining ? "wait" : "drain";
}

class Search {
  readonly #options: ConnectOptions;
  readonly #env: NodeJS.ProcessEnv;
  readonly #paths: Paths;
  #address: Address;
  #first: Promise<unknown> | undefined;

  constructor(options: ConnectOptions) {
    this.#options = options;
    this.#env = options.env ?? process.env;
    this.#paths = currentPaths(this.#env);
    this.#address = { endpoint: this.#paths.endpoint, unasked: true };
  }

  get address(): Address {
    return this.#address;
  }

  /** Does it with an engine that is known, or else knows which protocol it is spoken to in. */
  async reach<T>(work: () => Promise<T>): Promise<T> {
    // A pipe wants a token, which only looking for the engine brings.
    if (this.#address.unasked && !this.#first && this.#paths.endpoint.kind !== "pipe") {
      try {
        const result = await work();
        this.#address = { ...this.#address, unasked: false };
        return result;
      } catch (error) {
        if (!isNotRunning(error) && !isDeclined(error)) throw error;
      }
    }
    if (this.#address.unasked) {
      this.#first ??= this.find(this.#options.signal);
      await this.#first;
    }
    return work();
  }

  /** Resolves when an engine answers. `patient`: also waits where none runs and none may be started. */
  async find(signal: AbortSignal | undefined, patient = false): Promise<EngineHello> {
    const deadline = withDeadline(READY_TIMEOUT_MS, signal);
    let doing = "it did not answer";
    let started: StartedEngine | undefined;
    const canStart = this.#options.engineBundle !== undefined;
    try {
      for (;;) {
        const hello = await this.#ask(signal);
        const verdict = hello ? judge(hello, PROTOCOL_VERSION, canStart) : "absent";
        if (hello && verdict === "use") {
          this.#address = { ...this.#address, unasked: false };
          return hello;
        }
        if (verdict === "absent") {
          if (!canStart && !patient) throw notRunning();
          if (canStart && !started) {
            started = await this.#start();
            const again = () => (started = undefined); // The other engine may leave before it has answered.
            void started.ended.then(again, () => {});
          }
        } else doing = "the earlier engine still finishes its operations";
        if (verdict === "drain") await this.#asking(deadline.signal).engine.drain();
        await Promise.race([sleep(RETRY_MS, deadline.signal), failureOf(started)]);
      }
    } catch (error) {
      if (signal?.aborted) throw new EngineError("cancelled", "cannot connect to the engine: cancelled");
      if (deadline.signal.aborted) throw tooLate(doing, this.#paths.log);
      throw error;
    } finally {
      deadline.done();
    }
  }

  /** Who answers; undefined where nothing listens (any more, or yet). */
  async #ask(signal: AbortSignal | undefined): Promise<EngineHello | undefined> {
    const deadline = withDeadline(HELLO_TIMEOUT_MS, signal);
    try {
      if (this.#paths.endpoint.kind === "pipe") await this.#readToken();
      return await this.#asking(deadline.signal).engine.hello();
    } catch (error) {
      if (isNotRunning(error) || isLost(error)) return undefined;
      if (deadline.signal.aborted && !signal?.aborted) {
        throw new EngineError("timed-out", "cannot connect to the engine: it runs but does not answer", {
          hint: `${this.#paths.engineFile} names its process; end it, then try again. Instances go on running.`,
          cause: error,
        });
      }
      throw error;
    } finally {
      deadline.done();
    }
  }

  /** Of whoever listens, to find out who that is. */
  #asking(signal: AbortSignal): EngineApi {
    return createORPCClient(createLink(() => ({ ...this.#address, unasked: false }), signal));
  }

  async #readToken(): Promise<void> {
    try {
      const { readFile } = await import("node:fs/promises"); // It is not loaded otherwise.
      const token = (await readFile(this.#paths.tokenFile, "utf8")).trim();
      this.#address = { ...this.#address, token };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT")
        throw toEngineError(error, "read the engine's token");
    }
  }

  async #start(): Promise<StartedEngine> {
    const { startEngine } = await import("./spawn.ts"); // Mostly one runs.
    const { engineBundle = "", execPath } = this.#options;
    return startEngine({
      bundle: engineBundle,
      execPath: execPath ?? this.#env["BERTH_NODE"] ?? process.execPath,
      paths: this.#paths,
      env: this.#env,
    });
  }
}

class Connection implements EngineClient {
  readonly #search: Search;
  readonly #lifetime = new AbortController();
  readonly api: EngineApi;

  constructor(search: Search) {
    this.#search = search;
    const link = createLink(() => search.address, this.#lifetime.signal);
    this.api = createORPCClient({ call: (...asked) => search.reach(() => link.call(...asked)) });
  }

  exec: EngineClient["exec"] = (name, open, { signal } = {}) =>
    this.#open(streamPath(name, "exec"), open, signal);

  tunnel: EngineClient["tunnel"] = (name, open, { signal } = {}) =>
    this.#open(streamPath(name, "tunnel"), open, signal);

  display: EngineClient["display"] = (name, { signal } = {}) =>
    this.#open(streamPath(name, "display"), {}, signal);

  console: EngineClient["console"] = (name, open, { signal } = {}) =>
    this.#open(streamPath(name, "console"), open, signal);

  sftp: EngineClient["sftp"] = (name, { signal } = {}) => this.#open(streamPath(name, "sftp"), {}, signal);

  logs: EngineClient["logs"] = (name, open, { signal } = {}) =>
    this.#open(streamPath(name, "logs"), open, signal);

  attach: EngineClient["attach"] = (name, open, { signal } = {}) =>
    this.#open(streamPath(name, "attach"), open, signal);

  export: EngineClient["export"] = (name, { signal } = {}) =>
    this.#open(streamPath(name, "export"), {}, signal);

  foreignLogs: EngineClient["foreignLogs"] = (open, { signal } = {}) =>
    this.#open(FOREIGN_LOGS_PATH, open, signal);

  import: EngineClient["import"] = (open, { signal } = {}) => this.#open(IMPORT_PATH, open, signal);

  build: EngineClient["build"] = (open, { signal } = {}) => this.#open(BUILD_PATH, open, signal);

  compose: EngineClient["compose"] = (open, { signal } = {}) => this.#open(COMPOSE_PATH, open, signal);

  watchOperation: EngineClient["watchOperation"] = (operation, { onProgress, signal } = {}) =>
    watchOperation(operation, {
      api: this.api,
      reconnect: async (until) => void (await this.#search.find(this.#until(until), true)),
      onProgress,
      signal,
    });

  async *events(signal: AbortSignal): ReturnType<EngineClient["events"]> & AsyncGenerator {
    yield* await this.api.events.subscribe({}, { signal });
  }

  dispose(): void {
    this.#lifetime.abort(new EngineError("cancelled", "the client was disposed"));
  }

  #open(path: string, open: Open, signal: AbortSignal | undefined): Promise<RemoteProcess> {
    const search = this.#search;
    return search.reach(() => openStream(search.address, path, open, this.#until(signal)));
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#lifetime.signal]) : this.#lifetime.signal;
  }
}

function isLost(error: unknown): boolean {
  return error instanceof EngineError && error.code === "engine-unavailable";
}

/** Rejects when the started engine ended badly; never resolves otherwise. */
function failureOf(started: StartedEngine | undefined): Promise<never> {
  return new Promise((_, reject) => started?.ended.catch(reject));
}

function notRunning(): EngineError {
  return new EngineError("engine-unavailable", "cannot connect to the engine: it is not running", {
    hint: "Open Berth in VS Code, or run `berth list`, to start it.",
    details: { reason: "not-running" },
  });
}

function tooLate(doing: string, log: string): EngineError {
  if (doing.startsWith("the earlier")) {
    return new EngineError("busy", `cannot connect to the engine: ${doing}`, {
      hint: "Try again in a while.",
    });
  }
  return new EngineError(
    "engine-unavailable",
    `cannot start the engine: ${doing} within ${READY_TIMEOUT_MS / 1000} s`,
    {
      hint: `Its log is ${log}.`,
    },
  );
}
