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

export type Detection = {
  /** Best first. */
  found: FoundRuntime[];
  /** What is there and does not answer us, such as a socket that this user may not open. */
  refused: { endpoint: Endpoint; error: EngineError }[];
  unusable: Unusable[];
};

/** A runtime on this host answers at once; one that was asked to wake up may take a moment. */
const DETECT_MS = 5_000;

/** Asks all candidates at once. A place where nothing listens is not told of, and one of two names is told once. */
export async function detectRuntimes(ctx: Pick<Ctx, "signal">, inputs: EndpointInputs): Promise<Detection> {
  const { endpoints: all, unusable } = candidateEndpoints(inputs);
  const endpoints = await withoutAliases(all);
  const answers = await Promise.all(endpoints.map((endpoint) => askVersion(ctx, endpoint)));
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

async function askVersion(ctx: Pick<Ctx, "signal">, endpoint: Endpoint): Promise<FoundRuntime | EngineError> {
  try {
    const answer = await new RuntimeApi(endpoint).json<Version | undefined>(ctx, "GET", "/version", {
      doing: "look for container runtimes",
      deadlineMs: DETECT_MS,
    });
    const podman = answer?.Components?.some(({ Name }) => /podman/i.test(Name ?? "")) ?? false;
    return {
      endpoint: { ...endpoint, runtime: podman ? "podman" : "docker" },
      version: answer?.Version ?? "unknown",
      os: answer?.Os ?? "linux",
      arch: answer?.Arch ?? "unknown",
    };
  } catch (error) {
    return toEngineError(error);
  }
}
