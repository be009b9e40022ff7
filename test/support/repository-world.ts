/** A backup repository in a folder of its own, and restic beside it. */
import { createHash } from "node:crypto";
import { mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { run } from "../../src/base/run.ts";
import { Secret } from "../../src/base/secret.ts";
import { FolderPlace } from "../../src/engine/backup/places/folder.ts";
import type { Place } from "../../src/engine/backup/places/place.ts";
import type { Extent } from "../../src/engine/backup/repository/extents.ts";
import type { FileSource } from "../../src/engine/backup/repository/file-saver.ts";
import { newNode } from "../../src/engine/backup/repository/node.ts";
import type { BackupReader } from "../../src/engine/backup/repository/reader.ts";
import { Repository, type RepositoryOptions } from "../../src/engine/backup/repository/repository.ts";
import type { Snapshot } from "../../src/engine/backup/repository/snapshot.ts";
import { TreeBuilder } from "../../src/engine/backup/repository/tree-builder.ts";
import type { Ctx } from "../../src/engine/ctx.ts";
import { silentLog } from "../../src/engine/log.ts";
import { WORKER } from "./repository-worker.ts";

/** Nobody else locks here. */
export const OPTIONS: RepositoryOptions = { worker: WORKER, settleMs: 0 };
export const PASSWORD = "open sesame";
export const MIB = 1024 * 1024;

export function ctx(signal: AbortSignal = AbortSignal.timeout(600_000)): Ctx {
  return { signal, progress: () => {}, log: silentLog };
}

export class RepositoryWorld {
  readonly root: string;
  readonly place: Place;

  private constructor(root: string) {
    this.root = root;
    this.place = new FolderPlace(path.join(root, "repository"));
  }

  static async make(parent = os.tmpdir()): Promise<RepositoryWorld> {
    return new RepositoryWorld(await mkdtemp(path.join(parent, "berth-repository-")));
  }

  init(): Promise<Repository> {
    return Repository.init(ctx(), this.place, new Secret(PASSWORD), OPTIONS);
  }

  open(options: Partial<RepositoryOptions> = {}): Promise<Repository> {
    return Repository.open(ctx(), this.place, new Secret(PASSWORD), { ...OPTIONS, ...options });
  }

  /** What restic prints; it rejects where restic is not content. */
  async restic(...args: string[]): Promise<string> {
    const { stdout } = await run(["restic", "--no-cache", ...args], {
      cwd: this.root,
      env: { RESTIC_PASSWORD: PASSWORD, RESTIC_REPOSITORY: this.place.name },
      maxOutputBytes: 64 * MIB,
    });
    return stdout;
  }

  /** Restic finds nothing wrong, having read every byte. */
  async resticIsContent(): Promise<void> {
    const said = await this.restic("check", "--read-data");
    if (!said.includes("no errors were found")) throw new Error(`restic says: ${said}`);
  }

  /** The files of the repository, by kind: paths beneath its folder. */
  async files(kind: string): Promise<string[]> {
    const names = await readdir(path.join(this.place.name, kind), { recursive: true });
    return names.filter((name) => /[0-9a-f]{64}$/.test(name)).map((name) => path.join(kind, name));
  }

  /** Changes one byte of a file. */
  async damage(file: string, at: number): Promise<void> {
    const target = path.join(this.place.name, file);
    const bytes = await readFile(target);
    const byte = at % bytes.length;
    bytes[byte] = (bytes[byte] as number) ^ 0x10;
    await rm(target);
    await writeFile(target, bytes);
  }

  dispose(): Promise<void> {
    return rm(this.root, { recursive: true, force: true });
  }
}

/** A stream of numbers that is the same for the same seed. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Fills bytes from a seed, half of them alike, so that they compress by half; or none, so that they do not. */
export function fill(bytes: Uint8Array, seed: number, alike = true): Uint8Array {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let state = seed | 1;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = alike && at % 2 === 0 ? 0x20202020 : state;
  }
  return bytes;
}

/** A disk in memory whose owner knows what has changed. */
export class MemoryDisk {
  readonly bytes: Uint8Array;
  /** How many bytes were read of it. */
  readBytes = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  source(extents?: Extent[]): FileSource {
    return {
      sizeBytes: this.bytes.length,
      read: async (_, offset, into) => {
        this.readBytes += into.length;
        into.set(this.bytes.subarray(offset, offset + into.length));
      },
      ...(extents
        ? {
            extents: async function* () {
              yield* extents;
            },
          }
        : {}),
    };
  }

  get sum(): string {
    return sumOf(this.bytes);
  }
}

/** A file of this host as a source. */
export async function fileSource(file: string): Promise<FileSource & { close(): Promise<void> }> {
  const handle = await open(file, "r");
  const { size } = await handle.stat();
  return {
    sizeBytes: size,
    read: async (_, offset, into) => {
      for (let at = 0; at < into.length; ) {
        const { bytesRead } = await handle.read(into, at, into.length - at, offset + at);
        if (bytesRead === 0) throw new Error(`${file} ends at ${offset + at}`);
        at += bytesRead;
      }
    },
    close: () => handle.close(),
  };
}

export function sumOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Backs one disk up as `/disks/0.raw`, with a file beside it. */
export async function backUp(
  repository: Repository,
  disk: MemoryDisk,
  more: { tags?: string[]; extents?: Extent[]; parent?: Snapshot } = {},
): Promise<Snapshot> {
  const { tags, extents, parent } = more;
  await using writer = await repository.backup(ctx());
  const before = parent && (await writer.node(ctx(), parent, "/disks/0.raw")).content;
  const saved = await writer.saveFile(ctx(), disk.source(extents), before);
  const facts = await writer.saveBytes(ctx(), Buffer.from('{"name":"test"}'));
  const tree = new TreeBuilder();
  tree.put("/instance.json", { ...newNode("file"), content: facts.content, size: facts.size });
  tree.put("/disks/0.raw", { ...newNode("file"), content: saved.content, size: saved.size });
  return await writer.commit(tree, {
    paths: ["/test"],
    ...(tags ? { tags } : {}),
    ...(parent ? { parent: parent.id } : {}),
  });
}

/** The bytes of a file in a backup. */
export async function restored(
  reader: BackupReader,
  snapshot: Snapshot,
  file = "/disks/0.raw",
): Promise<Buffer> {
  const stored = await reader.open(ctx(), await reader.node(ctx(), snapshot, file));
  const parts: Uint8Array[] = [];
  for await (const part of stored.read(ctx())) parts.push(part);
  return Buffer.concat(parts);
}
