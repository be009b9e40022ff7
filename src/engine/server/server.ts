/** The engine's API on its endpoint: oRPC over HTTP, byte streams over WebSocket. Translates; decides nothing. */
import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { OpenAPIHandler } from "@orpc/openapi/node";
import type { WebSocketServer } from "ws";
import { MAX_FRAME_BYTES } from "../../api/frames.ts";
import { withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import { Emitter, type Event } from "../../base/event.ts";
import type { Endpoint } from "../../base/paths.ts";
import { askedBy } from "../access/asking.ts";
import type { Owner, Principal } from "../access/principal.ts";
import type { EngineCore } from "../engine-core.ts";
import type { Log } from "../log.ts";
import { admit, type Door, declineUnasked, identify, type RequestContext } from "./access.ts";
import { authorise } from "./authorise.ts";
import { readJsonBody } from "./body.ts";
import { respondWithError, toErrorBody, toPublicError, toWireError } from "./errors.ts";
import { Live } from "./live.ts";
import { decided } from "./record.ts";
import { createRouter } from "./router.ts";
import { STREAMS, streamOf } from "./streams.ts";

export type ServerOptions = {
  core: EngineCore;
  /** Of Berth. */
  version: string;
  endpoint: Endpoint;
  /** The name of the user that the engine runs as, for the audit record. */
  user: string;
  /** Bearer token that every request must carry. Absent where the endpoint's own rights are enough. */
  token?: string | undefined;
  log: Log;
};

export interface EngineServer {
  /** Whether a request, an event subscription or a byte stream is open. */
  readonly busy: boolean;
  readonly onDidChangeBusy: Event<boolean>;
  /** Ends subscriptions and streams, lets answers under way finish, stops listening. */
  close(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
const CLOSE_GRACE_MS = 2_000;

/** Listens on the endpoint. A stale socket file is replaced: the caller holds the engine's lock. */
export async function startServer(options: ServerOptions): Promise<EngineServer> {
  const server = new ApiServer(options);
  await server.listen();
  return server;
}

class ApiServer implements EngineServer {
  readonly #options: ServerOptions;
  readonly #door: Door;
  readonly #live: Live;
  readonly #handler: OpenAPIHandler<RequestContext>;
  readonly #http: Server;
  readonly #busyChanged = new Emitter<boolean>();
  readonly #leaving = new AbortController();
  readonly #streams = new Set<Duplex>();
  #webSockets: Promise<WebSocketServer> | undefined;
  #open = 0;

  readonly onDidChangeBusy = this.#busyChanged.event;

  constructor(options: ServerOptions) {
    this.#options = options;
    const { core, user, token } = options;
    const owner: Owner = { kind: "owner", name: user };
    this.#door = { owner, token, holderOf: (text) => core.access.holderOf(text) };
    this.#live = new Live(core.access);
    this.#handler = createHandler(options);
    this.#http = createServer({
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // Node's own check of these two; its only timer while nothing is asked.
      connectionsCheckingInterval: 30_000,
    });
    this.#http.on("request", (request, response) => void this.#onRequest(request, response));
    this.#http.on("upgrade", (request, socket, head) => void this.#onUpgrade(request, socket, head));
  }

  get busy(): boolean {
    return this.#open > 0;
  }

  async listen(): Promise<void> {
    const { endpoint } = this.#options;
    if (endpoint.kind === "unix") await rm(endpoint.path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#http.once("error", reject);
      this.#http.listen(endpoint.path, () => {
        this.#http.off("error", reject);
        resolve();
      });
    });
    if (endpoint.kind === "unix") await chmod(endpoint.path, 0o600);
  }

  async close(): Promise<void> {
    this.#leaving.abort(
      new EngineError("engine-unavailable", "the engine is leaving", {
        hint: "Try again: it is started anew.",
      }),
    );
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#http.closeIdleConnections();
    if (this.#webSockets) {
      for (const socket of (await this.#webSockets).clients) socket.close(1001, "the engine is leaving");
    }
    const grace = withDeadline(CLOSE_GRACE_MS);
    grace.signal.addEventListener("abort", () => {
      this.#http.closeAllConnections();
      for (const socket of this.#streams) socket.destroy();
    });
    await closed;
    grace.done();
    this.#live.dispose();
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#begin(response);
    try {
      const principal = this.#admit(request);
      declineUnasked(request, this.#options.core.draining);
      const body = await readJsonBody(request);
      if (body !== undefined) Object.assign(request, { body }); // Where oRPC looks for a body that has been read.
      const context = this.#context(principal, request, response);
      const { matched } = await this.#handler.handle(request, response, { context });
      if (!matched) throw unknownPath(request);
    } catch (error) {
      respondWithError(response, toPublicError(error, "answer a request", this.#options.log));
    }
  }

  async #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    this.#begin(socket);
    this.#streams.add(socket);
    socket.once("close", () => this.#streams.delete(socket));
    socket.on("error", () => {}); // `close` follows.
    try {
      const principal = this.#admit(request);
      declineUnasked(request, this.#options.core.draining);
      const { name, kind } = streamIn(request);
      const { of = "instances", serve, ...needs } = STREAMS[kind];
      const context = this.#context(principal, request, socket);
      this.#webSockets ??= createWebSockets();
      const webSockets = await this.#webSockets;
      const { core, log } = this.#options;
      const asked = { procedure: `${of}.${kind}`, needs, input: { name } };
      const action = { request: asked, target: name, changes: true };
      const who = await decided(context, action, async (one) => one);
      context.whileAllowed(() => authorise(core, principal, asked));
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        void askedBy(who, () => serve(webSocket, { core, name, log }));
      });
    } catch (error) {
      const response = new ServerResponse(request);
      response.assignSocket(socket as Parameters<ServerResponse["assignSocket"]>[0]);
      response.once("finish", () => socket.end());
      respondWithError(response, toPublicError(error, "open a stream", this.#options.log));
    }
  }

  #admit(request: IncomingMessage): Principal {
    admit(request);
    return identify(request, this.#door);
  }

  /** Counts something open until it closes. */
  #begin(opened: ServerResponse | Duplex): void {
    this.#open += 1;
    if (this.#open === 1) this.#busyChanged.fire(true);
    opened.once("close", () => {
      this.#open -= 1;
      if (this.#open === 0) this.#busyChanged.fire(false);
    });
  }

  #context(
    principal: Principal,
    { socket }: IncomingMessage,
    opened: ServerResponse | Duplex,
  ): RequestContext {
    const gone = new AbortController();
    opened.once("close", () => gone.abort(new EngineError("cancelled", "the client has gone")));
    const leaving = this.#leaving.signal;
    const signal = AbortSignal.any([gone.signal, leaving]);
    const { core, log } = this.#options;
    const whileAllowed = (check: () => void) => this.#live.whileAllowed(principal, opened, check);
    const from = socket.remoteAddress ?? "socket";
    return { core, principal, from, whileAllowed, signal, gone: gone.signal, leaving, log };
  }
}

function createHandler({ core, version, log }: ServerOptions): OpenAPIHandler<RequestContext> {
  return new OpenAPIHandler<RequestContext>(createRouter(core, version), {
    customErrorResponseBodyEncoder: toErrorBody,
    eventIteratorKeepAliveEnabled: false, // A local socket cannot be lost silently, so no timer is needed.
    interceptors: [
      async ({ next, request }) => {
        try {
          return await next();
        } catch (error) {
          throw toWireError(toPublicError(error, `${request.method} ${request.url.pathname}`, log));
        }
      },
    ],
  });
}

async function createWebSockets(): Promise<WebSocketServer> {
  const { WebSocketServer } = await import("ws"); // Only who opens a stream pays for it.
  return new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false });
}

/** Throws `not-found` for every other path. */
function streamIn(request: IncomingMessage): NonNullable<ReturnType<typeof streamOf>> {
  const stream = request.method === "GET" ? streamOf((request.url ?? "").split("?")[0] ?? "") : undefined;
  if (!stream) throw unknownPath(request);
  return stream;
}

function unknownPath(request: IncomingMessage): EngineError {
  const path = (request.url ?? "").slice(0, 200);
  return new EngineError("not-found", `cannot ${request.method} ${path}: the API has no such path`, {
    hint: "openapi.json lists the API's paths.",
  });
}
