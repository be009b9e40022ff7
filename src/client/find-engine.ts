/** Looks for the engine, starts one where none runs, and makes sure that both speak one protocol. */
import { createORPCClient } from "@orpc/client";
import type { EngineHello } from "../api/engine-info.ts";
import { PROTOCOL_VERSION } from "../api/protocol.ts";
import { sleep, withDeadline } from "../base/async.ts";
import { EngineError, toEngineError } from "../base/errors.ts";
import { currentPaths, type Paths } from "../base/paths.ts";
import type { ConnectOptions, EngineApi } from "./engine-client.ts";
import { createLink } from "./link.ts";
import type { StartedEngine } from "./spawn.ts";
import { type Address, isDeclined, isNotRunning } from "./wire.ts";

/** From the decision to start an engine until it answers, an older one's leaving included. */
const READY_TIMEOUT_MS = 15_000;
const RETRY_MS = 25;
/** A running engine answers in milliseconds; one that takes this long hangs. */
const HELLO_TIMEOUT_MS = 5_000;

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

export class Search {
  readonly #options: ConnectOptions;
  readonly #env: NodeJS.ProcessEnv;
  readonly #paths: Paths;
  #address: Address;
  #first: Promise<unknown> | undefined;

  constructor(options: ConnectOptions) {
    this.#options = options;
    this.#env = options.env ?? process.env;
    const paths = currentPaths(this.#env);
    const { socket } = options;
    // Of an engine at a socket no more is known than that.
    this.#paths = socket === undefined ? paths : { ...paths, endpoint: { kind: "unix", path: socket } };
    // Whoever names an API token acts as its user, and not as the engine's owner.
    const token = socket === undefined ? this.#env["BERTH_TOKEN"] || undefined : undefined;
    this.#address = { endpoint: this.#paths.endpoint, token, unasked: true };
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
    const { engineBundle, socket } = this.#options;
    const canStart = engineBundle !== undefined && socket === undefined;
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
      if (this.#paths.endpoint.kind === "pipe" && this.#address.token === undefined) await this.#readToken();
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
