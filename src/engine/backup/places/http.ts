/**
 * HTTP for places: connections that are kept, a server's certificate that is looked at before anything is said to it,
 * and faults told apart by whether they may pass. Node's own fetch takes neither authorities nor fingerprints.
 */
import http, { type IncomingHttpHeaders } from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";
import type tls from "node:tls";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import { isTransientStatus, networkReason, TransientError } from "../../transient.ts";
import { type Certified, connectTls, tlsFault } from "./certificate.ts";
import { FULL_HINT, type Purpose, placeError } from "./place-error.ts";

export type HttpRequest = {
  method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** With its query, encoded. */
  path: string;
  headers?: Record<string, string> | undefined;
  body?: Uint8Array | undefined;
};

export type HttpAnswer = { status: number; headers: IncomingHttpHeaders; body: Buffer };

/** Above any file of a repository, and any list of files; it ends a server that never stops sending. */
const MAX_ANSWER_BYTES = 256 * 2 ** 20;

const PIECE_BYTES = 256 * 1024;

/** One server. The owner disposes of it, which ends its connections. */
export class HttpServer {
  readonly #url: URL;
  readonly #agent: http.Agent;
  readonly #silentMs: number;

  constructor(url: URL, options: { certified: Certified; connections: number; silentMs: number }) {
    this.#url = url;
    this.#silentMs = options.silentMs;
    const kept = { keepAlive: true, maxSockets: options.connections, timeout: options.silentMs };
    this.#agent =
      url.protocol === "https:" ? new CheckedAgent(kept, options.certified) : new http.Agent(kept);
  }

  /**
   * Any status is an answer. Rejects with TransientError where there is none, `place-unreachable` where it can never
   * come: a certificate that is not trusted.
   */
  async send(ctx: Pick<Ctx, "signal">, purpose: Purpose, request: HttpRequest): Promise<HttpAnswer> {
    try {
      return await this.#exchange(ctx.signal, purpose, request);
    } catch (error) {
      ctx.signal.throwIfAborted();
      if (error instanceof TransientError || error instanceof EngineError) throw error;
      throw tlsFault(purpose, error) ?? new TransientError(networkReason(error), { cause: error });
    }
  }

  dispose(): void {
    this.#agent.destroy();
  }

  #exchange(signal: AbortSignal, purpose: Purpose, request: HttpRequest): Promise<HttpAnswer> {
    const { method, path, headers, body } = request;
    const { hostname, port, protocol } = this.#url;
    const length =
      body || method === "PUT" || method === "POST" ? { "content-length": body?.length ?? 0 } : {};
    return new Promise((resolve, reject) => {
      const sent = (protocol === "https:" ? https : http).request({
        ...{ host: hostname.replace(/^\[(.*)\]$/, "$1"), port, method, path, signal },
        ...{ agent: this.#agent, timeout: this.#silentMs },
        headers: { ...length, "user-agent": "berth", ...headers },
      });
      let silent: TransientError | undefined;
      const fail = (error: Error) => reject(silent ?? error);
      sent.on("timeout", () => {
        silent = new TransientError(`it said nothing for ${this.#silentMs / 1000} s`);
        sent.destroy(silent);
      });
      sent.on("error", fail);
      sent.once("response", (answer) => readAll(answer, purpose).then(resolve, fail));
      sendBody(sent, body);
    });
  }
}

/** Piece by piece, so that a slow line that takes them counts as alive. */
function sendBody(sent: http.ClientRequest, body: Uint8Array = new Uint8Array()): void {
  if (body.length <= PIECE_BYTES) return void sent.end(body);
  sent.write(body.subarray(0, PIECE_BYTES), (error) => {
    if (!error) sendBody(sent, body.subarray(PIECE_BYTES)); // Otherwise the request says what it was.
  });
}

async function readAll(answer: http.IncomingMessage, purpose: Purpose): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES)
      throw placeError(
        "not-supported",
        purpose,
        "its answer is longer than any file of a repository",
        KIND_HINT,
      );
  }
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks, length) };
}

/** Gives a connection away only when the server's certificate was found good: nothing is sent before. */
class CheckedAgent extends https.Agent {
  readonly #certified: Certified;

  constructor(options: https.AgentOptions, certified: Certified) {
    super(options);
    this.#certified = certified;
  }

  override createConnection(
    options: https.RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    connectTls(options as tls.ConnectionOptions, this.#certified).then(
      (socket) => callback?.(null, socket),
      (error) => callback?.(error, undefined as never),
    );
  }
}

export const isSuccess = ({ status }: HttpAnswer): boolean => status >= 200 && status < 300;

/** What a status means that is no success, for every kind of server. `words`: what the server says of it. */
export function answeredFault(purpose: Purpose, answer: HttpAnswer, words = wordsOf(answer)): Error {
  const { status, headers } = answer;
  const said = `it answered ${status} ${http.STATUS_CODES[status] ?? ""}`.trim() + (words && `: ${words}`);
  const meaning = meaningOf(status);
  if (meaning) {
    const [code, reason, hint] = meaning;
    return placeError(code, purpose, `${reason} (${words || status})`, hint);
  }
  if (isTransientStatus(status) && status !== 501 && status !== 505)
    return new TransientError(said, { afterMs: retryAfterMs(headers["retry-after"]) });
  if (status >= 300 && status < 400)
    return placeError(
      "not-supported",
      purpose,
      `it leads to ${headers.location ?? "another address"}`,
      "Use that address itself.",
    );
  return placeError("not-supported", purpose, said, KIND_HINT);
}

type Meaning = ["unauthenticated" | "permission-denied" | "not-found" | "no-resources", string, string];

function meaningOf(status: number): Meaning | undefined {
  switch (status) {
    case 401:
      return [
        "unauthenticated",
        "it does not accept user and password",
        "Give the place those that its server knows.",
      ];
    case 403:
      return [
        "permission-denied",
        "it does not allow that",
        "Look what this user may do there, and whether the server only takes and never removes.",
      ];
    case 404:
    case 410:
      return ["not-found", "it is not there", "Look whether the path is right."];
    case 413:
    case 507:
      return ["no-resources", "there is no space left", FULL_HINT];
    default:
      return undefined;
  }
}

const KIND_HINT = "Look whether the address leads to a server of this kind.";

/** The server's own words where they are words: one line of plain text. */
function wordsOf({ headers, body }: HttpAnswer): string {
  if (!headers["content-type"]?.startsWith("text/plain") || body.length > 300) return "";
  return body
    .toString("utf8")
    .trim()
    .replace(/\p{Cc}+/gu, " ");
}

/** Seconds, or a date. */
export function retryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,6}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
