/** Containers in the runtimes of this host that others have made. */
import type { ContainerRuntime } from "../../../api/container.ts";
import type { ForeignContainer } from "../../../api/foreign-container.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import type { Adoption, ForeignContainers, FoundContainer } from "../foreign-containers.ts";
import { adoptionOf, type MadeElsewhere } from "./adoption.ts";
import type { RuntimeApi } from "./api.ts";
import { composeLabel } from "./compose-labels.ts";
import { undefinedWhereAbsent } from "./containers.ts";
import { ENGINE_LABEL, INSTANCE_LABEL } from "./create-body.ts";
import { inspectImage } from "./images.ts";
import { writePlace } from "./place.ts";

type Signal = Pick<Ctx, "signal">;
type Where = { runtime?: ContainerRuntime | undefined };

export type ForeignOptions = {
  /** The runtimes that answer, best first. Rejects where none does. */
  runtimes: (ctx: Signal) => Promise<RuntimeApi[]>;
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
    const { api, found } = await this.#find(ctx, wanted.id, wanted);
    return adoptionOf(found, await inspectImage(ctx, api, found.Image));
  }

  async adopt(ctx: Ctx, instance: DriverInstance): Promise<void> {
    const { adopted = "", runtime } = instance.container ?? {};
    const { api } = await this.#find(ctx, adopted, { runtime, name: instance.name });
    await writePlace(instance, api.endpoint);
  }

  /** Where it is, and how it was made. */
  async #find(
    ctx: Signal,
    id: string,
    { runtime, name }: Where & { name: string },
  ): Promise<{ api: RuntimeApi; found: MadeElsewhere }> {
    const doing = `look at the container ${name}`;
    for (const api of await this.#runtimes(ctx, { runtime })) {
      const found = await api
        .json<MadeElsewhere>(ctx, "GET", `/containers/${id}/json`, { doing })
        .catch(undefinedWhereAbsent);
      if (found) return { api, found };
    }
    throw new EngineError("not-found", `cannot adopt ${name}: there is no such container any more`);
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
