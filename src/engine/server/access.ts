/** Who calls, and whether such a request is looked at at all. */
import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { PROTOCOL_HEADER, PROTOCOL_VERSION } from "../../api/protocol.ts";
import { EngineError } from "../../base/errors.ts";
import type { Owner, Principal, User } from "../access/principal.ts";
import { looksLikeToken } from "../access/tokens.ts";
import type { EngineCore } from "../engine-core.ts";
import type { Log } from "../log.ts";

/** What every procedure is given beside its input. */
export type RequestContext = {
  readonly core: EngineCore;
  readonly principal: Principal;
  /** Where the request came from: `socket`, or an address. */
  readonly from: string;
  /** Ends the answer as soon as `check` throws: what it was allowed by has been taken back. */
  readonly whileAllowed: (check: () => void) => void;
  /** Aborts when the client has gone or the engine leaves. */
  readonly signal: AbortSignal;
  /** Aborts when the client has gone. */
  readonly gone: AbortSignal;
  /** Aborts when the engine leaves. */
  readonly leaving: AbortSignal;
  readonly log: Log;
};

/** What a request is about, from input that has not been validated yet. */
export function targetOf(input: unknown): string | undefined {
  if (typeof input !== "object" || input === null) return undefined;
  const { name, id, reference, recipe } = input as Record<string, unknown>;
  const target = [name, id, reference, recipe].find((value) => typeof value === "string");
  return typeof target === "string" ? target.slice(0, 255) : undefined;
}

/** Host names under which a client on this computer may address the engine. */
const LOCAL_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/**
 * Turns away what no client of ours sends: a browser (`Origin`), a name that was rebound to this computer (`Host`).
 * Throws EngineError.
 */
export function admit(request: IncomingMessage): void {
  if (request.headers.origin !== undefined || request.headers["sec-fetch-site"] !== undefined) {
    throw new EngineError("permission-denied", "cannot accept the request: it comes from a web page");
  }
  if (!LOCAL_HOST.test(request.headers.host ?? "")) {
    throw new EngineError("permission-denied", "cannot accept the request: its Host is not this computer", {
      hint: "Address the engine as http://localhost.",
    });
  }
}

export type Door = {
  /** Of whom the endpoint is. */
  owner: Owner;
  /** What the owner shows where the endpoint's own rights are not enough. */
  token: string | undefined;
  /** Whose an API token is; undefined for one that is not valid. */
  holderOf: (token: string) => User | undefined;
};

/**
 * Who asks. Whoever shows an API token at the owner's own door is taken for that token's user, so that a tool can be given less
 * than the owner may. One that is not valid never counts as none. Throws `unauthenticated`.
 */
export function identify(request: IncomingMessage, { owner, token, holderOf }: Door): Principal {
  const { authorization } = request.headers;
  if (authorization === undefined && token === undefined) return owner;
  const given = /^Bearer (.+)$/.exec(authorization ?? "")?.[1] ?? "";
  if (looksLikeToken(given)) {
    const user = holderOf(given);
    if (user) return user;
    throw refused(
      "its token is wrong, expired or taken back",
      "Ask whoever looks after this engine for another.",
    );
  }
  if (token !== undefined && equalSecrets(given, token)) return owner;
  const hint =
    token === undefined
      ? "Send an API token of this engine, or none."
      : "Send the contents of the engine's token file as a bearer token.";
  throw refused("its token is missing or wrong", hint);
}

function refused(reason: string, hint: string): EngineError {
  return new EngineError("unauthenticated", `cannot accept the request: ${reason}`, { hint });
}

function equalSecrets(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Turns away what a client that has not asked who the engine is would have had to know. */
export function declineUnasked(request: IncomingMessage, draining: boolean): void {
  const protocol = request.headers[PROTOCOL_HEADER];
  if (protocol === undefined || (protocol === String(PROTOCOL_VERSION) && !draining)) return;
  throw new EngineError(
    "engine-unavailable",
    `cannot serve the request: the engine ${draining ? "is about to leave" : `speaks protocol ${PROTOCOL_VERSION}, not ${protocol}`}`,
    { hint: "Ask /v1/engine/hello who it is.", details: { reason: "declined" } },
  );
}
