/** The images of containers in the runtimes of this host: found, brought, listed and removed. */
import type { Readable } from "node:stream";
import type { ContainerImage, ContainerRuntime, ContainerShape } from "../../../api/container.ts";
import type { ContainerBuild } from "../../../api/container-image.ts";
import type { Arch } from "../../../api/instance.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { Print } from "../../printed.ts";
import type { ContainerStore, StoredImage } from "../container-store.ts";
import type { ContainerImages } from "../driver.ts";
import type { RuntimeApi } from "./api.ts";
import { loadArchive, saveArchive } from "./archives.ts";
import { buildContainerImage } from "./build.ts";
import { loginFiles } from "./host.ts";
import {
  ARCHES,
  findImage,
  type InspectedImage,
  inspectImage,
  type ListedImage,
  listImages,
  prunable,
  removeImage,
  shapeOf,
} from "./images.ts";
import { importImage } from "./import.ts";
import { Ledger } from "./ledger.ts";
import { formatImageReference, isImageId, parseImageReference } from "./reference.ts";
import { pullImage, pushImage } from "./registry.ts";

export type LibraryOptions = {
  /** The runtimes that answer, best first. Rejects where there is none that could. */
  runtimes: (ctx: Pick<Ctx, "signal">) => Promise<RuntimeApi[]>;
  /** The one for new work; it answers from now on. */
  choose: (ctx: Ctx, runtime: ContainerRuntime | undefined) => Promise<RuntimeApi>;
  /** After layers were written to it. */
  flush: (ctx: Ctx, api: RuntimeApi) => Promise<void>;
  /** Where containers are made unless told otherwise; undefined where it is the first that answers. */
  preferred?: (() => ContainerRuntime | undefined) | undefined;
  /** The file that tells which images we have brought. */
  ledger: string;
  /** Where logins at registries are kept; the user's own when left out. */
  loginFiles?: (runtime: ContainerRuntime) => readonly string[];
};

type Where = { runtime?: ContainerRuntime | undefined };
type Wanted = Where & { arch?: Arch | undefined; shape?: ContainerShape | undefined };

export class ContainerLibrary implements ContainerImages, ContainerStore {
  readonly #options: LibraryOptions;
  readonly #ledger: Ledger;

  constructor(options: LibraryOptions) {
    this.#options = options;
    this.#ledger = new Ledger(options.ledger);
  }

  /** What is there is taken as it is; a tag may mean something newer at its registry, which `pull` asks for. */
  async resolve(ctx: Ctx, reference: string, wanted: Wanted = {}): Promise<ContainerImage> {
    const name = nameOf(reference);
    const api = await this.#holding(ctx, name, wanted.runtime ?? this.#options.preferred?.());
    const found = await findImage(ctx, api, name);
    const fits = found && (wanted.arch === undefined || isFor(found, wanted.arch));
    if (fits) return described(api, reference, found, wanted.shape);
    return this.#bring(ctx, api, reference, wanted);
  }

  /** Asks the registry, whatever is there. */
  async pull(ctx: Ctx, reference: string, wanted: Wanted = {}): Promise<ContainerImage> {
    return this.#bring(ctx, await this.#options.choose(ctx, wanted.runtime), reference, wanted);
  }

  async push(ctx: Ctx, reference: string, { runtime }: Where = {}): Promise<void> {
    const name = nameOf(reference);
    const api = await this.#holding(ctx, name, runtime);
    await inspectImage(ctx, api, name); // What is not there is told before a registry is asked.
    await pushImage(ctx, api, name, this.#loginFiles(api));
  }

  async list(ctx: Pick<Ctx, "signal">, { runtime }: Where = {}): Promise<StoredImage[]> {
    const lists = (await this.#runtimes(ctx, runtime)).map(async (api) => {
      const { runtime } = api.endpoint;
      const ours = await this.#ledger.idsOf(runtime);
      const images = await listImages(ctx, api);
      return images.map((image) => ({ ...image, runtime, ours: ours.has(image.id) }));
    });
    return (await Promise.all(lists)).flat();
  }

  /** Of the first runtime that has it. */
  async remove(ctx: Ctx, reference: string, { runtime }: Where = {}): Promise<void> {
    const name = nameOf(reference);
    const api = await this.#holding(ctx, name, runtime);
    const { id } = await inspectImage(ctx, api, name);
    await removeImage(ctx, api, name);
    if (!(await findImage(ctx, api, id))) await this.#ledger.drop(api.endpoint.runtime, [id]);
  }

  /** See `prunable`. One that is needed meanwhile stays, and the others go nevertheless. */
  async prune(
    ctx: Ctx,
    options: Where & { needed: ReadonlySet<string>; foreign: boolean },
  ): Promise<{ removed: string[]; freedBytes: number }> {
    const removed: StoredImage[] = [];
    for (const api of await this.#runtimes(ctx, options.runtime)) {
      const { runtime } = api.endpoint;
      const images = await this.list(ctx, { runtime });
      const ours = new Set(images.filter((image) => image.ours).map(({ id }) => id));
      for (const image of prunable(images, { ...options, ours: (id) => ours.has(id) }))
        if (await this.#removeWhole(ctx, api, image)) removed.push({ ...image, runtime, ours: true });
    }
    return {
      removed: removed.map(({ references, id }) => references[0] ?? id),
      freedBytes: removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    };
  }

  /** Resolves with its id. */
  async build(ctx: Ctx, request: ContainerBuild, output: Print): Promise<string> {
    const api = await this.#options.choose(ctx, request.runtime);
    const id = await buildContainerImage(ctx, api, { ...request, loginFiles: this.#loginFiles(api) }, output);
    await this.#options.flush(ctx, api);
    await this.#ledger.add(api.endpoint.runtime, id);
    return id;
  }

  /** Resolves with what the archive held, as references or ids. */
  async load(ctx: Ctx, file: string, { runtime }: Where = {}): Promise<string[]> {
    const api = await this.#options.choose(ctx, runtime);
    const loaded = await loadArchive(ctx, api, file);
    await this.#options.flush(ctx, api);
    for (const name of loaded)
      await this.#ledger.add(api.endpoint.runtime, (await inspectImage(ctx, api, name)).id);
    return loaded;
  }

  async import(ctx: Ctx, tar: Readable, reference: string, { runtime }: Where = {}): Promise<string> {
    try {
      const api = await this.#options.choose(ctx, runtime);
      const id = await importImage(ctx, api, tar, reference);
      await this.#options.flush(ctx, api);
      await this.#ledger.add(api.endpoint.runtime, id);
      return id;
    } finally {
      tar.destroy();
    }
  }

  async save(ctx: Ctx, reference: string, file: string, { runtime }: Where = {}): Promise<void> {
    const name = nameOf(reference);
    await saveArchive(ctx, await this.#holding(ctx, name, runtime), name, file);
  }

  async #bring(ctx: Ctx, api: RuntimeApi, reference: string, wanted: Wanted): Promise<ContainerImage> {
    const name = nameOf(reference);
    if (isImageId(name))
      throw new EngineError("not-found", `cannot use image ${name}: there is none of this id`, {
        hint: "`berth images` shows those that are there.",
      });
    const before = await findImage(ctx, api, name);
    await pullImage(ctx, api, name, { arch: wanted.arch, loginFiles: this.#loginFiles(api) });
    await this.#options.flush(ctx, api);
    const pulled = await inspectImage(ctx, api, name);
    if (before?.id !== pulled.id) await this.#ledger.add(api.endpoint.runtime, pulled.id);
    return described(api, reference, pulled, wanted.shape);
  }

  /** By each of its names, so that no other image loses one. */
  async #removeWhole(ctx: Ctx, api: RuntimeApi, image: ListedImage): Promise<boolean> {
    try {
      for (const name of image.references.length > 0 ? image.references : [image.id])
        await removeImage(ctx, api, name);
    } catch (error) {
      if (!(error instanceof EngineError) || (error.code !== "busy" && error.code !== "not-found"))
        throw error;
      ctx.log.info("an image was not pruned", { image: image.id, error });
      return false;
    }
    await this.#ledger.drop(api.endpoint.runtime, [image.id]);
    return true;
  }

  #loginFiles({ endpoint: { runtime } }: RuntimeApi): readonly string[] {
    return (this.#options.loginFiles ?? loginFiles)(runtime);
  }

  /** The first runtime that has it, else the one for new work. */
  async #holding(ctx: Ctx, name: string, runtime: ContainerRuntime | undefined): Promise<RuntimeApi> {
    const apis = await this.#runtimes(ctx, runtime);
    const [only] = apis;
    if (only && apis.length === 1) return only;
    for (const api of apis) if (await findImage(ctx, api, name)) return api;
    return this.#options.choose(ctx, runtime);
  }

  async #runtimes(ctx: Pick<Ctx, "signal">, runtime: ContainerRuntime | undefined): Promise<RuntimeApi[]> {
    const all = await this.#options.runtimes(ctx);
    return all.filter(({ endpoint }) => runtime === undefined || endpoint.runtime === runtime);
  }
}

function nameOf(reference: string): string {
  return isImageId(reference) ? reference : formatImageReference(parseImageReference(reference));
}

function described(
  { endpoint: { runtime } }: RuntimeApi,
  reference: string,
  image: InspectedImage,
  shape: ContainerShape | undefined,
): ContainerImage {
  const named = isImageId(reference) ? undefined : parseImageReference(reference).digest;
  const digest = named ?? image.digests[0];
  return {
    runtime,
    reference: nameOf(reference),
    id: image.id,
    ...(digest === undefined ? {} : { digest }),
    os: image.os,
    arch: image.arch,
    sizeBytes: image.sizeBytes,
    shape: shape ?? shapeOf(image),
    exposedPorts: image.exposedPorts,
  };
}

/** What names no architecture that we know fits any. */
function isFor({ arch }: InspectedImage, wanted: Arch): boolean {
  return (ARCHES[arch] ?? wanted) === wanted;
}
