/** Bytes from a stream of the engine to a file, from a file to one, or from one engine to another: all of them, or a failure. */
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { EngineError, messageOf, toEngineError } from "../base/errors.ts";
import type { RemoteConnection } from "./engine-client.ts";

const READ_BYTES = 256 * 1024;

/** Told of how many bytes have passed. */
export type Told = (bytes: number) => void;

/** Fails where it has not come to its end, so that a part of it is never taken for all. */
export async function* wholeOf(work: RemoteConnection, told?: Told): AsyncGenerator<Buffer> {
  let done = 0;
  work.stdin.end();
  try {
    for await (const chunk of work.stdout as AsyncIterable<Buffer>) {
      done += chunk.length;
      told?.(done);
      yield chunk;
    }
    await work.exited;
  } finally {
    work.exited.catch(() => {}); // It may have been left.
    work.close();
  }
}

/** What cannot be read is told before anything is sent. Whoever does not read it to its end destroys it. */
export async function readingOf(file: string): Promise<Readable> {
  try {
    return (await open(file)).createReadStream({ highWaterMark: READ_BYTES });
  } catch (error) {
    throw new EngineError("not-found", `cannot import ${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** Sends all of the source. Resolves with what the engine says at the end; `doing` begins the message of what it cannot read. */
export async function sendAll(
  source: AsyncIterable<Uint8Array>,
  work: RemoteConnection,
  { doing, told }: { doing: string; told?: Told },
): Promise<string> {
  let unread: unknown;
  const said: Buffer[] = [];
  work.stdout.on("data", (chunk: Buffer) => said.push(chunk));
  // Its end is told by the engine, unless it is this side that could not go on.
  const sent = pipeline(counted(source, told), work.stdin).catch((error: unknown) => {
    unread = error;
    work.close();
  });
  try {
    await work.exited;
    return Buffer.concat(said).toString("utf8").trim();
  } catch (error) {
    throw unread === undefined ? error : toEngineError(unread, doing);
  } finally {
    work.close();
    await sent;
  }
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  told: Told | undefined,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of source) {
    done += chunk.length;
    told?.(done);
    yield chunk;
  }
}
