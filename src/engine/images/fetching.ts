/** Brings one image onto this host: from the network or from a file, through checks, into the store. */
import { createHash } from "node:crypto";
import { open, rm, stat } from "node:fs/promises";
import path from "node:path";
import type { Arch } from "../../api/instance.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import { requireSpace } from "../../base/space.ts";
import type { Ctx } from "../ctx.ts";
import { TransientError } from "../transient.ts";
import type { CatalogImage, Checksum } from "./catalog.ts";
import { findChecksum } from "./checksum-list.ts";
import type { Documents } from "./documents.ts";
import { type DownloadLimits, download } from "./download.ts";
import { FileHasher } from "./hashing.ts";
import { type Fetch, request } from "./http.ts";
import { referenceOf } from "./match.ts";
import { removePart } from "./part.ts";
import { prepare } from "./prepare.ts";
import { guessUser } from "./reference.ts";
import { type Descriptor, type ImageStore, preparedFile } from "./store.ts";
import { allowedUrl } from "./urls.ts";

const LIST_BYTES = 2 ** 20;

/** The checksum that an image must have; undefined where none is published. Asks the published list where that is how. */
export async function requiredChecksum(
  ctx: Ctx,
  documents: Documents,
  image: CatalogImage,
): Promise<Checksum | undefined> {
  if (!image.checksum || "hex" in image.checksum) return image.checksum;
  const { algorithm, list } = image.checksum;
  const document = await documents.read(ctx, allowedUrl(list, `check ${image.name}`), LIST_BYTES);
  const file = path.posix.basename(new URL(image.url).pathname);
  const checksum = findChecksum(document.text, file, algorithm);
  if (checksum) return checksum;
  throw new EngineError("download-failed", `cannot check ${image.name}: ${list} does not name ${file}`, {
    hint: "The distribution may have published a newer image: look for a newer release with `berth find`.",
  });
}

/** One name per file that a download can go on with. */
export const partKey = (url: string, checksum: Checksum | undefined): string =>
  createHash("sha256")
    .update(`${url}\n${checksum?.hex ?? ""}`)
    .digest("hex")
    .slice(0, 32);

/** Downloads, prepares and commits. `checksum` is what `requiredChecksum` gave. */
export async function fetchImage(
  ctx: Ctx,
  tools: { store: ImageStore; fetch: Fetch; limits: DownloadLimits },
  image: CatalogImage,
  checksum: Checksum | undefined,
): Promise<Descriptor> {
  const what = referenceOf(image);
  const url = allowedUrl(image.url, `download ${what}`);
  const part = await tools.store.partFile(partKey(image.url, checksum));
  const { sizeBytes } = image;
  const got = await download(ctx, tools.fetch, { url, part, what, sizeBytes, checksum }, tools.limits);
  const work = await tools.store.workDirectory();
  try {
    const { virtualBytes } = await prepare(ctx, what, part, preparedFile(work));
    const now = new Date().toISOString();
    const descriptor = await tools.store.commit(work, {
      schema: 1,
      id: got.sha256,
      reference: what,
      aliases: [...image.aliases],
      remote: image.remote,
      os: image.os,
      release: image.release,
      version: image.version === "latest" ? dateOf(got.lastModified) : image.version,
      arch: image.arch,
      user: image.user,
      source: image.url,
      etag: got.etag,
      lastModified: got.lastModified,
      sha512: checksum?.algorithm === "sha512" ? checksum.hex : undefined,
      built: false,
      verified: checksum !== undefined,
      virtualBytes,
      fetchedAt: now,
      lastUsedAt: now,
    });
    await removePart(part);
    return descriptor;
  } catch (error) {
    // Whole but of no use: going on with it would fail for ever.
    if (error instanceof EngineError && error.code === "download-failed") await removePart(part);
    throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** `20260518` from an HTTP date; `latest` where there is none. */
function dateOf(lastModified: string | undefined): string {
  const time = Date.parse(lastModified ?? "");
  return Number.isNaN(time) ? "latest" : new Date(time).toISOString().slice(0, 10).replaceAll("-", "");
}

/** An image known by nothing but its address or path. */
export function unlistedImage(address: string, arch: Arch, checksum: Checksum | undefined): CatalogImage {
  const name = path.posix.basename(address.replaceAll("\\", "/")) || address;
  const user = guessUser(name);
  const os =
    user === "ubuntu" ? (/ubuntu/i.test(name) ? "Ubuntu" : "Custom") : user[0]?.toUpperCase() + user.slice(1);
  const common = { remote: "", name: address, aliases: [], os, release: name, version: "latest" };
  return { ...common, arch, supported: true, url: address, checksum, user };
}

/**
 * Whether an address without a published checksum still holds what was fetched from it. A server that cannot be
 * reached cannot say otherwise.
 */
export async function isUnchanged(ctx: Ctx, fetch: Fetch, descriptor: Descriptor): Promise<boolean> {
  const headers: Record<string, string> = {};
  if (descriptor.etag !== undefined) headers["if-none-match"] = descriptor.etag;
  if (descriptor.lastModified !== undefined) headers["if-modified-since"] = descriptor.lastModified;
  if (Object.keys(headers).length === 0) return false;
  try {
    const answer = await request(fetch, new URL(descriptor.source), { signal: ctx.signal, headers });
    answer.abandon();
    return answer.response.status !== 200;
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    ctx.log.warn("using a cached image without asking its server", {
      source: descriptor.source,
      reason: error.message,
    });
    return true;
  }
}

/** What tells one state of a local file from another. */
export async function fileStamp(
  file: string,
): Promise<{ stamp: string; sizeBytes: number; allocated: number }> {
  try {
    const stats = await stat(file);
    if (stats.isFile()) {
      const stamp = `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}`;
      return { stamp, sizeBytes: stats.size, allocated: stats.blocks > 0 ? stats.blocks * 512 : stats.size };
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw toEngineError(error, `use image ${file}`);
  }
  throw new EngineError("not-found", `cannot use image ${file}: there is no such file`, {
    hint: "Give the path of a qcow2 or raw disk image on the engine's host.",
  });
}

/** Copies a local file into the store, hashing it on the way; the original is never touched or stood upon. */
export async function importFile(
  ctx: Ctx,
  store: ImageStore,
  file: string,
  arch: Arch,
  checksum: Checksum | undefined,
): Promise<Descriptor> {
  const { stamp, sizeBytes, allocated } = await fileStamp(file);
  const work = await store.workDirectory();
  try {
    await requireSpace(`use image ${file}`, work, allocated, { hint: PRUNE });
    const copy = path.join(work, "copy");
    const { sha256, wanted } = await copyHashed(ctx, file, copy, sizeBytes, checksum);
    if (checksum && wanted !== checksum.hex)
      throw new EngineError("download-failed", `cannot use image ${file}: its checksum is ${wanted}`, {
        hint: "It is not the file that was meant: look at the checksum that you gave.",
      });
    const { virtualBytes } = await prepare(ctx, file, copy, preparedFile(work));
    await rm(copy, { force: true });
    const now = new Date().toISOString();
    const { os, release, user } = unlistedImage(file, arch, checksum);
    return await store.commit(work, {
      ...{ schema: 1, id: sha256, reference: file, aliases: [], remote: "", os, release, version: "latest" },
      ...{ arch, user, source: file, fileStamp: stamp, built: false, verified: checksum !== undefined },
      ...{ virtualBytes, fetchedAt: now, lastUsedAt: now },
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const PRUNE = "`berth image prune` removes unused images.";
const COPY_BYTES = 2 ** 20;

/** Copies with holes for zeros: raw images are mostly empty. */
async function copyHashed(ctx: Ctx, from: string, to: string, total: number, checksum: Checksum | undefined) {
  const hasher = new FileHasher(checksum?.algorithm);
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  const zeros = Buffer.alloc(COPY_BYTES);
  const source = await open(from, "r");
  try {
    const target = await open(to, "wx", 0o600);
    try {
      for (let position = 0; ; ) {
        ctx.signal.throwIfAborted();
        const { bytesRead } = await source.read(buffer, 0, buffer.length, position);
        if (bytesRead === 0) break;
        const chunk = buffer.subarray(0, bytesRead);
        hasher.update(chunk);
        if (!chunk.equals(zeros.subarray(0, bytesRead))) await target.write(chunk, 0, bytesRead, position);
        position += bytesRead;
        if (position % (16 * COPY_BYTES) === 0)
          ctx.progress({ phase: "copy", done: position, ...(total ? { total } : {}) });
      }
      await target.truncate(hasher.bytes);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
  return hasher.digest();
}
