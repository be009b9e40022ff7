/** The life of one engine process: lock, open, listen, publish; then serve until it is idle, drained or told to go. */
import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import { userInfo } from "node:os";
import { PROTOCOL_VERSION } from "../../api/protocol.ts";
import { deferred, sleep } from "../../base/async.ts";
import { DisposableStore } from "../../base/disposable.ts";
import { privateDirectory, writeFileDurable } from "../../base/durable.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Paths } from "../../base/paths.ts";
import type { EngineCore } from "../engine-core.ts";
import { type EngineLock, tryLock } from "../lock.ts";
import type { Log } from "../log.ts";
import { whenUnlinked } from "./endpoint-watch.ts";
import { leaveWhenIdle } from "./idle.ts";
import { type EngineServer, startServer } from "./server.ts";

export type HostOptions<L extends Log = Log> = {
  paths: Paths;
  version: string;
  /** Aborts when the process was told to end. */
  signal: AbortSignal;
  /** Opens the log. Called once the lock is held, so that engines never write to it at the same time. */
  openLog: () => L;
  openCore: (log: L) => Promise<EngineCore>;
};

/** How long an engine that cannot have the lock waits for the other to answer or to leave. */
const LOCK_WAIT_MS = 20_000;
const LOCK_RETRY_MS = 50;
const ANSWER_TIMEOUT_MS = 2_000;

/**
 * Resolves when this engine has left, or at once where another one serves already. Throws `busy` when another holds
 * the lock but does not answer. Running instances are let go of, never stopped.
 */
export async function hostEngine<L extends Log>(options: HostOptions<L>): Promise<"left" | "another-serves"> {
  const { paths } = options;
  await Promise.all([paths.data, paths.run].map(privateDirectory));
  const lock = await obtainLock(options);
  if (!lock) return "another-serves";
  try {
    await rm(paths.engineFile, { force: true }); // Whoever wrote it has gone: we hold the lock.
    await serve(options);
    return "left";
  } finally {
    lock.release();
  }
}

async function serve<L extends Log>(options: HostOptions<L>): Promise<void> {
  const { paths } = options;
  const log = options.openLog();
  const core = await options.openCore(log);
  let server: EngineServer | undefined;
  try {
    const token = await engineToken(paths);
    server = await startServer({
      core,
      version: options.version,
      endpoint: paths.endpoint,
      user: userInfo().username,
      token,
      log: log.with({ part: "server" }),
    });
    await publish(options, core);
    log.info("listening", { version: options.version, endpoint: paths.endpoint.path });
    log.info("leaving", { because: await reasonToLeave(options, core, server) });
  } finally {
    await server?.close();
    await core.close();
    await rm(paths.engineFile, { force: true });
  }
}

/** Resolves with why the engine should go. */
async function reasonToLeave(
  { signal, paths }: Pick<HostOptions, "signal" | "paths">,
  core: EngineCore,
  server: EngineServer,
): Promise<string> {
  const owned = new DisposableStore();
  const reason = deferred<string>();
  const onSignal = () => reason.resolve(messageOf(signal.reason));
  if (signal.aborted) onSignal();
  signal.addEventListener("abort", onSignal, { once: true });
  owned.defer(() => signal.removeEventListener("abort", onSignal));
  owned.add(core.onDidDrain(() => reason.resolve("drained")));
  owned.add(whenUnlinked(paths.endpoint, () => reason.resolve("its socket is gone")));
  owned.add(
    leaveWhenIdle({
      isIdle: () => core.idle && !server.busy,
      changes: [core.onDidChangeIdle, server.onDidChangeBusy],
      afterMs: () => core.settings.get()["engine.idle-seconds"] * 1000,
      leave: () => reason.resolve("idle"),
    }),
  );
  try {
    return await reason.promise;
  } finally {
    owned.dispose();
  }
}

async function publish(
  { paths, version }: Pick<HostOptions, "paths" | "version">,
  core: EngineCore,
): Promise<void> {
  const facts = { id: core.id, pid: process.pid, version, protocol: PROTOCOL_VERSION };
  await writeFileDurable(paths.engineFile, `${JSON.stringify(facts)}\n`);
}

/** Undefined where the endpoint's own rights keep others out; else the token of this data directory, made once. */
async function engineToken(paths: Paths): Promise<string | undefined> {
  if (paths.endpoint.kind === "unix") return undefined;
  const known = await readToken(paths);
  if (known) return known;
  const token = randomBytes(32).toString("hex");
  await writeFileDurable(paths.tokenFile, token);
  return token;
}

async function readToken(paths: Paths): Promise<string | undefined> {
  try {
    return (await readFile(paths.tokenFile, "utf8")).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The lock, as soon as it is free; undefined when its holder serves. */
async function obtainLock({
  paths,
  signal,
}: Pick<HostOptions, "paths" | "signal">): Promise<EngineLock | undefined> {
  const giveUpAt = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    const lock = tryLock(paths.lock);
    if (lock) return lock;
    if (await anotherServes(paths)) return undefined;
    if (Date.now() > giveUpAt) {
      throw new EngineError(
        "busy",
        "cannot start the engine: another one holds its lock but does not answer",
        {
          hint: `End that engine; ${paths.engineFile} may name its process.`,
        },
      );
    }
    await sleep(LOCK_RETRY_MS, signal);
  }
}

/** Whether an engine answers on the endpoint and is going to stay. */
async function anotherServes(paths: Paths): Promise<boolean> {
  const token = await readToken(paths);
  return new Promise((resolve) => {
    const asked = request(
      {
        socketPath: paths.endpoint.path,
        path: "/v1/engine/hello",
        headers: { host: "localhost", ...(token ? { authorization: `Bearer ${token}` } : {}) },
        timeout: ANSWER_TIMEOUT_MS,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.once("close", () =>
          resolve(response.statusCode === 200 && !/"draining":\s*true/.test(text)),
        );
      },
    );
    asked.once("timeout", () => asked.destroy());
    asked.once("error", () => resolve(false));
    asked.end();
  });
}
