/**
 * The images on this host: a directory each, named by the image's id, with the qcow2 and its descriptor. A directory
 * appears whole, by one rename, and what cannot be read is passed over, never deleted.
 */
import { readdir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { Arch } from "../../api/instance.ts";
import { exists, moveDurable, privateDirectory, writeFileDurable } from "../../base/durable.ts";
import { messageOf } from "../../base/errors.ts";
import { isAlive } from "../../base/process-identity.ts";
import type { Log } from "../log.ts";

const IMAGE = "image.qcow2";
const DESCRIPTOR = "image.json";
const ID = /^[0-9a-f]{64}$/;
const MAX_DESCRIPTOR_BYTES = 2 ** 20;

export const Descriptor = z.object({
  schema: z.literal(1),
  /** SHA-256 of the published bytes; of the image itself where it was built here. */
  id: z.string().regex(ID),
  reference: z.string(),
  aliases: z.array(z.string()),
  remote: z.string(),
  os: z.string(),
  release: z.string(),
  version: z.string(),
  arch: Arch,
  user: z.string(),
  /** The address or the path that it came from, or `recipe:<hash>`. */
  source: z.string(),
  /** What tells whether the source is still the same where no checksum is published. */
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  fileStamp: z.string().optional(),
  sha512: z.string().optional(),
  built: z.boolean(),
  verified: z.boolean(),
  sizeBytes: z.int().nonnegative(),
  virtualBytes: z.int().positive(),
  fetchedAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime(),
});
export type Descriptor = z.infer<typeof Descriptor>;

/** Where they lie now: a move changes it. */
export type ImagePlace = { readonly images: string; require?: (what: "images") => Promise<void> };

export class ImageStore {
  readonly #place: ImagePlace;
  readonly #log: Log;
  #works = 0;

  constructor(place: ImagePlace, log: Log) {
    this.#place = place;
    this.#log = log;
  }

  get #directory(): string {
    return this.#place.images;
  }

  pathOf(id: string): string {
    return path.join(this.#directory, id, IMAGE);
  }

  /** Everything that is whole, latest fetched first. */
  async list(): Promise<Descriptor[]> {
    const found: Descriptor[] = [];
    for (const name of await readdir(this.#directory).catch((): string[] => [])) {
      const descriptor = ID.test(name) ? await this.get(name) : undefined;
      if (descriptor) found.push(descriptor);
    }
    return found.sort((a, b) => (a.fetchedAt < b.fetchedAt ? 1 : -1));
  }

  /** Undefined where there is no such image or it cannot be read. */
  async get(id: string): Promise<Descriptor | undefined> {
    if (!ID.test(id)) return undefined;
    const file = path.join(this.#directory, id, DESCRIPTOR);
    try {
      const { size } = await stat(file);
      if (size > MAX_DESCRIPTOR_BYTES) throw new RangeError(`the descriptor has ${size} bytes`);
      const descriptor = Descriptor.parse(JSON.parse(await readFile(file, "utf8")));
      if (descriptor.id !== id) throw new Error("the descriptor is of another image");
      await stat(this.pathOf(id));
      return descriptor;
    } catch (error) {
      if (await exists(path.join(this.#directory, id)))
        this.#log.warn("passing over an unreadable cached image", { id, error: messageOf(error) });
      return undefined;
    }
  }

  /** A directory for one piece of work, on the same filesystem as the images. Remove it when done. */
  async workDirectory(): Promise<string> {
    await this.#place.require?.("images");
    this.#works += 1;
    const directory = path.join(
      this.#directory,
      `.work-${process.pid}-${Date.now().toString(36)}-${this.#works}`,
    );
    await privateDirectory(directory);
    return directory;
  }

  /** Where a download of this key goes on and on until it is whole. */
  async partFile(key: string): Promise<string> {
    await this.#place.require?.("images");
    const directory = path.join(this.#directory, "downloads");
    await privateDirectory(directory);
    return path.join(directory, `${key}.part`);
  }

  /** Makes a prepared image (in a work directory, as `preparedFile` names it) one of the cache. */
  async commit(workDirectory: string, wanted: Omit<Descriptor, "sizeBytes">): Promise<Descriptor> {
    const directory = path.join(this.#directory, wanted.id);
    const present = await exists(this.pathOf(wanted.id));
    const image = present ? this.pathOf(wanted.id) : preparedFile(workDirectory);
    const descriptor: Descriptor = { ...wanted, sizeBytes: await allocatedBytes(image) };
    // The same bytes under another name, or a lost descriptor: instances may stand on the file, so it stays.
    if (present) {
      await this.write(descriptor);
      return descriptor;
    }
    await writeFileDurable(path.join(workDirectory, DESCRIPTOR), JSON.stringify(descriptor, null, 2));
    if (await exists(directory)) {
      await moveDurable(preparedFile(workDirectory), this.pathOf(wanted.id));
      await this.write(descriptor);
    } else await moveDurable(workDirectory, directory);
    return descriptor;
  }

  async write(descriptor: Descriptor): Promise<void> {
    const file = path.join(this.#directory, descriptor.id, DESCRIPTOR);
    await writeFileDurable(file, JSON.stringify(descriptor, null, 2));
  }

  /** Takes an image out by one rename, then frees it. Resolves to the bytes freed. */
  async remove(id: string): Promise<number> {
    const freed = await allocatedBytes(this.pathOf(id));
    this.#works += 1;
    const trash = path.join(this.#directory, `.work-${process.pid}-removed-${this.#works}`);
    await moveDurable(path.join(this.#directory, id), trash);
    await rm(trash, { recursive: true, force: true });
    return freed;
  }

  /** Frees what interrupted work of processes that are gone left, and parts that nobody downloads now. */
  async sweep(partsInUse: readonly string[]): Promise<number> {
    let freed = 0;
    for (const name of await readdir(this.#directory).catch((): string[] => [])) {
      const owner = /^\.work-(\d+)-/.exec(name)?.[1];
      if (owner === undefined || isAlive(Number(owner))) continue;
      freed += await allocatedBytes(path.join(this.#directory, name, IMAGE)).catch(() => 0);
      await rm(path.join(this.#directory, name), { recursive: true, force: true });
    }
    const downloads = path.join(this.#directory, "downloads");
    for (const name of await readdir(downloads).catch((): string[] => [])) {
      if (partsInUse.some((key) => name.startsWith(key))) continue;
      freed += await allocatedBytes(path.join(downloads, name)).catch(() => 0);
      await rm(path.join(downloads, name), { force: true });
    }
    return freed;
  }
}

/** Where the finished qcow2 must lie in a work directory before `commit`. */
export const preparedFile = (workDirectory: string): string => path.join(workDirectory, IMAGE);

async function allocatedBytes(file: string): Promise<number> {
  const { blocks, size } = await stat(file);
  return blocks > 0 ? blocks * 512 : size; // Windows counts no blocks.
}
