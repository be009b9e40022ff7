/** What an image says of the containers that are made from it, kept beside their files. Pure, but for the asking. */
import * as z from "zod";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { ImageConfig } from "../trees.ts";
import type { RuntimeApi } from "./api.ts";
import { undefinedWhereAbsent } from "./api-errors.ts";
import type { Inspected } from "./containers.ts";
import { type ContainerInstance, INSTANCE_LABEL } from "./create-body.ts";

const Words = z.array(z.string().max(131_072)).max(1000).nullish();
const Named = z.record(z.string().max(4096), z.unknown()).nullish();

/** As runtimes have it; what else they say there is of a run, and not of an image. */
const Config = z.object({
  ...{ Entrypoint: Words, Cmd: Words, Env: Words, Shell: Words, OnBuild: Words },
  ...{ ExposedPorts: Named, Volumes: Named },
  Labels: z.record(z.string().max(4096), z.string().max(131_072)).nullish(),
  ...{ User: z.string().max(256).nullish(), WorkingDir: z.string().max(4096).nullish() },
  StopSignal: z.string().max(64).nullish(),
  Healthcheck: z.record(z.string(), z.unknown()).nullish(),
});
type Config = z.infer<typeof Config>;

/** What a runtime puts into the environment of a container by itself. */
const OF_A_RUN = ["HOSTNAME", "TERM", "HOME", "container"];
/** What is none, whoever says it. */
const NO_SECRET = "PATH";

/** Of its image; where that is nowhere any more, what the container itself still tells of it. */
export async function configOf(
  ctx: Pick<Ctx, "signal">,
  api: RuntimeApi,
  found: Inspected,
  { name, container }: ContainerInstance,
): Promise<ImageConfig> {
  const doing = `look at the image of ${name}`;
  const image = await api
    .json<{ Config?: unknown }>(ctx, "GET", `/images/${found.Image}/json`, { doing })
    .catch(undefinedWhereAbsent);
  return image ? configOfImage(image.Config ?? {}, container.env) : configOfRun(found.Config, container.env);
}

type Env = ContainerInstance["container"]["env"];

/** Secrets of a container's own come into an image that is made of it, and into no other. Pure. */
export function configOfImage(json: unknown, env: Env = {}): ImageConfig {
  const isOfContainer = INSTANCE_LABEL in (parsed(json).Labels ?? {});
  return cleaned(checkedConfig(json), isOfContainer ? Object.keys(env) : []);
}

/** Its labels are whoever's that made it, and none of an image. Pure. */
export function configOfRun(json: unknown, env: Env = {}): ImageConfig {
  const { Labels: _ofRun, ...config } = checkedConfig(json);
  return cleaned(config, [...Object.keys(env), ...OF_A_RUN]);
}

/** Only what an image may say. Throws `invalid-argument` where that is not what it should be. */
export function checkedConfig(json: unknown): Config {
  return cleaned(parsed(json), []);
}

function parsed(json: unknown): Config {
  const { data, error } = Config.safeParse(json);
  if (data) return data;
  const reason = z.prettifyError(error).replaceAll("\n", " ").slice(0, 1000);
  throw new EngineError("invalid-argument", `cannot use the configuration of an image: ${reason}`);
}

/** Without what says whose a container is, and without these variables; nothing in it is empty. */
function cleaned({ Labels: labels, Env: env, ...rest }: Config, hidden: readonly string[]): Config {
  const kept = Object.entries(labels ?? {}).filter(([name]) => !name.startsWith("berth."));
  const isHidden = (name = "") => name !== NO_SECRET && hidden.includes(name);
  const shown = (env ?? []).filter((line) => !isHidden(line.split("=", 1)[0]));
  const all = { ...rest, Labels: Object.fromEntries(kept), Env: shown };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
