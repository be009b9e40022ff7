/** Who calls, what they may do, and the record of what they changed. */
import type { IncomingMessage } from "node:http";
import type { Privilege } from "../../api/contract.ts";
import { PROTOCOL_HEADER, PROTOCOL_VERSION } from "../../api/protocol.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import type { Log } from "../log.ts";

/** Whoever can open the endpoint is the engine's own user: it lies in a directory that nobody else may enter. */
export type Identity = { readonly name: string; readonly privileges: "all" | ReadonlySet<Privilege> };

/** What every procedure is given beside its input. */
export type RequestContext = {
  readonly identity: Identity;
  /** Aborts when the client has gone or the engine leaves. */
  readonly signal: AbortSignal;
  /** Aborts when the client has gone. */
  readonly gone: AbortSignal;
  /** Aborts when the engine leaves. */
  readonly leaving: AbortSignal;
  readonly log: Log;
};

/** Throws `permission-denied`. A procedure that declares no privilege is for nobody. */
export function requirePrivilege(identity: Identity, privilege: Privilege | undefined, doing: string): void {
  if (privilege === undefined) {
    throw new EngineError("internal", `cannot ${doing}: it declares no privilege`);
  }
  if (identity.privileges === "all" || identity.privileges.has(privilege)) return;
  throw new EngineError("permission-denied", `cannot ${doing}: ${identity.name} lacks ${privilege}`);
}

/** Runs a mutation and records who asked for it, on what, and what came of it. */
export async function recorded<T>(
  context: RequestContext,
  action: { procedure: string; target: string | undefined },
  run: () => Promise<T>,
): Promise<T> {
  const record = { audit: true, by: context.identity.name, ...action };
  try {
    const result = await run();
    context.log.info("accepted", record);
    return result;
  } catch (error) {
    context.log.info("refused", { ...record, code: toEngineError(error).code });
    throw error;
  }
}

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
 * Turns away what no client of ours sends: a browser (`Origin`), a name that was rebound to this computer (`Host`),
 * a caller without the token where one is needed. Throws EngineError.
 */
export function admit(request: IncomingMessage, token: string | undefined, equal: Equal): void {
  if (request.headers.origin !== undefined || request.headers["sec-fetch-site"] !== undefined) {
    throw new EngineError("permission-denied", "cannot accept the request: it comes from a web page");
  }
  if (!LOCAL_HOST.test(request.headers.host ?? "")) {
    throw new EngineError("permission-denied", "cannot accept the request: its Host is not this computer", {
      hint: "Address the engine as http://localhost.",
    });
  }
  if (token === undefined) return;
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (given === undefined || !equal(given, token)) {
    throw new EngineError("unauthenticated", "cannot accept the request: its token is missing or wrong", {
      hint: "Send the contents of the engine's token file as a bearer token.",
    });
  }
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

type Equal = (a: string, b: string) => boolean;
