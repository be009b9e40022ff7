/** What a runtime tells while it pulls, pushes, builds or loads: an object on each line. Pure, but for the reading of lines. */
import type { Readable } from "node:stream";
import type { Progress, ProgressPart } from "../../../api/operation.ts";
import { EngineError, type ErrorCode } from "../../../base/errors.ts";
import { objectsIn } from "./json-lines.ts";

export type RuntimeEvent = {
  status?: string | undefined;
  /** Of a layer. */
  id?: string | undefined;
  progressDetail?: { current?: number | undefined; total?: number | undefined } | undefined;
  /** Of a build: what it prints. */
  stream?: string | undefined;
  /** The image that came of it. */
  aux?: { ID?: string | undefined } | undefined;
  error?: string | undefined;
};

/** What a pull, a build or a load tells while it goes on. */
export function eventsIn(stream: Readable): AsyncGenerator<RuntimeEvent> {
  return objectsIn<RuntimeEvent>(stream);
}

type Layer = { id: string; state: LayerState; done: number; total: number };
type LayerState = ProgressPart["state"];

const STATES: Record<string, LayerState> = {
  "Pulling fs layer": "waiting",
  Waiting: "waiting",
  Downloading: "moving",
  "Verifying Checksum": "moving",
  "Download complete": "moving",
  Extracting: "unpacking",
  "Pull complete": "done",
  "Already exists": "done",
  Preparing: "waiting",
  Pushing: "moving",
  Pushed: "done",
  "Layer already exists": "done",
};

/** Sums up the layers of one image on its way. */
export class LayerProgress {
  readonly #phase: "download" | "upload";
  readonly #layers = new Map<string, Layer>();

  constructor(phase: "download" | "upload" = "download") {
    this.#phase = phase;
  }

  /** What is to be told now; undefined where an event says nothing of a layer. */
  take(event: RuntimeEvent): Progress | undefined {
    const { id, status = "", progressDetail } = event;
    const state = /^Retrying in/.test(status) ? "waiting" : STATES[status];
    if (id === undefined || state === undefined) return undefined;
    const layer = this.#layers.get(id) ?? { id, state, done: 0, total: 0 };
    this.#layers.set(id, layer);
    layer.state = state;
    if (state === "moving" && progressDetail?.current !== undefined) {
      layer.total = Math.max(layer.total, progressDetail.total ?? 0);
      layer.done = progressDetail.current;
    } else if (state !== "waiting") layer.done = layer.total;
    return this.#progress();
  }

  /** When all is there: Podman does not say of a layer that it has been unpacked. Undefined where there was none. */
  finish(): Progress | undefined {
    for (const layer of this.#layers.values()) Object.assign(layer, { state: "done", done: layer.total });
    return this.#layers.size === 0 ? undefined : this.#progress();
  }

  #progress(): Progress {
    const layers = [...this.#layers.values()];
    const done = layers.filter(({ state }) => state === "done").length;
    const total = layers.reduce((sum, layer) => sum + layer.total, 0);
    const known = layers.every(({ total, state }) => total > 0 || state === "done");
    return {
      phase: this.#phase,
      done: layers.reduce((sum, layer) => sum + layer.done, 0),
      ...(known && total > 0 ? { total } : {}),
      message: `${done} of ${layers.length} layers`,
      parts: layers.map(({ id, state, done, total }) => ({
        id,
        state,
        done,
        ...(total > 0 ? { total } : {}),
      })),
    };
  }
}

/** Why a registry or the way to it refused. */
export type RegistryReason = "rate-limited" | "digest-mismatch" | "connection";

type Meaning = { code: ErrorCode; reason?: RegistryReason; hint: string };

/** The first that fits counts: what a runtime says of a refusal often has words of several. */
const MEANINGS: readonly [RegExp, Meaning][] = [
  [
    /toomanyrequests|too many requests|rate limit|\b429\b/i,
    {
      code: "download-failed",
      reason: "rate-limited",
      hint: "The registry limits how much may be asked of it: wait for a while, or sign in, which often allows more.",
    },
  ],
  [
    /digest verification|verification failed|(does|did) not match|digest mismatch|unexpected digest|content digest|invalid (checksum|digest)/i,
    {
      code: "download-failed",
      reason: "digest-mismatch",
      hint: "What came is not what its digest names: the registry or something before it is damaged. Nothing of it was kept.",
    },
  ],
  [
    /pull access denied|may require .*login/i,
    {
      code: "not-found",
      hint: "Check the name. If the image is private, sign in to its registry first: docker login or podman login.",
    },
  ],
  [
    /unauthorized|authentication required|no basic auth|access denied|denied:|incorrect username|invalid username|\b401\b|\b403\b/i,
    {
      code: "unauthenticated",
      hint: "Sign in to its registry: docker login or podman login, with its host.",
    },
  ],
  [
    /no matching manifest|no image found .* for (architecture|platform)|no child with platform/i,
    {
      code: "not-supported",
      hint: "There is no such image for this host's architecture: choose another tag.",
    },
  ],
  [/no space left|disk quota/i, { code: "no-resources", hint: "Free some disk space, then try again." }],
  [
    /manifest unknown|not found|name unknown|does not exist|no such image/i,
    { code: "not-found", hint: "Check its name and tag." },
  ],
  [
    /EOF|connection re(set|fused)|broken pipe|timeout|timed out|no such host|no route|unreachable|TLS handshake|50[0234]\b|unexpected (status|http)/i,
    {
      code: "download-failed",
      reason: "connection",
      hint: "Check the connection to the registry, then try again: layers that have come are kept by the runtime.",
    },
  ],
];

/** What a runtime's words mean when `doing`, such as `pull nginx`, has failed. */
export function registryError(doing: string, words: string, cause?: unknown): EngineError {
  const meaning = MEANINGS.find(([pattern]) => pattern.test(words))?.[1];
  return new EngineError(
    meaning?.code ?? "download-failed",
    `cannot ${doing}: ${words.trim().slice(0, 1000)}`,
    {
      hint: meaning?.hint,
      ...(meaning?.reason ? { details: { reason: meaning.reason } } : {}),
      cause,
    },
  );
}
