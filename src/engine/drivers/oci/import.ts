/** An image of one layer, made of a file system that comes as a tar. */
import { Readable } from "node:stream";
import { EngineError, toEngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { RuntimeApi } from "./api.ts";
import { checkedTar } from "./checked-tar.ts";
import { inspectImage } from "./images.ts";
import { formatImageReference, isImageId, parseImageReference } from "./reference.ts";
import { eventsIn } from "./registry-events.ts";

/** Resolves with its id. Whatever ends this early, there is no image then. The caller owns the tar, and ends it. */
export async function importImage(
  ctx: Ctx,
  api: RuntimeApi,
  source: Readable,
  reference: string,
): Promise<string> {
  const doing = `import ${reference}`;
  const named = newName(reference, doing);
  let refused: unknown;
  const body = Readable.from(checkedTar(source, doing), { objectMode: false });
  body.once("error", (error) => {
    refused = error;
  });
  const name = formatImageReference(named);
  // Older Podmans do not look at a tag of its own.
  const query = { fromSrc: "-", repo: name };
  try {
    const answer = await api.stream(ctx, "POST", "/images/create", { doing, query, body });
    for await (const { error } of eventsIn(answer))
      if (error !== undefined) throw new EngineError("invalid-argument", `cannot ${doing}: ${error}`);
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw toEngineError(refused ?? error, doing);
  }
  return (await inspectImage(ctx, api, name)).id;
}

/** A digest comes of what is in an image, and cannot be given to one. */
function newName(reference: string, doing: string) {
  const named = isImageId(reference) ? undefined : parseImageReference(reference);
  if (named && named.digest === undefined) return named;
  throw new EngineError("invalid-argument", `cannot ${doing}: a name is needed, not a digest`, {
    hint: "Such as team/base:1.",
  });
}
