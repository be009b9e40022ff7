/**
 * The only module that starts processes. Always an argv array, never a shell; the environment is always scrubbed of
 * what an editor leaks into its children.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { access, constants, stat } from "node:fs/promises";
import { constants as osConstants } from "node:os";
import path from "node:path";
import type { Readable, Writable } from "node:stream";
import { EngineError } from "./errors.ts";

export type RunResult = { stdout: string; stderr: string };

export type RunOptions = {
  signal?: AbortSignal | undefined;
  cwd?: string | undefined;
  env?: Record<string, string> | undefined;
  /** Written to standard input, which is closed afterwards. */
  input?: string | Uint8Array | undefined;
  /** Called with each line of standard error while the command runs. */
  onStderrLine?: ((line: string) => void) | undefined;
  /** Most bytes kept of each output; more is cut from the front. Default 4 MiB. */
  maxOutputBytes?: number | undefined;
  /** Patience between SIGTERM and SIGKILL when the signal aborts; 0 kills at once. Default 5 s. */
  killAfterMs?: number | undefined;
};

/** How long a child may take to leave after SIGTERM before it gets SIGKILL. */
const KILL_AFTER_MS = 5_000;

/** What a failed command says of itself, before a caller adds what it was for. */
export class RunError extends Error {
  override readonly name = "RunError";
  readonly argv: readonly string[];
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(
    argv: readonly string[],
    exitCode: number | null,
    signal: NodeJS.Signals | null,
    out: RunResult,
  ) {
    const last = out.stderr.trim().split("\n").at(-1) ?? "";
    const how = signal ? `was ended by ${signal}` : `exited with ${exitCode}`;
    super(`${path.basename(argv[0] ?? "")} ${how}${last ? `: ${last}` : ""}`);
    this.argv = argv;
    this.exitCode = exitCode;
    this.signal = signal;
    this.stdout = out.stdout;
    this.stderr = out.stderr;
  }
}

/** A tool's own words for a full disk, as the error that it is. */
export function noSpace(error: unknown, doing: string): EngineError | undefined {
  if (!(error instanceof RunError) || !/no space left|disk quota exceeded/i.test(error.stderr))
    return undefined;
  return new EngineError("no-resources", `cannot ${doing}: no space left on the disk`, {
    hint: "Free some disk space, then try again. `berth image prune` removes unused images.",
    cause: error,
  });
}

/** Runs a command to its end. Rejects with RunError on a non-zero exit, `missing-dependency` where it is absent. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const child = start(argv, { cwd: options.cwd, env: options.env, stdio: ["pipe", "pipe", "pipe"] });
  const { stdin, stdout, stderr } = child as { stdin: Writable; stdout: Readable; stderr: Readable };
  const limit = options.maxOutputBytes ?? 4 * 2 ** 20;
  const out = collect(stdout, limit);
  const err = collect(stderr, limit, options.onStderrLine);
  stdin.on("error", () => {}); // A child may leave without reading its input; its exit code tells.
  stdin.end(options.input ?? "");
  const stop = endOnAbort(child, options.signal, options.killAfterMs);
  try {
    const { code, signal } = await exitOf(child, argv);
    options.signal?.throwIfAborted();
    const result = { stdout: out(), stderr: err() };
    if (code !== 0) throw new RunError(argv, code, signal, result);
    return result;
  } finally {
    stop();
  }
}

export type Child = {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  kill(signal?: NodeJS.Signals): void;
};

/** Starts a command whose streams the caller reads. The caller owns it: aborting `signal` ends it. */
export function startChild(
  argv: readonly string[],
  options: { signal?: AbortSignal; cwd?: string; env?: Record<string, string> } = {},
): Child {
  const child = start(argv, { cwd: options.cwd, env: options.env, stdio: ["pipe", "pipe", "pipe"] });
  const { stdin, stdout, stderr } = child as { stdin: Writable; stdout: Readable; stderr: Readable };
  stdin.on("error", () => {});
  const stop = endOnAbort(child, options.signal);
  const exited = exitOf(child, argv).finally(stop);
  exited.catch(() => {});
  return { pid: child.pid ?? -1, stdin, stdout, stderr, exited, kill: (signal) => void child.kill(signal) };
}

/**
 * Runs a command in this process's place: on its terminal and streams, with its environment. Resolves with the exit
 * code, 128 and the signal's number after a signal. Signals that reach only this process are passed on.
 */
export async function runInPlace(
  argv: readonly string[],
  extra: Record<string, string> = {},
): Promise<number> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { env: { ...process.env, ...extra }, stdio: "inherit", shell: false });
  const passed = ["SIGTERM", "SIGHUP"] as const;
  const pass = passed.map((name) => ({ name, listener: () => void child.kill(name) }));
  const ignore = () => {}; // The terminal sends SIGINT to the child as well.
  process.on("SIGINT", ignore);
  for (const { name, listener } of pass) process.on(name, listener);
  try {
    const { code, signal } = await exitOf(child, argv);
    return code ?? 128 + (signal ? osConstants.signals[signal] : 0);
  } finally {
    process.off("SIGINT", ignore);
    for (const { name, listener } of pass) process.off(name, listener);
  }
}

export type DetachedChild = {
  readonly pid: number;
  /** Resolves when the child ends while this process still runs. Rejects where it could not be started. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
};

/** Starts a process that outlives this one, in a session of its own, its output appended to `logFile`. */
export async function startDetached(
  argv: readonly string[],
  options: { logFile: string; cwd?: string; env?: Record<string, string> },
): Promise<DetachedChild> {
  const log = openSync(options.logFile, "a", 0o600);
  try {
    const child = start(argv, {
      cwd: options.cwd,
      env: options.env,
      stdio: ["ignore", log, log],
      detached: true,
    });
    const exited = exitOf(child, argv);
    exited.catch(() => {});
    await spawned(child, argv);
    child.unref();
    return { pid: child.pid ?? -1, exited };
  } finally {
    closeSync(log);
  }
}

/** Names what an editor or a snap puts into its children's environment and what no child of ours may inherit. */
const LEAKED =
  /^(ELECTRON_|VSCODE_|SNAP|GDK_PIXBUF_|NODE_OPTIONS$|CHROME_DESKTOP$|GTK_PATH$|NODE_COMPILE_CACHE$)/;

/** The parent's environment without an editor's leaks, with `extra` on top. */
export function childEnvironment(
  extra: Record<string, string> = {},
  parent: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [key, value] of Object.entries(parent)) {
    if (value !== undefined && !LEAKED.test(key)) env[key] = value;
  }
  return { ...env, ...extra };
}

/** The absolute path of a program on PATH, or undefined. */
export async function which(
  program: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  const windows = process.platform === "win32";
  const endings = windows ? (env["PATHEXT"] ?? ".EXE;.CMD;.BAT").split(";") : [""];
  // A relative entry of PATH would make what is run depend on where we happen to be.
  const onPath = (env["PATH"] ?? "").split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const folders = path.isAbsolute(program) ? [""] : onPath;
  for (const folder of folders) {
    for (const ending of endings) {
      const file = path.join(
        folder,
        program.toLowerCase().endsWith(ending.toLowerCase()) ? program : program + ending,
      );
      try {
        await access(file, windows ? constants.F_OK : constants.X_OK);
        if ((await stat(file)).isFile()) return file;
      } catch {
        // Not here: look in the next folder.
      }
    }
  }
  return undefined;
}

type Stdio = "ignore" | "pipe" | number;

function start(
  argv: readonly string[],
  options: {
    cwd?: string | undefined;
    env?: Record<string, string> | undefined;
    stdio: Stdio[];
    detached?: boolean;
  },
): ChildProcess {
  const [program = "", ...args] = argv;
  return spawn(program, args, {
    cwd: options.cwd,
    env: childEnvironment(options.env),
    stdio: options.stdio,
    detached: options.detached ?? false,
    shell: false,
    windowsHide: true,
  });
}

function spawned(child: ChildProcess, argv: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(startError(error, argv)));
  });
}

function exitOf(
  child: ChildProcess,
  argv: readonly string[],
): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(startError(error, argv)));
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
}

function startError(error: Error, argv: readonly string[]): Error {
  const program = argv[0] ?? "";
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") return error;
  return new EngineError("missing-dependency", `cannot run ${program}: it is not installed`, {
    details: { program },
    cause: error,
  });
}

function endOnAbort(
  child: ChildProcess,
  signal: AbortSignal | undefined,
  killAfterMs = KILL_AFTER_MS,
): () => void {
  if (!signal) return () => {};
  let killer: NodeJS.Timeout | undefined;
  const end = () => {
    if (killAfterMs === 0) {
      child.kill("SIGKILL");
      return;
    }
    child.kill("SIGTERM");
    killer = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  };
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  child.once("close", () => clearTimeout(killer));
  return () => signal.removeEventListener("abort", end);
}

function collect(stream: Readable, limit: number, onLine?: (line: string) => void): () => string {
  let chunks: Buffer[] = [];
  let size = 0;
  let rest = "";
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > 2 * limit) {
      chunks = [Buffer.concat(chunks).subarray(-limit)];
      size = limit;
    }
    if (!onLine) return;
    const lines = (rest + chunk.toString("utf8")).split(/[\r\n]+/);
    rest = (lines.pop() ?? "").slice(-4096);
    for (const line of lines) onLine(line);
  });
  return () => Buffer.concat(chunks).subarray(-limit).toString("utf8");
}
