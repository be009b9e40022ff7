/** An image library whose one remote image is a small file. The cache directory outlives engines. */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { CachedImage, ImageEntry } from "../../src/api/image.ts";
import type { Arch, Problem } from "../../src/api/instance.ts";
import { abortable, deferred, sleep } from "../../src/base/async.ts";
import { EngineError } from "../../src/base/errors.ts";
import { hostArch } from "../../src/base/paths.ts";
import type { Ctx } from "../../src/engine/ctx.ts";
import type { Images, ImageUsers, ReadyImage } from "../../src/engine/images/images.ts";
import type { ImagePlace } from "../../src/engine/images/store.ts";

export class FakeImages implements Images {
  readonly #place: ImagePlace;
  readonly #users: ImageUsers;
  /** Milliseconds, an error or `never`, for the download. */
  download: number | Error | "never" = 0;
  virtualBytes = 2 ** 30;
  /** What the catalogs offer. */
  entries: ImageEntry[] = [];
  readonly downloading = deferred<void>();

  constructor(place: ImagePlace, users: ImageUsers = () => []) {
    this.#place = place;
    this.#users = users;
  }

  get #directory(): string {
    return this.#place.images;
  }

  async find(): Promise<{ items: ImageEntry[]; problems: Problem[] }> {
    return { items: this.entries, problems: [] };
  }

  async acquire(ctx: Ctx, reference: string, _arch: Arch): Promise<ReadyImage> {
    if (reference === "nonesuch") {
      throw new EngineError("not-found", `cannot find the image ${reference}`, { hint: "berth find" });
    }
    const address = reference.includes("://");
    const id = address ? `image-${reference.length}` : reference.replaceAll(/\W/g, "-");
    const known = await this.get(id);
    if (known) return known;
    this.downloading.resolve();
    for (let done = 1; done <= 3; done += 1) ctx.progress({ phase: "download", done, total: 3 });
    if (this.download instanceof Error) throw this.download;
    if (this.download === "never") await abortable(new Promise<never>(() => {}), ctx.signal);
    else if (this.download > 0) await sleep(this.download, ctx.signal);
    ctx.progress({ phase: "verify" });
    await this.#place.require?.("images");
    await mkdir(this.#directory, { recursive: true });
    await writeFile(this.#file(id), reference);
    return this.#ready(id);
  }

  async get(id: string): Promise<ReadyImage | undefined> {
    return (await this.#ids()).includes(id) ? this.#ready(id) : undefined;
  }

  async cached(): Promise<CachedImage[]> {
    const now = new Date().toISOString();
    return (await this.#ids()).map((id) => ({
      id,
      reference: id,
      os: "Fake",
      release: "1",
      version: "1",
      arch: hostArch(),
      sizeBytes: 1,
      verified: true,
      usedBy: this.#users(id),
      fetchedAt: now,
      lastUsedAt: now,
    }));
  }

  build(ctx: Ctx, recipe: string): Promise<ReadyImage> {
    return this.acquire(ctx, recipe, hostArch());
  }

  async remove(id: string): Promise<number> {
    const users = this.#users(id);
    if (users.length > 0) {
      throw new EngineError("busy", `cannot remove the image ${id}: ${users.join(", ")} stand on it`);
    }
    await rm(this.#file(id), { force: true });
    return 1;
  }

  async prune(): Promise<{ removed: string[]; freedBytes: number }> {
    const unused = (await this.#ids()).filter((id) => this.#users(id).length === 0);
    for (const id of unused) await this.remove(id);
    return { removed: unused, freedBytes: unused.length };
  }

  async #ids(): Promise<string[]> {
    const files = await readdir(this.#directory).catch(() => []);
    return files.map((file) => path.basename(file, ".qcow2"));
  }

  #file(id: string): string {
    return path.join(this.#directory, `${id}.qcow2`);
  }

  #ready(id: string): ReadyImage {
    const published = this.entries.find(({ aliases }) => aliases.includes(id));
    const { os, release, version } = published ?? { os: "Fake", release: "1", version: "1" };
    return {
      id,
      facts: { reference: id, os, release, version },
      path: this.#file(id),
      format: "qcow2",
      sizeBytes: 1,
      virtualBytes: this.virtualBytes,
      arch: hostArch(),
      user: "fake",
    };
  }
}
