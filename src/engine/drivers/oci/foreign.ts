/** Containers in the runtimes of this host that others have made. */
import type { Readable } from "node:stream";
import type { ContainerRuntime } from "../../../api/container.ts";
import type { ForeignContainer } from "../../../api/foreign-container.ts";
import { type Disposable, DisposableStore } from "../../../base/disposable.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance, LogRequest } from "../driver.ts";
import type { Adoption, ForeignContainers, FoundContainer } from "../foreign-containers.ts";
import { adoptionOf, type MadeElsewhere } from "./adoption.ts";
import type { RuntimeApi } from "./api.ts";
import { undefinedWhereAbsent } from "./api-errors.ts";
import { composeLabel } from "./compose-labels.ts";
import { ENGINE_LABEL, INSTANCE_LABEL } from "./create-body.ts";
import { inspectImage } from "./images.ts";
import { logsOf, type Printing } from "./logs.ts";
import { writePlace } from "./place.ts";
import { changesList, type RuntimeWatch } from "./runtime-watch.ts";

type Signal = Pick<Ctx, "signal">;
type Where = { runtime?: ContainerRuntime | undefined };

export type ForeignOptions = {
  /** The runtimes that answer, best first. Rejects where none does. */
  runtimes: (ctx: Signal) => Promise<RuntimeApi[]>;
  /** What tells of that runtime's containers. */
  watchOf: (api: RuntimeApi) => RuntimeWatch;
  /** What says which containers are this engine's. */
  engine: string;
};

export class OciForeignContainers implements ForeignContainers {
  readonly #options: ForeignOptions;

  constructor(options: ForeignOptions) {
    this.#options = options;
  }

  async list(ctx: Signal, where: Where = {}): Promise<FoundContainer[]> {
    const lists = (await this.#runtimes(ctx, where)).map(async (api) => {
      const query = { all: "true" };
      const doing = "list containers";
      const listed = await api.json<Listed[]>(ctx, "GET", "/containers/json", { doing, query });
      return listed.map((one) => foundOf(api.endpoint.runtime, one, this.#options.engine));
    });
    return (await Promise.all(lists)).flat();
  }

  async look(ctx: Signal, wanted: Pick<FoundContainer, "runtime" | "id" | "name">): Promise<Adoption> {
    const { api, found } = await this.#find(ctx, wanted.id, wanted, "adopt");
    return adoptionOf(found, await inspectImage(ctx, api, found.Image));
  }

  watch(told: () => void): Disposable {
    const owned = new DisposableStore();
    const ending = new AbortController();
    owned.defer(() => ending.abort());
    void this.#options.runtimes(ending).then(
      (apis) => {
        if (owned.disposed) return;
        for (const api of apis)
          owned.add(this.#options.watchOf(api).listen((news) => changesList(news) && told()));
      },
      () => {}, // Their list tells why there are none.
    );
    return owned;
  }

  async logs(
    ctx: Signal,
    wanted: Pick<FoundContainer, "runtime" | "id" | "name">,
    request: LogRequest,
  ): Promise<Readable> {
    const { api, found } = await this.#find(ctx, wanted.id, wanted, "read the log of");
    return logsOf(ctx, api, found, wanted.name, request);
  }

  async adopt(ctx: Ctx, instance: DriverInstance): Promise<void> {
    const { adopted = "", runtime } = instance.container ?? {};
    const { api } = await this.#find(ctx, adopted, { runtime, name: instance.name }, "adopt");
    await writePlace(instance, api.endpoint);
  }

  /** Where it is, and how it was made. */
  async #find(
    ctx: Signal,
    id: string,
    { runtime, name }: Where & { name: string },
    verb: string,
  ): Promise<{ api: RuntimeApi; found: MadeElsewhere & Printing }> {
    const doing = `look at the container ${name}`;
    for (const api of await this.#runtimes(ctx, { runtime })) {
      const found = await api
        .json<MadeElsewhere & Printing>(ctx, "GET", `/containers/${id}/json`, { doing })
        .catch(undefinedWhereAbsent);
      if (found) return { api, found };
    }
    throw new EngineError("not-found", `cannot ${verb} ${name}: there is no such container any more`);
  }

  async #runtimes(ctx: Signal, { runtime }: Where): Promise<RuntimeApi[]> {
    const all = await this.#options.runtimes(ctx);
    return all.filter(({ endpoint }) => runtime === undefined || endpoint.runtime === runtime);
  }
}

/** A container as a list of its runtime shows it. */
export type Listed = {
  Id: string;
  Names?: string[] | null;
  Image?: string;
  State?: string;
  Created?: number | string;
  Labels?: Record<string, string> | null;
};

const STATES: Record<string, ForeignContainer["state"]> = {
  running: "running",
  paused: "paused",
  restarting: "restarting",
};

/** Pure. */
export function foundOf(
  runtime: ContainerRuntime,
  { Id, Names, Image, State = "", Created = 0, Labels }: Listed,
  engine?: string,
): FoundContainer {
  const { [INSTANCE_LABEL]: instance, [ENGINE_LABEL]: owner } = Labels ?? {};
  const labelled = Boolean(instance && owner);
  const project = composeLabel(Labels, "project");
  return {
    ...{ runtime, id: Id, name: (Names?.[0] ?? Id.slice(0, 12)).replace(/^\//, ""), image: Image ?? "" },
    state: STATES[State.toLowerCase()] ?? "stopped",
    createdAt: new Date(typeof Created === "number" ? Created * 1000 : Created).toISOString(),
    otherBerth: labelled && owner !== engine,
    ...(project === undefined ? {} : { composeProject: project }),
    ...(labelled && owner === engine ? { instance } : {}),
  };
}
