/**
 * Images on their way between a runtime and registries: with the user's own logins, again where the connection was at
 * fault, and never another than was named.
 */

import type { Arch } from "../../../api/instance.ts";
import type { Progress } from "../../../api/operation.ts";
import { sleep } from "../../../base/async.ts";
import { EngineError, messageOf } from "../../../base/errors.ts";
import type { Secret } from "../../../base/secret.ts";
import type { Ctx } from "../../ctx.ts";
import type { RequestMore, RuntimeApi } from "./api.ts";
import { encodeHeader, findLogin, type Login, loginHeader } from "./credentials.ts";
import { inspectImage } from "./images.ts";
import { formatImageReference, type ImageReference, parseImageReference } from "./reference.ts";
import { eventsIn, LayerProgress, type RegistryReason, registryError } from "./registry-events.ts";

export type PullOptions = {
  arch?: Arch | undefined;
  /** Where logins may be kept, best first. */
  loginFiles: readonly string[];
};

/** A runtime tries each layer again by itself; this is for what it gave up. It goes on with the layers that it has. */
const ATTEMPTS = 2;
const AGAIN_MS = 1_000;

/**
 * Rejects with `not-found`, `unauthenticated`, `not-supported`, `no-resources`, or `download-failed` with a RegistryReason;
 * progress has the layers as its parts.
 */
export async function pullImage(
  ctx: Ctx,
  api: RuntimeApi,
  text: string,
  options: PullOptions,
): Promise<void> {
  const reference = parseImageReference(text);
  const name = formatImageReference(reference);
  const headers = loginHeader(await loginFor(ctx, api, reference, options.loginFiles));
  const query = { fromImage: name, platform: options.arch && platformOf(options.arch) };
  for (let attempt = 1; ; attempt += 1) {
    try {
      await follow(ctx, api, {
        doing: `pull ${name}`,
        path: "/images/create",
        query,
        headers,
        phase: "download",
      });
      break;
    } catch (error) {
      ctx.signal.throwIfAborted();
      if (attempt === ATTEMPTS || reasonOf(error) !== "connection") throw error;
      ctx.log.warn("a pull failed and is tried again", { reference: text, reason: messageOf(error) });
      await sleep(AGAIN_MS, ctx.signal);
    }
  }
  await checkDigest(ctx, api, reference);
}

/** Sends an image to the registry that its reference names; without a domain, to the runtime's default one. */
export async function pushImage(
  ctx: Ctx,
  api: RuntimeApi,
  text: string,
  files: readonly string[],
): Promise<void> {
  const reference = parseImageReference(text);
  const name = formatImageReference(reference);
  const login = await loginFor(ctx, api, reference, files);
  // Docker wants the header of those without a login, too.
  const headers = login ? loginHeader(login) : { "x-registry-auth": encodeHeader({}) };
  await follow(ctx, api, { doing: `push ${name}`, path: `/images/${name}/push`, headers, phase: "upload" });
}

type Exchange = RequestMore & { doing: string; path: string; phase: "download" | "upload" };

/** Until the runtime has done it. What fails has the registry's meaning, wherever the runtime has told it. */
async function follow(ctx: Ctx, api: RuntimeApi, { path, phase, ...more }: Exchange): Promise<void> {
  const { doing } = more;
  ctx.progress({ phase });
  const progress = new LayerProgress(phase);
  const tell = (told: Progress | undefined) => told && ctx.progress(told);
  const answer = await api.stream(ctx, "POST", path, more).catch((error: unknown) => {
    throw explained(doing, error);
  });
  try {
    for await (const event of eventsIn(answer)) {
      if (event.error !== undefined) throw registryError(doing, event.error);
      tell(progress.take(event));
    }
    tell(progress.finish());
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw error instanceof EngineError ? error : registryError(doing, messageOf(error), error);
  } finally {
    answer.destroy();
  }
}

/** What the runtime itself refuses has the same words as what it tells in its stream. */
function explained(doing: string, error: unknown): unknown {
  if (!(error instanceof EngineError) || error.details?.["status"] === undefined) return error;
  return registryError(doing, error.message.replace(/^cannot .*? says: /s, ""), error);
}

function reasonOf(error: unknown): RegistryReason | undefined {
  return error instanceof EngineError ? (error.details?.["reason"] as RegistryReason | undefined) : undefined;
}

export function platformOf(arch: Arch): string {
  return arch === "aarch64" ? "linux/arm64" : "linux/amd64";
}

/** Podman's service reads its user's logins by itself where no registry is named. */
export async function loginFor(
  ctx: Pick<Ctx, "signal">,
  api: RuntimeApi,
  reference: Pick<ImageReference, "domain" | "path">,
  files: readonly string[],
): Promise<Secret<Login> | undefined> {
  const registry = reference.domain ?? (await defaultRegistry(ctx, api));
  return registry ? findLogin(ctx, files, { registry, repository: reference.path }) : undefined;
}

async function defaultRegistry(ctx: Pick<Ctx, "signal">, api: RuntimeApi): Promise<string | undefined> {
  const info = await api.json<{ IndexServerAddress?: string }>(ctx, "GET", "/info", {
    doing: "look at the runtime",
  });
  return info.IndexServerAddress;
}

/** The runtime has checked every byte; this looks that it is what was named. */
async function checkDigest(ctx: Ctx, api: RuntimeApi, reference: ImageReference): Promise<void> {
  if (reference.digest === undefined) return;
  const name = formatImageReference(reference);
  const { digests } = await inspectImage(ctx, api, name);
  if (digests.includes(reference.digest)) return;
  throw registryError(`pull ${name}`, `digest mismatch: it has ${digests.join(", ") || "none"}`);
}
