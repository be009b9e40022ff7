/** Starting the engine as a process of its own. */
import { open, stat } from "node:fs/promises";
import path from "node:path";
import { privateDirectory } from "../base/durable.ts";
import { EngineError } from "../base/errors.ts";
import type { Paths } from "../base/paths.ts";
import { childEnvironment, startDetached } from "../base/run.ts";

export type StartOptions = { bundle: string; execPath: string; paths: Paths; env: NodeJS.ProcessEnv };

export type StartedEngine = {
  /** Rejects when it ended badly; resolves when it left because another one serves. */
  readonly ended: Promise<void>;
};

/** `node:sqlite` needs no flag from here on. */
const OLDEST_NODE = [22, 13] as const;
const MAX_LAST_WORDS_BYTES = 4096;

/**
 * The engine lives long and makes little garbage at a time: a small nursery (1 MiB, not 16) keeps its idle memory 5 MB
 * lower as measured after 25 clients, and code compiled for size another 5. Until its heap has these 64 MiB, buffers that
 * pass through are no reason to collect all of it: half of an upload's time went there.
 */
const NODE_FLAGS = ["--max-semi-space-size=1", "--optimize-for-size", "--initial-old-space-size=64"];

/** Resolves when the process runs, which is before it listens. */
export async function startEngine({ bundle, execPath, paths, env }: StartOptions): Promise<StartedEngine> {
  if (execPath === process.execPath) requireNode(process.versions.node);
  await privateDirectory(paths.data);
  const logFile = path.join(paths.data, "engine-output.log");
  const before = await sizeOf(logFile);
  // What lets this client in is none of the engine's business, nor of what it starts.
  const { BERTH_TOKEN: _token, ...own } = childEnvironment({}, env);
  const child = await startDetached([execPath, ...NODE_FLAGS, bundle], {
    logFile,
    cwd: paths.data,
    env: { ...own, ELECTRON_RUN_AS_NODE: "1" },
  });
  const ended = child.exited.then(async ({ code, signal }) => {
    if (code === 0) return;
    const words = await readFrom(logFile, before);
    const reason = signal ? `it was ended by ${signal}` : (lastLine(words) ?? `it exited with ${code}`);
    throw new EngineError("engine-unavailable", `cannot start the engine: ${reason}`, {
      hint: `${paths.log} and ${logFile} say more.`,
      details: { output: words },
    });
  });
  ended.catch(() => {}); // Whoever waits for the engine sees it; later it is nobody's.
  return { ended };
}

/** Throws `missing-dependency` for a Node that cannot run the engine. */
export function requireNode(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new EngineError(
    "missing-dependency",
    `cannot start the engine: it needs Node.js ${OLDEST_NODE.join(".")} or newer, and this is ${version}`,
    { hint: "Install a newer Node.js, or name one in the environment variable BERTH_NODE." },
  );
}

/** The line of a crash report that says what happened. */
export function lastLine(words: string): string | undefined {
  const lines = words.split("\n").map((line) => line.trim());
  return lines.find((line) => /^(?:\w*Error\b|cannot )/.test(line)) ?? lines.filter(Boolean).at(-1);
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

async function readFrom(file: string, start: number): Promise<string> {
  const handle = await open(file, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_LAST_WORDS_BYTES), { position: start });
    return buffer.subarray(0, bytesRead).toString("utf8").trim();
  } finally {
    await handle.close();
  }
}
