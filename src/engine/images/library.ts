/** The image library: what can be launched, what is here, and bringing the one to the other. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import type { Settings } from "../../api/engine-info.ts";
import type { CachedImage, ImageEntry } from "../../api/image.ts";
import type { Arch, Problem } from "../../api/instance.ts";
import { KeyedQueue } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import { hostArch, hostPlatform } from "../../base/paths.ts";
import type { Ctx } from "../ctx.ts";
import type { Log } from "../log.ts";
import { SharedWork } from "../shared-work.ts";
import { builtEntry, entryOf, holds, isMeant, latestBuilt, notFound } from "./answers.ts";
import { buildImage } from "./build.ts";
import type { CatalogImage, Checksum } from "./catalog.ts";
import { Catalogs } from "./catalogs.ts";
import { Documents } from "./documents.ts";
import { DOWNLOAD_LIMITS, type DownloadLimits } from "./download.ts";
import {
  fetchImage,
  fileStamp,
  importFile,
  isUnchanged,
  partKey,
  requiredChecksum,
  unlistedImage,
} from "./fetching.ts";
import type { Fetch } from "./http.ts";
import type { Images, ImageUsers, ReadyImage } from "./images.ts";
import { matchesSearch, matchName, withoutRepeatedDailies } from "./match.ts";
import { prepare } from "./prepare.ts";
import { recipeFor, recipeHash } from "./recipes.ts";
import { parseReference, REMOTES } from "./reference.ts";
import { type Descriptor, type ImagePlace, ImageStore, preparedFile } from "./store.ts";

export type LibraryOptions = {
  /** Where images are kept; created when first needed. */
  paths: ImagePlace;
  settings: () => Settings;
  users: ImageUsers;
  log: Log;
  fetch?: Fetch;
  limits?: Partial<DownloadLimits>;
};

export function openImages(options: LibraryOptions): Images {
  return new Library(options);
}

/** How much older than now a recorded use must be before it is worth writing anew. */
const USE_RECORD_MS = 60_000;

class Library implements Images {
  readonly #store: ImageStore;
  readonly #documents: Documents;
  readonly #catalogs: Catalogs;
  readonly #users: ImageUsers;
  readonly #log: Log;
  readonly #fetch: Fetch;
  readonly #limits: DownloadLimits;
  readonly #shared = new SharedWork<Descriptor>();
  readonly #perImage = new KeyedQueue();

  constructor(options: LibraryOptions) {
    this.#fetch = options.fetch ?? fetch;
    this.#log = options.log;
    this.#users = options.users;
    this.#limits = { ...DOWNLOAD_LIMITS, ...options.limits };
    this.#store = new ImageStore(options.paths, options.log);
    this.#documents = new Documents(options.paths, this.#fetch);
    this.#catalogs = new Catalogs(this.#documents, options.settings);
  }

  async find(
    ctx: Ctx,
    query: { text: string; unsupported: boolean; arch: Arch; refresh?: boolean | undefined },
  ): Promise<{ items: ImageEntry[]; problems: Problem[] }> {
    const [prefix = "", ...rest] = query.text.trim().split(":");
    const only = REMOTES.find((remote) => remote === prefix.toLowerCase() && rest.length > 0);
    const text = only ? rest.join(":") : query.text;
    const everywhere = text.trim() === "" ? ["release", "daily", ""] : ["release", "daily", "minimal", ""];
    const [report, stored] = await Promise.all([
      this.#catalogs.read(ctx, only ? [only] : everywhere, { refresh: query.refresh ?? false }),
      this.#store.list(),
    ]);
    const published = (only ? report.images : withoutRepeatedDailies(report.images))
      .filter((image) => image.arch === query.arch && (image.supported || query.unsupported))
      .map((image) => entryOf(image, stored));
    const built = only ? [] : latestBuilt(stored, query.arch).map(builtEntry);
    const names = new Set(built.map((entry) => entry.reference));
    const items = [...published.filter((entry) => !names.has(entry.reference)), ...built];
    return { items: items.filter((entry) => matchesSearch(entry, text)), problems: report.problems };
  }

  async acquire(ctx: Ctx, reference: string, arch: Arch): Promise<ReadyImage> {
    const wanted = parseReference(reference);
    let descriptor: Descriptor;
    if (wanted.kind === "file") descriptor = await this.#acquireFile(ctx, wanted.path, arch, wanted.checksum);
    else if (wanted.kind === "url")
      descriptor = await this.#obtain(ctx, unlistedImage(wanted.url, arch, wanted.checksum));
    else descriptor = await this.#acquireNamed(ctx, reference, wanted.remote, wanted.name, arch);
    return this.#ready(await this.#used(descriptor), reference);
  }

  async get(id: string): Promise<ReadyImage | undefined> {
    const descriptor = await this.#store.get(id);
    return descriptor && this.#ready(descriptor, descriptor.reference);
  }

  async cached(): Promise<CachedImage[]> {
    return (await this.#store.list()).map((stored) => ({
      id: stored.id,
      reference: stored.reference,
      os: stored.os,
      release: stored.release,
      version: stored.version,
      arch: stored.arch,
      sizeBytes: stored.sizeBytes,
      verified: stored.verified,
      usedBy: this.#users(stored.id),
      fetchedAt: stored.fetchedAt,
      lastUsedAt: stored.lastUsedAt,
    }));
  }

  async build(ctx: Ctx, recipeName: string): Promise<ReadyImage> {
    const recipe = recipeFor(recipeName, hostArch(), hostArch());
    const descriptor = await this.#shared.run(`build ${recipe.reference}`, ctx, async (shared) => {
      const work = await this.#store.workDirectory();
      try {
        const output = path.join(work, "built.qcow2");
        const workDirectory = path.join(work, "build");
        await buildImage(shared, { recipe, output, workDirectory, platform: hostPlatform() });
        const id = await sha256OfFile(output);
        const { virtualBytes } = await prepare(shared, recipe.reference, output, preparedFile(work));
        const now = new Date();
        const { reference, codename, os, release, arch, user } = recipe;
        const short = os.toLowerCase();
        return await this.#store.commit(work, {
          ...{ schema: 1, id, reference, remote: "", os, release, arch, user },
          aliases: [`${short}-${release}`, `${short}:${codename}`, codename],
          version: now.toISOString().slice(0, 10).replaceAll("-", ""),
          source: `recipe:${recipeHash(recipe)}`,
          ...{ built: true, verified: true, virtualBytes },
          ...{ fetchedAt: now.toISOString(), lastUsedAt: now.toISOString() },
        });
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    });
    return this.#ready(descriptor, recipe.reference);
  }

  async remove(id: string): Promise<number> {
    return await this.#perImage.run(id, async () => {
      const descriptor = await this.#store.get(id);
      if (!descriptor) {
        throw new EngineError("not-found", `cannot remove image ${id}: there is no such image`, {
          hint: "`berth image list` shows the images on this host.",
        });
      }
      const users = this.#users(id);
      if (users.length > 0) {
        throw new EngineError(
          "busy",
          `cannot remove image ${descriptor.reference}: ${users.join(", ")} stand${users.length === 1 ? "s" : ""} on it`,
          { hint: `Purge ${users.join(", ")} first.`, details: { usedBy: users } },
        );
      }
      return await this.#store.remove(id);
    });
  }

  async prune(): Promise<{ removed: string[]; freedBytes: number }> {
    const removed: string[] = [];
    let freedBytes = await this.#store.sweep(this.#shared.keys());
    for (const { id } of await this.#store.list()) {
      try {
        if (this.#users(id).length > 0) continue;
        freedBytes += await this.remove(id);
        removed.push(id);
      } catch (error) {
        // Taken into use, or removed by somebody else, in between: not ours to remove any more.
        if (!(error instanceof EngineError) || (error.code !== "busy" && error.code !== "not-found"))
          throw error;
      }
    }
    return { removed, freedBytes };
  }

  /** A name: what was built here under exactly that name, the manifest, then Ubuntu's catalogs, then the cache. */
  async #acquireNamed(
    ctx: Ctx,
    reference: string,
    remote: string | undefined,
    name: string,
    arch: Arch,
  ): Promise<Descriptor> {
    const stored = await this.#store.list();
    const built = remote === undefined ? latestBuilt(stored, arch) : [];
    const exact = built.find((image) => image.reference === name || image.aliases.includes(name));
    if (exact) return exact;
    const ofSystem = built.find((image) => image.os.toLowerCase() === name);
    const failures: EngineError[] = [];
    const seen: CatalogImage[] = [];
    for (const each of remote === undefined ? ["", "release", "daily"] : [remote]) {
      const report = await this.#catalogs.read(ctx, [each]);
      failures.push(...report.failures.map((failure) => failure.error));
      seen.push(...report.images);
      const image = matchName(report.images, name, arch);
      if (!image) continue;
      try {
        return await this.#obtain(ctx, image);
      } catch (error) {
        if (!ofSystem || !(error instanceof EngineError) || error.code !== "download-failed") throw error;
        ctx.log.warn("using the locally built image", { reference, reason: error.message });
        return ofSystem;
      }
    }
    const known = ofSystem ?? stored.find((image) => isMeant(image, remote, name, arch));
    if (known) return known;
    throw notFound(reference, name, arch, seen, failures);
  }

  /** Brings a catalog's image here, unless it is here already. Callers who want the same one share the work. */
  async #obtain(ctx: Ctx, image: CatalogImage): Promise<Descriptor> {
    const checksum = await requiredChecksum(ctx, this.#documents, image);
    const present = (await this.#store.list()).find((stored) =>
      checksum ? holds(stored, checksum) : stored.source === image.url,
    );
    if (present && (checksum || (await isUnchanged(ctx, this.#fetch, present)))) return present;
    const tools = { store: this.#store, fetch: this.#fetch, limits: this.#limits };
    return await this.#shared.run(partKey(image.url, checksum), ctx, (shared) =>
      fetchImage(shared, tools, image, checksum),
    );
  }

  async #acquireFile(
    ctx: Ctx,
    file: string,
    arch: Arch,
    checksum: Checksum | undefined,
  ): Promise<Descriptor> {
    const { stamp } = await fileStamp(file);
    const present = (await this.#store.list()).find(
      (stored) =>
        stored.source === file && stored.fileStamp === stamp && (!checksum || holds(stored, checksum)),
    );
    if (present) return present;
    const key = `file ${file} ${stamp} ${checksum?.hex ?? ""}`;
    return await this.#shared.run(key, ctx, (shared) =>
      importFile(shared, this.#store, file, arch, checksum),
    );
  }

  async #used(descriptor: Descriptor): Promise<Descriptor> {
    const now = new Date();
    if (now.getTime() - Date.parse(descriptor.lastUsedAt) < USE_RECORD_MS) return descriptor;
    return await this.#perImage.run(descriptor.id, async () => {
      const used = { ...descriptor, lastUsedAt: now.toISOString() };
      await this.#store.write(used).catch((error: unknown) => {
        this.#log.warn("cannot record the use of an image", { id: descriptor.id, error });
      });
      return used;
    });
  }

  #ready(stored: Descriptor, reference: string): ReadyImage {
    const { id, os, release, version, sizeBytes, virtualBytes, arch, user } = stored;
    const facts = { reference, sha256: id, os, release, version };
    return { id, facts, path: this.#store.pathOf(id), format: "qcow2", sizeBytes, virtualBytes, arch, user };
  }
}

async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
