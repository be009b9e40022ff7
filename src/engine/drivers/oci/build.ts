/** Builds an image from a Dockerfile or Containerfile and the directory around it. */
import type { ContainerBuild } from "../../../api/container-image.ts";
import { EngineError, toEngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { Print } from "../../printed.ts";
import type { RuntimeApi } from "./api.ts";
import { type BuildContext, openContext } from "./build-context.ts";
import { encodeHeader, type Login } from "./credentials.ts";
import { inspectImage } from "./images.ts";
import { formatImageReference, parseImageReference } from "./reference.ts";
import { loginFor, platformOf } from "./registry.ts";
import { eventsIn } from "./registry-events.ts";

export type BuildRequest = Omit<ContainerBuild, "runtime"> & { loginFiles: readonly string[] };

/** Resolves with the image's id. What the build prints goes to `output` as it comes; cancelling ends it in the runtime. */
export async function buildContainerImage(
  ctx: Ctx,
  api: RuntimeApi,
  request: BuildRequest,
  output: Print,
): Promise<string> {
  const doing = `build ${request.directory}`;
  const tags = request.tags.map((tag) => formatImageReference(parseImageReference(tag)));
  const context = await openContext(ctx, request.directory, request.file);
  try {
    const logins = await loginsFor(ctx, api, context, request.loginFiles);
    const path = `/build?${queryOf(request, context, tags)}`;
    const answer = await api.stream(ctx, "POST", path, { doing, body: context.tar, headers: logins });
    const built = await follow(answer, doing, output);
    if (built === undefined && tags[0] === undefined)
      throw new EngineError("driver-failed", `cannot ${doing}: it ended without an image`);
    return (await inspectImage(ctx, api, built ?? tags[0] ?? "")).id;
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw toEngineError(error, doing);
  } finally {
    context.tar.destroy();
  }
}

function queryOf(
  request: BuildRequest,
  { dockerfile }: BuildContext,
  tags: readonly string[],
): URLSearchParams {
  const query = new URLSearchParams({ dockerfile, rm: "true", forcerm: "true" });
  for (const tag of tags) query.append("t", tag);
  if (request.arguments) query.set("buildargs", JSON.stringify(request.arguments));
  if (request.target !== undefined) query.set("target", request.target);
  if (request.noCache) query.set("nocache", "true");
  if (request.pull) query.set("pull", "true");
  if (request.arch) query.set("platform", platformOf(request.arch));
  return query;
}

/** Passes on what a build prints. The last id that it tells is the image's. */
async function follow(
  answer: Awaited<ReturnType<RuntimeApi["stream"]>>,
  doing: string,
  output: Print,
): Promise<string | undefined> {
  let id: string | undefined;
  try {
    for await (const event of eventsIn(answer)) {
      if (event.error !== undefined)
        throw new EngineError("driver-failed", `cannot ${doing}: ${event.error.trim().slice(0, 1000)}`, {
          hint: "What it printed before says more.",
        });
      if (event.stream !== undefined) await output(event.stream);
      else if (event.status !== undefined && event.progressDetail?.current === undefined)
        await output(`${event.id === undefined ? "" : `${event.id}: `}${event.status}\n`);
      id = event.aux?.ID ?? id;
    }
  } finally {
    answer.destroy();
  }
  return id;
}

/** The user's logins for the registries that the instructions name. */
async function loginsFor(
  ctx: Ctx,
  api: RuntimeApi,
  { instructions }: BuildContext,
  files: readonly string[],
): Promise<Record<string, string>> {
  const logins: Record<string, Login> = {};
  for (const text of basesIn(instructions)) {
    const { domain, path } = parseImageReference(text);
    const login = domain === undefined ? undefined : await loginFor(ctx, api, { domain, path }, files);
    if (domain !== undefined && login) logins[domain] = login.reveal();
  }
  if (Object.keys(logins).length === 0) return {};
  return { "x-registry-config": encodeHeader(logins) };
}

/** The images that a build file stands on and copies from, without earlier stages and what an argument names. Pure. */
export function basesIn(instructions: string): string[] {
  const stages = new Set<string>(["scratch"]);
  const bases: string[] = [];
  for (const line of instructions.replaceAll(/\\\r?\n/g, " ").split("\n")) {
    const from = /^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/i.exec(line);
    const copied = /^\s*COPY\s+(?:--\S+\s+)*--from=(\S+)/i.exec(line)?.[1];
    const base = from?.[1] ?? copied;
    if (base !== undefined && !stages.has(base.toLowerCase()) && isReference(base)) bases.push(base);
    if (from?.[2] !== undefined) stages.add(from[2].toLowerCase());
  }
  return [...new Set(bases)];
}

function isReference(text: string): boolean {
  try {
    parseImageReference(text);
    return !/^\d+$/.test(text); // The number of a stage.
  } catch {
    return false;
  }
}
