/** The compose of each runtime: a program of its own, which speaks with the same runtime as we do. */
import path from "node:path";
import type { Readable } from "node:stream";
import type { ComposeProject, ComposeRun } from "../../../api/compose.ts";
import { withDeadline } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";
import { run, startChild, which } from "../../../base/run.ts";
import type { Ctx } from "../../ctx.ts";
import type { Print } from "../../printed.ts";
import type { Compose } from "../compose.ts";
import type { RuntimeApi } from "./api.ts";
import { composeArgv, composeProjects } from "./compose-projects.ts";
import { hostOf, RUNTIME_NAMES, type Runtime } from "./endpoints.ts";
import type { Listed } from "./foreign.ts";

type Signal = Pick<Ctx, "signal">;

/** Best first. What is a word of the runtime's own command may be there or not. */
const PROGRAMS: Record<Runtime, readonly (readonly string[])[]> = {
  docker: [["docker", "compose"], ["docker-compose"]],
  podman: [["podman", "compose"], ["podman-compose"], ["docker-compose"]],
  vm: [],
};
const HINTS: Record<Runtime, string> = {
  docker: "Install its compose; on Debian and Ubuntu: sudo apt install docker-compose",
  podman: "Install podman-compose; on Debian and Ubuntu: sudo apt install podman-compose",
  vm: "Compose works with a Docker or Podman of this host; on Debian and Ubuntu: sudo apt install podman-compose",
};

const PROBE_MS = 20_000;

export class OciCompose implements Compose {
  readonly #runtimes: (ctx: Signal) => Promise<RuntimeApi[]>;

  /** `runtimes`: those that answer, best first. Rejects where none does. */
  constructor(runtimes: (ctx: Signal) => Promise<RuntimeApi[]>) {
    this.#runtimes = runtimes;
  }

  async list(ctx: Signal, where: Pick<ComposeRun, "runtime"> = {}): Promise<ComposeProject[]> {
    const apis = await this.#of(ctx, where);
    return (await Promise.all(apis.map((api) => projectsOf(ctx, api)))).flat();
  }

  async run(ctx: Ctx, request: ComposeRun, print: Print): Promise<void> {
    const { api, directory, ...wanted } = await this.#place(ctx, request);
    const env = { ...request.env, ...environmentOf(api) };
    const program = await composeOf(ctx, api.endpoint.runtime, env);
    const argv = composeArgv(program, wanted);
    ctx.log.debug("compose is run", { argv, directory });
    const last = await printing(argv, { signal: ctx.signal, cwd: directory, env }, print);
    if (last === undefined) return;
    const doing = `bring ${wanted.project ?? directory} ${request.verb}`;
    throw new EngineError("driver-failed", `cannot ${doing}: ${program.join(" ")} ${last}`);
  }

  /** Where it is, from what files and in which directory; what nobody has said is known of its containers. */
  async #place(ctx: Signal, request: ComposeRun) {
    const { verb, project, directory, files } = request;
    const apis = await this.#of(ctx, request);
    const [first] = apis;
    if (!first) throw noCompose(request.runtime ?? "docker", "does not run here");
    const there = project === undefined ? undefined : await findProject(ctx, apis, project);
    const api = there?.api ?? first;
    if (files || directory) {
      const place = directory ?? path.dirname(files?.[0] ?? "/");
      return { api, verb, project, directory: place, ...(files ? { files } : {}) };
    }
    if (there?.directory) return { api, verb, project, directory: there.directory, files: there.files };
    const reason = there ? "its containers do not tell where its files are" : "there is no such project";
    throw new EngineError("not-found", `cannot bring ${project ?? "a compose project"} ${verb}: ${reason}`, {
      hint: "Name its directory or its files.",
    });
  }

  async #of(ctx: Signal, { runtime }: Pick<ComposeRun, "runtime">): Promise<RuntimeApi[]> {
    const all = await this.#runtimes(ctx);
    return all.filter(({ endpoint }) => runtime === undefined || endpoint.runtime === runtime);
  }
}

async function projectsOf(ctx: Signal, api: RuntimeApi): Promise<ComposeProject[]> {
  const options = { doing: "list compose projects", query: { all: "true" } };
  return composeProjects(
    api.endpoint.runtime,
    await api.json<Listed[]>(ctx, "GET", "/containers/json", options),
  );
}

async function findProject(ctx: Signal, apis: readonly RuntimeApi[], wanted: string) {
  for (const api of apis) {
    const found = (await projectsOf(ctx, api)).find(({ name }) => name === wanted);
    if (found) return { ...found, api };
  }
  return undefined;
}

/** Leads whatever is run to this runtime, whichever one it would choose. */
function environmentOf({ endpoint }: RuntimeApi): Record<string, string> {
  const host = hostOf(endpoint);
  return { DOCKER_HOST: host, ...(endpoint.runtime === "podman" ? { CONTAINER_HOST: host } : {}) };
}

/** The first that is installed. */
async function composeOf(
  ctx: Signal,
  runtime: Runtime,
  env: Record<string, string>,
): Promise<readonly string[]> {
  for (const program of PROGRAMS[runtime]) {
    const [name = "", ...words] = program;
    if ((await which(name)) && (words.length === 0 || (await answers(ctx, program, env)))) return program;
  }
  throw noCompose(runtime, "has no compose here");
}

async function answers(ctx: Signal, program: readonly string[], env: Record<string, string>) {
  const deadline = withDeadline(PROBE_MS, ctx.signal);
  try {
    await run([...program, "version"], { signal: deadline.signal, env });
    return true;
  } catch {
    ctx.signal.throwIfAborted();
    return false;
  } finally {
    deadline.done();
  }
}

function noCompose(runtime: Runtime, reason: string): EngineError {
  return new EngineError("missing-dependency", `cannot use compose: ${RUNTIME_NAMES[runtime]} ${reason}`, {
    hint: HINTS[runtime],
  });
}

/** Resolves when it has ended: with how, where that was not well. */
async function printing(
  argv: readonly string[],
  options: { signal: AbortSignal; cwd: string; env: Record<string, string> },
  print: Print,
): Promise<string | undefined> {
  options.signal.throwIfAborted();
  const child = startChild(argv, options);
  child.stdin.end();
  let last = "";
  const copy = async (stream: Readable) => {
    for await (const text of stream.setEncoding("utf8") as AsyncIterable<string>) {
      last = text.trim().split("\n").at(-1) || last;
      await print(text);
    }
  };
  const copied = Promise.all([copy(child.stdout), copy(child.stderr)]);
  copied.catch(() => {}); // Its reader has left; that ends it, too.
  const { code, signal } = await child.exited;
  options.signal.throwIfAborted();
  await copied;
  if (code === 0) return undefined;
  return `${signal ? `was ended by ${signal}` : `ended with code ${code}`}${last && `: ${last}`}`;
}
