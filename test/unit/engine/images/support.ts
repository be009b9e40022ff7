/** What the tests of images share: an own directory, small real images, a context that keeps what it is told. */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Settings } from "../../../../src/api/engine-info.ts";
import type { Progress } from "../../../../src/api/operation.ts";
import { run } from "../../../../src/base/run.ts";
import type { Ctx } from "../../../../src/engine/ctx.ts";
import type { LibraryOptions } from "../../../../src/engine/images/library.ts";
import { openImages } from "../../../../src/engine/images/library.ts";
import { type LogFacts, silentLog } from "../../../../src/engine/log.ts";
import { DEFAULT_SETTINGS } from "../../../../src/engine/settings.ts";

export async function temporaryDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(path.join(tmpdir(), "berth-images-"));
  return { path: directory, remove: () => rm(directory, { recursive: true, force: true }) };
}

export type RecordingCtx = Ctx & {
  phases: Progress[];
  warnings: { message: string; facts: LogFacts | undefined }[];
  cancel(): void;
};

export function testCtx(onProgress: (progress: Progress) => void = () => {}): RecordingCtx {
  const controller = new AbortController();
  const phases: Progress[] = [];
  const warnings: RecordingCtx["warnings"] = [];
  return {
    signal: controller.signal,
    progress: (progress) => {
      phases.push(progress);
      onProgress(progress);
    },
    log: { ...silentLog, warn: (message, facts) => void warnings.push({ message, facts }) },
    phases,
    warnings,
    cancel: () => controller.abort(new DOMException("cancelled", "AbortError")),
  };
}

/** A raw disk of `mebibytes` with a boot record and bytes that do not compress. */
export async function rawDisk(file: string, mebibytes: number, seed = 1): Promise<string> {
  const handle = await open(file, "w");
  try {
    const block = Buffer.alloc(2 ** 20);
    for (let index = 0; index < mebibytes; index += 1) {
      let state = seed * 1000 + index + 1;
      for (let at = 0; at < block.length; at += 4) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        block.writeUInt32LE(state, at);
      }
      if (index === 0) block.writeUInt16LE(0xaa55, 510);
      await handle.write(block, 0, block.length, index * block.length);
    }
  } finally {
    await handle.close();
  }
  return file;
}

/** A small real qcow2 with data in it. */
export async function qcow2Disk(file: string, mebibytes = 3, seed = 1): Promise<string> {
  const raw = await rawDisk(`${file}.raw`, mebibytes, seed);
  await run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, file]);
  await rm(raw);
  return file;
}

export function testSettings(url: string, manifest = ""): Settings {
  return {
    ...DEFAULT_SETTINGS,
    "images.ubuntu-url": url,
    "images.manifest-url": manifest,
    "engine.idle-seconds": 60,
    "local.privileged-mounts": true,
  };
}

/** A library with short waits. */
export function testLibrary(
  directory: string,
  url: string,
  more: Partial<LibraryOptions> & { manifest?: string } = {},
) {
  return openImages({
    paths: { images: path.join(directory, "images") },
    settings: () => testSettings(url, more.manifest),
    users: () => [],
    log: silentLog,
    limits: { stallMs: 300, retries: 2, backoffMs: 5, answerMs: 2000 },
    ...more,
  });
}
