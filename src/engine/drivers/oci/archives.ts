/** Images as archives, as `docker save` writes and `docker load` reads them. */
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { streamFileDurable } from "../../../base/durable.ts";
import { EngineError, messageOf, toEngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { RuntimeApi } from "./api.ts";
import { eventsIn } from "./registry-events.ts";

/** Resolves with the references or ids of what the archive held. */
export async function loadArchive(ctx: Ctx, api: RuntimeApi, file: string): Promise<string[]> {
  const doing = `load images from ${file}`;
  const body = await readingOf(file, doing, (done) => ctx.progress({ phase: "load", done }));
  return loadStream(ctx, api, body, doing);
}

/** As `loadArchive`, of one that comes from anywhere. */
export async function loadStream(
  ctx: Pick<Ctx, "signal">,
  api: RuntimeApi,
  body: Readable,
  doing: string,
): Promise<string[]> {
  const answer = await api.stream(ctx, "POST", "/images/load", { doing, body });
  const loaded: string[] = [];
  try {
    for await (const event of eventsIn(answer)) {
      if (event.error !== undefined)
        throw new EngineError("invalid-argument", `cannot ${doing}: ${event.error}`);
      loaded.push(...loadedIn(event.stream ?? ""));
    }
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw toEngineError(error, doing);
  } finally {
    answer.destroy();
  }
  if (loaded.length === 0) throw new EngineError("invalid-argument", `cannot ${doing}: it holds no images`);
  return loaded;
}

/** A file that cannot be read is told before anything is sent. */
async function readingOf(file: string, doing: string, told: (done: number) => void): Promise<Readable> {
  try {
    const handle = await open(file);
    const body = handle.createReadStream();
    body.on("data", () => told(body.bytesRead)).pause();
    return body;
  } catch (error) {
    throw new EngineError("not-found", `cannot ${doing}: ${messageOf(error)}`, { cause: error });
  }
}

/** Podman names several in one line. */
export function loadedIn(words: string): string[] {
  const names = /^Loaded image(?:\(s\)|s)?(?: ID)?: (.+)$/m.exec(words)?.[1];
  return (names ?? "").split(/[,\s]+/).filter((name) => name !== "");
}

/** Writes an image with all its layers; the file is there when it is whole, and replaces what was there. */
export async function saveArchive(ctx: Ctx, api: RuntimeApi, reference: string, file: string): Promise<void> {
  const doing = `save image ${reference}`;
  const answer = await api.stream(ctx, "GET", `/images/${reference}/get`, { doing });
  let done = 0;
  answer.on("data", (chunk: Buffer) => {
    done += chunk.length;
    ctx.progress({ phase: "save", done });
  });
  try {
    await streamFileDurable(file, answer, ctx.signal);
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw toEngineError(error, doing);
  }
}
