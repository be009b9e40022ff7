/** What a container runtime's refusals mean, and what it means when none answers. */
import { EngineError, type ErrorCode, messageOf } from "../../../base/errors.ts";
import { type Endpoint, RUNTIME_NAMES, whereOf } from "./endpoints.ts";
import { groupOf, startHint } from "./host.ts";

/** Details of an error that the runtime itself answered. */
export type Refused = { status: number };

const CODES: Record<number, ErrorCode> = {
  400: "invalid-argument",
  401: "unauthenticated",
  403: "permission-denied",
  404: "not-found",
  409: "wrong-state",
  429: "busy",
  501: "not-supported",
};

/** Words by which a runtime says more than its status does: Podman answers 500 to most of what it refuses. */
const TOLD: readonly [RegExp, ErrorCode][] = [
  [/no space left|disk quota exceeded/i, "no-resources"],
  [/port is already allocated|address already in use/i, "already-exists"],
  [/(is|name).* already (in use|exists|used)|already in use by/i, "already-exists"],
  [
    /no such (container|image|volume|network|exec)|image not known|no container with|no volume with/i,
    "not-found",
  ],
];

export function answeredError(endpoint: Endpoint, doing: string, status: number, body: string): EngineError {
  const words = wordsOf(body) || `status ${status} without a reason`;
  const told =
    status === 409 || status >= 500 ? TOLD.find(([pattern]) => pattern.test(words))?.[1] : undefined;
  return new EngineError(
    told ?? CODES[status] ?? "driver-failed",
    `cannot ${doing}: ${RUNTIME_NAMES[endpoint.runtime]} says: ${words}`,
    { details: { status } satisfies Refused },
  );
}

/** The runtime's own words in the body of a refusal. */
function wordsOf(body: string): string {
  try {
    const { message, cause } = JSON.parse(body) as { message?: unknown; cause?: unknown };
    const words = typeof message === "string" && message !== "" ? message : cause;
    if (typeof words === "string") return words.trim().slice(0, 2000);
  } catch {
    // Not JSON: the text itself.
  }
  return body.trim().slice(0, 2000);
}

export function lateError(endpoint: Endpoint, doing: string, deadlineMs: number): EngineError {
  const runtime = RUNTIME_NAMES[endpoint.runtime];
  return new EngineError(
    "timed-out",
    `cannot ${doing}: ${runtime} did not answer within ${deadlineMs / 1000} s`,
    {
      hint: `Look whether ${runtime} is well at ${whereOf(endpoint)}, then try again.`,
    },
  );
}

/** Gives an error of the connection its meaning; one that has a meaning comes back as it is. */
export async function connectError(endpoint: Endpoint, doing: string, error: unknown): Promise<unknown> {
  if (error instanceof EngineError) return error;
  const runtime = RUNTIME_NAMES[endpoint.runtime];
  const where = whereOf(endpoint);
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "EHOSTUNREACH")
    return new EngineError("missing-dependency", `cannot ${doing}: ${runtime} does not run at ${where}`, {
      hint: startHint(endpoint),
      cause: error,
    });
  if (code === "EACCES" || code === "EPERM")
    return new EngineError(
      "permission-denied",
      `cannot ${doing}: you may not use ${runtime}'s socket ${where}`,
      {
        hint: await permissionHint(endpoint),
        cause: error,
      },
    );
  return new EngineError(
    "driver-failed",
    `cannot ${doing}: lost ${runtime} at ${where}: ${messageOf(error)}`,
    {
      hint: `Look whether ${runtime} still runs, then try again.`,
      cause: error,
    },
  );
}

async function permissionHint({ address }: Endpoint): Promise<string> {
  const group = "socketPath" in address ? await groupOf(address.socketPath) : undefined;
  if (group === undefined || group === "root")
    return "Only root may. Use a rootless runtime, or set DOCKER_HOST to a socket that is yours.";
  return `It belongs to the group ${group}. Add yourself: sudo usermod -aG ${group} "$USER", then sign in again. Who is in it can become root.`;
}

export function undefinedWhereAbsent(error: unknown): undefined {
  if (error instanceof EngineError && error.code === "not-found") return undefined;
  throw error;
}
