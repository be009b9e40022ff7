/** Which container runtimes answer on this host. */
import { realpath } from "node:fs/promises";
import { type EngineError, toEngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import { RuntimeApi } from "./api.ts";
import {
  candidateEndpoints,
  type Endpoint,
  type EndpointInputs,
  type Unusable,
  whereOf,
} from "./endpoints.ts";

/** A runtime that answers. Its endpoint says what it is by its own words, whatever its socket is called. */
export type FoundRuntime = { endpoint: Endpoint; version: string; os: string; arch: string };

/**
 * What runtimes have said of themselves, by where they are. Podman asks its helpers for that, which takes it 200 ms; it
 * holds for as long as the runtime greets with the same words, in which its version is.
 */
export type KnownRuntimes = Map<string, { greeting: string; found: FoundRuntime }>;

export type Detection = {
  /** Best first. */
  found: FoundRuntime[];
  /** What is there and does not answer us, such as a socket that this user may not open. */
  refused: { endpoint: Endpoint; error: EngineError }[];
  unusable: Unusable[];
};

/** A runtime on this host answers at once; one that was asked to wake up may take a moment. */
const DETECT_MS = 5_000;
const ASKING = { doing: "look for container runtimes", deadlineMs: DETECT_MS };

/** Asks all candidates at once. A place where nothing listens is not told of, and one of two names is told once. */
export async function detectRuntimes(
  ctx: Pick<Ctx, "signal">,
  inputs: EndpointInputs,
  known: KnownRuntimes = new Map(),
): Promise<Detection> {
  const { endpoints: all, unusable } = candidateEndpoints(inputs);
  const endpoints = await withoutAliases(all);
  const answers = await Promise.all(endpoints.map((endpoint) => ask(ctx, endpoint, known)));
  ctx.signal.throwIfAborted();
  const detection: Detection = { found: [], refused: [], unusable };
  for (const [index, answer] of answers.entries()) {
    const endpoint = endpoints[index] as Endpoint;
    if (!(answer instanceof Error)) detection.found.push(answer);
    else if (answer.code !== "missing-dependency") detection.refused.push({ endpoint, error: answer });
  }
  return detection;
}

/** A socket often has a second name, by a link to it or to its directory. */
async function withoutAliases(endpoints: readonly Endpoint[]): Promise<Endpoint[]> {
  const places = new Map<string, Endpoint>();
  for (const endpoint of endpoints) {
    const where = whereOf(endpoint);
    const place = await realpath(where).catch(() => where);
    if (!places.has(place)) places.set(place, endpoint);
  }
  return [...places.values()];
}

type Version = {
  Version?: string;
  Os?: string;
  Arch?: string;
  Components?: { Name?: string }[] | null;
};

async function ask(
  ctx: Pick<Ctx, "signal">,
  endpoint: Endpoint,
  known: KnownRuntimes,
): Promise<FoundRuntime | EngineError> {
  try {
    const greeting = await new RuntimeApi(endpoint).greeting(ctx, ASKING);
    const before = known.get(whereOf(endpoint));
    if (before && greeting !== "" && before.greeting === greeting)
      return { ...before.found, endpoint: { ...endpoint, runtime: before.found.endpoint.runtime } };
    const found = await askVersion(ctx, endpoint);
    known.set(whereOf(endpoint), { greeting, found });
    return found;
  } catch (error) {
    return toEngineError(error);
  }
}

async function askVersion(ctx: Pick<Ctx, "signal">, endpoint: Endpoint): Promise<FoundRuntime> {
  const answer = await new RuntimeApi(endpoint).json<Version | undefined>(ctx, "GET", "/version", ASKING);
  const podman = answer?.Components?.some(({ Name }) => /podman/i.test(Name ?? "")) ?? false;
  return {
    endpoint: { ...endpoint, runtime: podman ? "podman" : "docker" },
    version: answer?.Version ?? "unknown",
    os: answer?.Os ?? "linux",
    arch: answer?.Arch ?? "unknown",
  };
}
