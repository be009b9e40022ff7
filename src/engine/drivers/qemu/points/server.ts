/**
 * A disk that nothing runs on, served by `qemu-nbd` on a socket in the run directory. It ends when its last client goes, so
 * it does not outlive an engine that dies.
 */
import { rm } from "node:fs/promises";
import { abortable, once, sleep, withDeadline } from "../../../../base/async.ts";
import { EngineError } from "../../../../base/errors.ts";
import { type Child, startChild } from "../../../../base/run.ts";
import { type Door, NO_KEY } from "../door.ts";
import { NbdClient } from "./nbd.ts";

export type ServedDisk = {
  readonly client: NbdClient;
  /** Resolves when the server has let go of the disk. May be repeated. */
  end(): Promise<void>;
};

type Wanted = {
  program: string;
  /** Left out: the disk is not encrypted. It is of use until the disk is served. */
  door?: Door | undefined;
  file: string;
  socket: string;
  writable?: boolean;
  /** A bitmap of the disk's that the client may ask of. */
  bitmap?: string | undefined;
  /** What the client shall be able to ask. */
  contexts?: readonly string[];
};

/** All servers have but one disk. */
const EXPORT = "disk";

/** It listens within a fraction of a second; a loaded host takes longer. */
const READY_MS = 30_000;
const LOOK_MS = 10;
const END_MS = 10_000;

export async function serveDisk(wanted: Wanted, parent: AbortSignal): Promise<ServedDisk> {
  const { program, file, socket, writable, bitmap, contexts, door = NO_KEY } = wanted;
  const child = startChild([
    ...[program, ...door.objects, writable ? "--discard=unmap" : "--read-only"],
    ...["-f", "qcow2", "-k", socket, "-x", EXPORT],
    ...(bitmap === undefined ? [] : ["-B", bitmap]),
    door.name(file),
  ]);
  const words = wordsOf(child);
  child.stdin.end();
  child.stdout.resume();
  const { signal, done } = withDeadline(READY_MS, parent);
  try {
    const client = await comeTo(child, words, { socket, contexts: contexts ?? [], signal });
    return { client, end: once(() => leave(child, client, socket)) };
  } catch (error) {
    child.kill("SIGKILL");
    await child.exited.catch(() => {});
    await rm(socket, { force: true });
    throw error;
  } finally {
    done();
  }
}

/** It tells nobody when it listens, so it is tried until it does, ends, or patience does. */
async function comeTo(
  child: Child,
  words: () => string,
  { socket, contexts, signal }: { socket: string; contexts: readonly string[]; signal: AbortSignal },
): Promise<NbdClient> {
  let hasEnded = false;
  const end = () => {
    hasEnded = true;
  };
  child.exited.then(end, end);
  for (;;) {
    try {
      return await NbdClient.connect(socket, EXPORT, { signal, contexts });
    } catch (error) {
      signal.throwIfAborted();
      if (hasEnded)
        throw new EngineError("driver-failed", `cannot open the disk: ${words()}`, { cause: error });
      if (!isNotYet(error)) throw error;
    }
    await sleep(LOOK_MS, signal);
  }
}

function isNotYet(error: unknown): boolean {
  const cause = error instanceof EngineError ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  return cause?.code === "ENOENT" || cause?.code === "ECONNREFUSED";
}

async function leave(child: Child, client: NbdClient, socket: string): Promise<void> {
  await client.close();
  const { signal, done } = withDeadline(END_MS);
  try {
    await abortable(child.exited, signal);
  } catch {
    child.kill("SIGKILL");
    await child.exited.catch(() => {});
  } finally {
    done();
    await rm(socket, { force: true });
  }
}

/** One whose engine died before it had a client waits for one for ever, and holds the disk. */
export async function endLeftover(socket: string): Promise<void> {
  for (let waited = 0; waited < END_MS; waited += LOOK_MS) {
    const client = await NbdClient.connect(socket, EXPORT).catch(() => undefined);
    if (!client) break;
    await client.close();
    await sleep(LOOK_MS);
  }
  await rm(socket, { force: true });
}

/** The last that it has said. */
function wordsOf({ stderr }: Child): () => string {
  let said = "";
  stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString("utf8")).slice(-1000);
  });
  return () =>
    said
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/^qemu-nbd: /, "") || "its server ended without a word";
}
