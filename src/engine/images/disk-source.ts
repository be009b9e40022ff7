/** A user's file as what a disk begins with. It is copied after it has been judged, and never written to. */
import { createReadStream, createWriteStream } from "node:fs";
import { open, rm, stat } from "node:fs/promises";
import path from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { EngineError } from "../../base/errors.ts";
import { noSpace, run } from "../../base/run.ts";
import type { Ctx } from "../ctx.ts";
import { prepare } from "./prepare.ts";
import { checkQcow2, fileKind, HEAD_BYTES } from "./qcow2.ts";

export type DiskSource = { file: string; kind: "qcow2" | "raw"; virtualBytes: number };

const SECTOR = 512;

/** Reads its first bytes; with `raw` they may be anything. Throws `invalid-argument` for what cannot be a disk. */
export async function diskSource(file: string, { raw }: { raw: boolean }): Promise<DiskSource> {
  if (!path.isAbsolute(file)) throw unusable(file, "its path is not absolute");
  const facts = await stat(file).catch(() => undefined);
  if (!facts) throw unusable(file, "there is no such file");
  if (!facts.isFile()) throw unusable(file, "it is not a file");
  const kind = raw ? "raw" : fileKind(await headOf(file));
  if (kind === "qcow2") {
    const checked = checkQcow2(await headOf(file));
    if (typeof checked === "string") throw unusable(file, checked);
    return { file, kind, virtualBytes: checked.virtualBytes };
  }
  if (kind !== "raw" && kind !== "iso") {
    throw unusable(
      file,
      "it is neither qcow2 nor a raw disk with a partition table",
      "Say that it is raw, where it is.",
    );
  }
  if (facts.size === 0) throw unusable(file, "it is empty");
  return { file, kind: "raw", virtualBytes: Math.ceil(facts.size / SECTOR) * SECTOR };
}

/** Writes a qcow2 that needs no other file. What is checked is the copy: the original could change meanwhile. */
export async function copyDisk(ctx: Ctx, { file, kind }: DiskSource, output: string): Promise<void> {
  if (kind === "raw") {
    ctx.progress({ phase: "convert" });
    try {
      await run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", file, output], { signal: ctx.signal });
    } catch (error) {
      throw noSpace(error, `copy ${file}`) ?? error;
    }
    return;
  }
  const copy = `${output}.copy`;
  try {
    const { size } = await stat(file);
    const target = createWriteStream(copy, { mode: 0o600 });
    await pipeline(createReadStream(file), counting(ctx, size), target, { signal: ctx.signal });
    await prepare(ctx, file, copy, output);
  } finally {
    await rm(copy, { force: true });
  }
}

async function headOf(file: string): Promise<Buffer> {
  const handle = await open(file, "r").catch(() => {
    throw unusable(file, "it cannot be read");
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function counting(ctx: Ctx, total: number): Transform {
  let done = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      done += chunk.length;
      ctx.progress({ phase: "copy", done, total });
      pass(null, chunk);
    },
  });
}

function unusable(file: string, reason: string, hint?: string): EngineError {
  return new EngineError("invalid-argument", `cannot use ${file} as a disk: ${reason}`, { hint });
}
