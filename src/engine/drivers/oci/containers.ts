/**
 * The one container of an instance, as its runtime knows it. It is known by its labels, never by its name alone, and
 * what has not our labels is not touched; one that was adopted is known by its id, keeps its name, and is never made anew.
 * A container cannot be changed: another one is made from what the first holds, beneath its name, and the first goes when
 * the other is whole. It bears `.old` at its name's end meanwhile, so that a step which was interrupted is seen and undone.
 */
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import type { UnnamedVolume } from "../trees.ts";
import type { RuntimeApi } from "./api.ts";
import { undefinedWhereAbsent } from "./api-errors.ts";
import {
  type ContainerInstance,
  createBody,
  furtherNetworks,
  INSTANCE_LABEL,
  nameOf,
  privateName,
  SPEC_LABEL,
  specHash,
  withinVm,
} from "./create-body.ts";
import { findImage, type InspectedImage, inspectImage, wholeId } from "./images.ts";
import { baseOf, commit, dropImage } from "./own-images.ts";
import { dropNatNetwork, dropNetwork, makeNetwork } from "./own-networks.ts";
import type { RuntimeWatch } from "./runtime-watch.ts";

type Signal = Pick<Ctx, "signal">;
/** By what an instance's container is known. */
type Known = Pick<DriverInstance, "id" | "name" | "container">;

export type Inspected = {
  Id: string;
  Name: string;
  /** The id of its image. */
  Image: string;
  State: {
    Status: string;
    Running: boolean;
    Paused: boolean;
    Restarting?: boolean;
    OOMKilled: boolean;
    ExitCode: number;
    Error?: string;
    StartedAt: string;
    Health?: { Status?: string } | null;
    /** As older Podmans call it. */
    Healthcheck?: { Status?: string } | null;
  };
  Config: {
    Labels: Record<string, string> | null;
    User?: string;
    WorkingDir?: string;
    /** Its program has a terminal, and so but one output. */
    Tty?: boolean;
    OpenStdin?: boolean;
    /** Seconds that its program is given to end, where whoever made it has said so. */
    StopTimeout?: number;
  };
  Mounts: { Type: string; Name?: string; Destination: string; RW?: boolean }[] | null;
  NetworkSettings: {
    IPAddress?: string;
    Networks?: Record<string, { IPAddress?: string } | null> | null;
  };
  SizeRw?: number;
};

const OLD = ".old";
/** Layers are written, and what they hold may be large. */
const WRITE_MS = 30 * 60_000;
/** A volume's name where nobody has given it one. */
export const ANONYMOUS = /^[0-9a-f]{64}$/;

export class Containers {
  readonly api: RuntimeApi;
  /** What happens to them, whoever does it. */
  readonly watch: RuntimeWatch;
  readonly #engine: string;

  /** `engine`: what says whose its containers are. */
  constructor(api: RuntimeApi, watch: RuntimeWatch, engine: string) {
    this.api = api;
    this.watch = watch;
    this.#engine = engine;
  }

  /** The instance's container; undefined where the runtime has none of it. */
  async find(ctx: Signal, instance: Known): Promise<Inspected | undefined> {
    const all = await this.#all(ctx, instance);
    return all.find((one) => !isOld(one)) ?? all[0];
  }

  /** Undefined where there is none of this id. `name` is the instance's, for messages. */
  async inspect(
    ctx: Signal,
    id: string,
    name: string,
    query: { size?: string } = {},
  ): Promise<Inspected | undefined> {
    const doing = `look at the container of ${name}`;
    return this.api
      .json<Inspected>(ctx, "GET", `/containers/${id}/json`, { doing, query, deadlineMs: WRITE_MS })
      .catch(undefinedWhereAbsent);
  }

  /** As `find`, after what an interrupted change has left is put right. */
  async settled(ctx: Signal, instance: DriverInstance): Promise<Inspected | undefined> {
    if (instance.container?.adopted !== undefined) return this.find(ctx, instance);
    const all = await this.#all(ctx, instance);
    const found = all.find((one) => !isOld(one)) ?? all[0];
    for (const one of all) if (one !== found && isOld(one)) await this.#remove(ctx, one.Id, false);
    if (!found || !isOld(found)) return found;
    await this.#rename(ctx, found, instance, nameOf(instance));
    return { ...found, Name: `/${nameOf(instance)}` };
  }

  /** Makes it where there is none. */
  async make(
    ctx: Signal,
    instance: ContainerInstance,
    image: InspectedImage,
    kept: readonly UnnamedVolume[] = [],
  ): Promise<void> {
    const name = nameOf(instance);
    const doing = `create ${instance.name}`;
    const body = createBody(this.#seen(instance), this.#engine, image, kept);
    const query = { name };
    await makeNetwork(ctx, this.api, instance, this.#engine);
    const made = await this.api
      .json<{ Id: string }>(ctx, "POST", "/containers/create", { doing, query, body, deadlineMs: WRITE_MS })
      .catch((error: unknown) => {
        throw nameTaken(error, instance, name);
      });
    try {
      await this.#connect(ctx, instance, made.Id);
    } catch (error) {
      await this.#remove({ signal: AbortSignal.timeout(WRITE_MS) }, made.Id, true);
      throw error;
    }
  }

  /** The one that the instance asks for: itself where nothing has changed, else another with what it holds. */
  async upToDate(
    ctx: Signal,
    instance: ContainerInstance,
    found: Inspected,
    seen: InspectedImage | undefined,
  ): Promise<Inspected> {
    if (instance.container.adopted !== undefined) return found;
    const image = seen?.id === wholeId(found.Image) ? seen : await inspectImage(ctx, this.api, found.Image);
    if (found.Config.Labels?.[SPEC_LABEL] === specHash(this.#seen(instance), this.#engine, image)) {
      await this.rename(ctx, instance, found);
      return found;
    }
    const base = baseOf(instance);
    await commit(ctx, this.api, found.Id, base, instance.name);
    return this.remake(ctx, instance, found, await inspectImage(ctx, this.api, base));
  }

  /** Makes it from that image, in the place of the one that there is. Volumes stay; `kept`: those without a name that it sees. */
  async remake(
    ctx: Signal,
    instance: ContainerInstance,
    found: Inspected | undefined,
    image: InspectedImage,
    kept: readonly UnnamedVolume[] = found ? anonymousVolumes(found) : [],
  ): Promise<Inspected> {
    if (found) await this.#rename(ctx, found, instance, `${nameOf(instance)}${OLD}`);
    try {
      await this.make(ctx, instance, image, kept);
    } catch (error) {
      const undo = { signal: AbortSignal.timeout(WRITE_MS) };
      if (found) await this.#rename(undo, found, instance, nameOf(instance));
      throw error;
    }
    const made = await this.settled(ctx, instance);
    if (found) await this.dropUnused(ctx, instance, found.Image, image.id);
    if (made) return made;
    throw goneError(instance.name);
  }

  /** The image that it stood on, where that was made of itself and nothing names it any more; `now`: what it stands on. */
  async dropUnused(ctx: Signal, instance: ContainerInstance, id: string, now: string): Promise<void> {
    if (id === now || id === instance.container.image.id) return;
    const image = await findImage(ctx, this.api, id);
    if (image?.references.length === 0) await dropImage(ctx, this.api, id);
  }

  /** Beneath the name that the instance has now. */
  async rename(ctx: Signal, instance: DriverInstance, found: Inspected): Promise<void> {
    if (instance.container?.adopted !== undefined) return;
    if (found.Name.replace(/^\//, "") !== nameOf(instance))
      await this.#rename(ctx, found, instance, nameOf(instance));
  }

  /** Ends and removes it, its volumes without a name, and its images. No effect where there is nothing. */
  async delete(ctx: Signal, instance: DriverInstance): Promise<void> {
    for (const found of await this.#all(ctx, instance)) {
      await this.#remove(ctx, found.Id, true);
      for (const { name } of anonymousVolumes(found)) await this.removeVolume(ctx, instance, name);
    }
    await dropNatNetwork(ctx, this.api, instance.id, this.#engine);
  }

  /** Removes what was made for a private network; no effect where it has none here. */
  dropNetwork(ctx: Signal, network: string): Promise<void> {
    return dropNetwork(ctx, this.api, privateName(network, this.#engine), this.#engine);
  }

  /** No effect where there is none. */
  async removeVolume(ctx: Signal, { name: instance }: Known, name: string): Promise<void> {
    const doing = `delete a volume of ${instance}`;
    await this.api.json(ctx, "DELETE", `/volumes/${name}`, { doing }).catch(undefinedWhereAbsent);
  }

  /** As its runtime is told of it. */
  #seen(instance: ContainerInstance): ContainerInstance {
    return this.api.connect ? withinVm(instance) : instance;
  }

  /** One, or two where a change was interrupted. */
  async #all(ctx: Signal, { id, name, container }: Known): Promise<Inspected[]> {
    if (container?.adopted !== undefined) {
      const adopted = await this.inspect(ctx, container.adopted, name);
      return adopted ? [adopted] : [];
    }
    const filters = JSON.stringify({ label: [`${INSTANCE_LABEL}=${id}`] });
    const listed = await this.api.json<{ Id: string }[]>(ctx, "GET", "/containers/json", {
      doing: `look for the container of ${name}`,
      query: { all: "true", filters },
    });
    const found = await Promise.all(listed.map(({ Id }) => this.inspect(ctx, Id, name)));
    return found.filter((one) => one !== undefined);
  }

  async #remove(ctx: Signal, id: string, withVolumes: boolean): Promise<void> {
    const query = { force: "true", v: String(withVolumes) };
    const options = { doing: "delete a container", query, deadlineMs: WRITE_MS };
    await this.api.json(ctx, "DELETE", `/containers/${id}`, options).catch(undefinedWhereAbsent);
  }

  async #rename(ctx: Signal, { Id: id }: Inspected, instance: DriverInstance, name: string): Promise<void> {
    const doing = `rename the container of ${instance.name}`;
    await this.api.json(ctx, "POST", `/containers/${id}/rename`, { doing, query: { name } });
  }

  async #connect(ctx: Signal, instance: ContainerInstance, id: string): Promise<void> {
    for (const network of furtherNetworks(instance))
      await this.api.json(ctx, "POST", `/networks/${encodeURIComponent(network)}/connect`, {
        doing: `connect ${instance.name} to the network ${network}`,
        body: { Container: id },
      });
  }
}

/** Podman says of what it is but asked to end that it is stopping, and runs no more, though it does. */
export function isUp({ State }: Pick<Inspected, "State">): boolean {
  return State.Running || State.Paused || State.Restarting === true || State.Status === "stopping";
}

export function isOld({ Name }: Inspected): boolean {
  return Name.endsWith(OLD);
}

/** What nobody has named: the runtime made it because the image asked for it. */
export function anonymousVolumes({ Mounts }: Inspected): UnnamedVolume[] {
  return (Mounts ?? []).flatMap(({ Type, Name, Destination }) =>
    Type === "volume" && Name !== undefined && ANONYMOUS.test(Name)
      ? [{ name: Name, target: Destination }]
      : [],
  );
}

export function goneError(name: string, verb = "start"): EngineError {
  return new EngineError("not-found", `cannot ${verb} ${name}: its container was removed outside of Berth`, {
    hint: `Restore a snapshot of it, or delete it: berth delete ${name}`,
  });
}

function nameTaken(error: unknown, instance: DriverInstance, container: string): unknown {
  if (!(error instanceof EngineError) || !/name/i.test(error.message) || error.code !== "already-exists")
    return error;
  const reason = `another container is called ${container}, and it is not ours`;
  return new EngineError("already-exists", `cannot create ${instance.name}: ${reason}`, {
    hint: "Rename or remove that one, then try again.",
    cause: error,
  });
}
