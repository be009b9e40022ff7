/** cloud-init user-data from wherever the user has it. Whether it is good YAML is the engine's to say. */
import { open } from "node:fs/promises";
import { abortable, withDeadline } from "../base/async.ts";
import { EngineError, messageOf } from "../base/errors.ts";

export type UserDataSource = {
  signal: AbortSignal;
  /** What `-` means; without it, `-` is a file's name. */
  stdin?: AsyncIterable<Uint8Array | string>;
};

export const MAX_USER_DATA_BYTES = 2 ** 20;
const FETCH_MS = 60_000;

/** A file (a pipe included), an http(s) URL, or standard input for `-`; at most 1 MiB of UTF-8. */
export async function readUserData(from: string, source: UserDataSource): Promise<string> {
  try {
    return await abortable(textOf(await streamOf(from, source)), source.signal);
  } catch (error) {
    if (source.signal.aborted) throw error;
    throw new EngineError(
      "invalid-argument",
      `cannot read cloud-init user-data from ${from}: ${messageOf(error)}`,
      { hint: "Name a file, an http(s) URL, or - for standard input.", cause: error },
    );
  }
}

async function streamOf(
  from: string,
  { signal, stdin }: UserDataSource,
): Promise<AsyncIterable<Uint8Array | string>> {
  if (from === "-" && stdin) return stdin;
  if (/^https?:\/\//i.test(from)) return fetched(from, signal);
  const file = await open(from, "r");
  return file.createReadStream();
}

async function* fetched(url: string, parent: AbortSignal): AsyncGenerator<Uint8Array> {
  const { signal, done } = withDeadline(FETCH_MS, parent);
  try {
    const response = await fetch(url, { signal });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    if (response.body) yield* response.body;
  } finally {
    done();
  }
}

/** Stops reading where there is too much, so that an endless source ends, too. */
async function textOf(source: AsyncIterable<Uint8Array | string>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    const buffer = Buffer.from(chunk as Uint8Array);
    bytes += buffer.length;
    if (bytes > MAX_USER_DATA_BYTES) throw new Error("it is larger than 1 MiB");
    chunks.push(buffer);
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
}
