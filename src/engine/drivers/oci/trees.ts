/** What containers hold, as tars of their runtime; and containers that are made of such. */
import { existsSync } from "node:fs";
import { Readable } from "node:stream";
import { EngineError, toEngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import type { Consistency } from "../points.ts";
import type { ImageConfig, OpenTrees, TreeSupport, TreeTar, TreeVolume } from "../trees.ts";
import type { RuntimeApi } from "./api.ts";
import { undefinedWhereAbsent } from "./api-errors.ts";
import { loadStream } from "./archives.ts";
import {
  ANONYMOUS,
  anonymousVolumes,
  type Containers,
  goneError,
  type Inspected,
  isUp,
} from "./containers.ts";
import { containerOf } from "./create-body.ts";
import { fillVolumes, putTar } from "./filling.ts";
import { halt, letGo } from "./halting.ts";
import { dropHelper } from "./helper.ts";
import { imageArchive } from "./image-archive.ts";
import { configOf } from "./image-config.ts";
import { inspectImage } from "./images.ts";
import { baseOf } from "./own-images.ts";
import { packedVolume } from "./packing.ts";
import { writePlace } from "./place.ts";

type Signal = Pick<Ctx, "signal">;

/** What a runtime says of a volume that something uses. */
const IN_USE: ReadonlySet<string> = new Set(["wrong-state", "already-exists"]);

/** `containersOf`: those of the runtime that the instance is at, or will be. `flush`: what was written there is on its disk. */
export type TreeParts = {
  containersOf: (ctx: Ctx, instance: DriverInstance) => Promise<Containers>;
  flush: (ctx: Ctx, api: RuntimeApi) => Promise<void>;
};

export function createTrees({ containersOf, flush }: TreeParts): TreeSupport {
  return {
    open: async (ctx, given) => {
      const instance = containerOf(given);
      const containers = await containersOf(ctx, instance);
      const found = await containers.find(ctx, instance);
      if (!found) throw goneError(instance.name, "back up");
      const image = await configOf(ctx, containers.api, found, instance);
      return new ContainerTrees({ containers, instance, log: ctx.log }, found, image);
    },
    volumes: async (ctx, given) => {
      const found = await (await containersOf(ctx, given)).find(ctx, given);
      return found ? volumesOf(found) : [];
    },
    removeVolumes: async (ctx, given, names) => {
      // What was in a VM is gone with that.
      const containers = await containersOf(ctx, given).catch(undefinedWhereAbsent);
      for (const name of containers ? names : [])
        await containers?.removeVolume(ctx, given, name).catch((error: unknown) => {
          if (!(error instanceof EngineError) || !IN_USE.has(error.code)) throw error;
        });
    },
    place: async (ctx, given) => placeOf(ctx, (await containersOf(ctx, given)).api),
    makeImage: async (ctx, given, image) => {
      const { api } = await containersOf(ctx, given);
      await writePlace(given, api.endpoint);
      const reference = baseOf(given);
      await load(ctx, api, imageArchive(image, given.arch, reference), `restore the image of ${given.name}`);
      await flush(ctx, api);
      const { id } = await inspectImage(ctx, api, reference);
      return { id, runtime: api.endpoint.runtime };
    },
    make: async (ctx, given, { volumes, files, takesPlace = false }) => {
      const instance = containerOf(given);
      const containers = await containersOf(ctx, instance);
      const { api } = containers;
      const there = await containers.settled(ctx, instance);
      if (!there || (takesPlace && !seesAny(there, volumes))) {
        await fillVolumes(ctx, api, instance, volumes);
        const image = await inspectImage(ctx, api, instance.container.image.id);
        const targets = new Set(volumes.map(({ target }) => target));
        const others = there ? anonymousVolumes(there).filter(({ target }) => !targets.has(target)) : [];
        const kept = [...volumes.filter(({ isAnonymous }) => isAnonymous), ...others];
        await containers.remake(ctx, instance, there, image, kept);
      }
      const made = files && (await containers.find(ctx, instance));
      if (files && made) {
        const doing = `restore the files of ${given.name}`;
        await putTar(ctx, api, { container: made.Id, path: "/", bytes: files(), doing });
      }
      await flush(ctx, api);
      await dropHelper(ctx, api, instance, "fill", { withVolumes: false });
    },
  };
}

/** One that is spoken with by a socket may be in a VM all the same: then there is no such directory, or another's. */
async function placeOf(ctx: Signal, api: RuntimeApi): Promise<string | undefined> {
  if (!("socketPath" in api.endpoint.address)) return undefined;
  const doing = "look where containers lie";
  const { DockerRootDir: place } = await api.json<{ DockerRootDir?: string }>(ctx, "GET", "/info", { doing });
  return place !== undefined && existsSync(place) ? place : undefined;
}

async function load(
  ctx: Signal,
  api: RuntimeApi,
  archive: AsyncIterable<Uint8Array>,
  doing: string,
): Promise<void> {
  const body = Readable.from(archive, { objectMode: false });
  let failure: unknown;
  body.once("error", (error) => {
    failure = error;
  });
  try {
    await loadStream(ctx, api, body, doing);
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw toEngineError(failure ?? error, doing);
  }
}

class ContainerTrees implements OpenTrees {
  readonly image: ImageConfig;
  readonly isLive: boolean;
  readonly volumes: readonly TreeVolume[];
  readonly #containers: Containers;
  readonly #instance: DriverInstance;
  readonly #log: Ctx["log"];
  /** As it was when reading began that counts. */
  #since: Inspected;

  constructor(
    { containers, instance, log }: { containers: Containers; instance: DriverInstance; log: Ctx["log"] },
    found: Inspected,
    image: ImageConfig,
  ) {
    this.#log = log;
    this.#containers = containers;
    this.#instance = instance;
    this.#since = found;
    this.image = image;
    this.isLive = isUp(found) && !found.State.Paused;
    this.volumes = volumesOf(found);
  }

  async root(ctx: Signal): Promise<TreeTar> {
    const doing = `read the files of ${this.#instance.name}`;
    return { bytes: await this.#stream(ctx, "export", { doing }), hasTop: false };
  }

  async volume(ctx: Signal, { name, target }: TreeVolume): Promise<TreeTar> {
    const doing = `read the volume ${name} of ${this.#instance.name}`;
    const { api } = this.#containers;
    const isOwnerless = api.endpoint.runtime !== "docker";
    const { Image: image } = this.#since;
    const packing = { instance: this.#instance, image, volume: name, target, log: this.#log };
    const packed = isOwnerless ? await packedVolume(ctx, api, packing) : undefined;
    if (packed) return { bytes: packed, hasTop: true };
    const bytes = await this.#stream(ctx, "archive", { doing, query: { path: target } });
    return { bytes, hasTop: true, isOwnerless };
  }

  async halt(ctx: Ctx): Promise<void> {
    const now = await this.#look(ctx);
    // What its user has paused meanwhile stays so.
    if (isUp(now) && !now.State.Paused) await halt(ctx, this.#containers, now, this.#instance);
    this.#since = await this.#look(ctx);
  }

  /** Others may have let it go on, or started it. */
  async consistency(ctx: Signal): Promise<Consistency> {
    const [before, now] = [this.#since, await this.#look(ctx)];
    if (before.State.StartedAt !== now.State.StartedAt) return "live";
    if (!isUp(before) && !isUp(now)) return "offline";
    return before.State.Paused && now.State.Paused ? "paused" : "live";
  }

  async close(ctx: Ctx): Promise<void> {
    await letGo(ctx, this.#containers, this.#instance);
  }

  #stream(
    ctx: Signal,
    what: string,
    options: { doing: string; query?: Record<string, string> },
  ): Promise<Readable> {
    return this.#containers.api.stream(ctx, "GET", `/containers/${this.#since.Id}/${what}`, options);
  }

  async #look(ctx: Signal): Promise<Inspected> {
    const now = await this.#containers.inspect(ctx, this.#since.Id, this.#instance.name);
    if (now) return now;
    const { name } = this.#instance;
    throw new EngineError("not-found", `cannot back up ${name}: its container was removed meanwhile`);
  }
}

/** What an earlier attempt has made sees what that has filled. */
function seesAny({ Mounts }: Inspected, volumes: readonly TreeVolume[]): boolean {
  const names = new Set(volumes.map(({ name }) => name));
  return (Mounts ?? []).some(({ Name }) => Name !== undefined && names.has(Name));
}

/** Directories of this host are not its own. */
function volumesOf({ Mounts }: Inspected): TreeVolume[] {
  return (Mounts ?? []).flatMap(({ Type, Name, Destination }) =>
    Type === "volume" && Name !== undefined
      ? [{ name: Name, target: Destination, isAnonymous: ANONYMOUS.test(Name) }]
      : [],
  );
}
