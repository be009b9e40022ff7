/** Request bodies: JSON only, of limited size. */
import type { IncomingMessage } from "node:http";
import { EngineError } from "../../base/errors.ts";

export const MAX_BODY_BYTES = 2 * 2 ** 20;

/** The parsed body, or undefined where there is none. Throws `invalid-argument`. */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  if (request.method === "GET" || request.method === "HEAD") return undefined;
  if (Number(request.headers["content-length"]) > MAX_BODY_BYTES) throw tooLarge();
  const bytes = await readAll(request);
  if (bytes.length === 0) return undefined;
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers["content-type"] ?? "")) {
    throw new EngineError("invalid-argument", "cannot accept the request: its body is not application/json");
  }
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new EngineError(
      "invalid-argument",
      `cannot accept the request: its body is not valid JSON: ${(error as Error).message}`,
    );
  }
}

/** Not `for await`: leaving that early destroys the socket, and the answer could not be sent. */
function readAll(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) {
        request.pause().removeAllListeners("data");
        reject(tooLarge());
      } else chunks.push(chunk);
    });
    request.once("end", () => resolve(Buffer.concat(chunks)));
    request.once("error", reject);
    request.once("close", () => reject(new EngineError("cancelled", "the client has gone")));
  });
}

function tooLarge(): EngineError {
  return new EngineError(
    "invalid-argument",
    `cannot accept the request: its body is larger than ${MAX_BODY_BYTES / 2 ** 20} MiB`,
  );
}
