import type { Readable } from "node:stream";

const MAX_LINE = 2 ** 20;

/** The objects in a stream of lines. What is no object is passed over, and a line without an end is not kept. */
export async function* objectsIn<T extends object>(stream: Readable): AsyncGenerator<T> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE) rest = "";
    for (const line of lines) yield* objectIn<T>(line);
  }
  yield* objectIn<T>(rest);
}

function* objectIn<T extends object>(line: string): Generator<T> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) yield value as T;
  } catch {
    // An empty line, or half of one.
  }
}
