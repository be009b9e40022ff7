/** Turns a published file into a standalone qcow2: decompressed, checked, converted where needed. */
import { createReadStream, createWriteStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import * as z from "zod";
import { withDeadline } from "../../base/async.ts";
import { moveDurable, syncFile } from "../../base/durable.ts";
import { EngineError, messageOf, toEngineError } from "../../base/errors.ts";
import { noSpace, RunError, run, startChild } from "../../base/run.ts";
import type { Ctx } from "../ctx.ts";
import { checkQcow2, type FileKind, fileKind, HEAD_BYTES } from "./qcow2.ts";

export type Prepared = { virtualBytes: number };

/** How long qemu-img may take over one image. */
const CONVERT_MS = 30 * 60_000;
/** More than any published image unpacks to; a compressed file that goes on is an attack. */
const MAX_UNPACKED_BYTES = 2 ** 37;

/**
 * Makes `output` from `input`, both on one filesystem; `input` is moved where it is good as it is. Progress phases: `decompress` in
 * bytes read, `convert`, `verify`. Rejects with `download-failed` for what is no usable image.
 */
export async function prepare(ctx: Ctx, what: string, input: string, output: string): Promise<Prepared> {
  const unpacked = `${output}.unpacked`;
  try {
    let kind = await kindOf(input);
    let file = input;
    if (kind === "xz" || kind === "zstd" || kind === "gzip") {
      await unpack(ctx, what, kind, input, unpacked);
      file = unpacked;
      kind = await kindOf(file);
    }
    if (kind === "raw") await convertRaw(ctx, file, output);
    else if (kind === "qcow2") {
      await refuseHostile(what, file);
      await moveDurable(file, output);
    } else throw unusable(what, kind);
    const virtualBytes = await inspect(ctx, what, output);
    await syncFile(output);
    return { virtualBytes };
  } catch (error) {
    await rm(output, { force: true });
    ctx.signal.throwIfAborted();
    if (error instanceof RunError)
      throw noSpace(error, `prepare ${what}`) ?? bad(what, messageOf(error), error);
    throw toEngineError(error, `prepare ${what}`);
  } finally {
    await rm(unpacked, { force: true });
  }
}

async function head(file: string): Promise<Buffer> {
  const handle = await open(file, "r");
  try {
    const buffer = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

const kindOf = async (file: string): Promise<FileKind> => fileKind(await head(file));

/** By our own reading of the header: a tool that opens the file could follow it elsewhere. */
async function refuseHostile(what: string, file: string): Promise<void> {
  const checked = checkQcow2(await head(file));
  if (typeof checked === "string") throw bad(what, checked);
}

async function unpack(
  ctx: Ctx,
  what: string,
  kind: "xz" | "zstd" | "gzip",
  input: string,
  output: string,
): Promise<void> {
  const total = await sizeOf(input);
  const source = createReadStream(input, { highWaterMark: 2 ** 18 });
  let done = 0;
  source.on("data", (chunk) => {
    done += chunk.length;
    ctx.progress({ phase: "decompress", done, total });
  });
  const target = createWriteStream(output, { flags: "wx", mode: 0o600 });
  const signal = ctx.signal;
  try {
    if (kind === "xz") return await unpackXz(ctx, what, source, target);
    const decoder = kind === "gzip" ? zlib.createGunzip() : zlib.createZstdDecompress();
    await pipeline(source, decoder, bounded(what), target, { signal });
  } catch (error) {
    ctx.signal.throwIfAborted();
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (error instanceof EngineError || code.startsWith("ENOSPC")) throw error;
    throw bad(what, `it cannot be decompressed (${messageOf(error)})`, error);
  }
}

/** Node has no xz: the system's tool does it, fed and read through pipes. */
async function unpackXz(
  ctx: Ctx,
  what: string,
  source: NodeJS.ReadableStream,
  target: NodeJS.WritableStream,
): Promise<void> {
  const child = startChild(["xz", "--decompress", "--stdout"], { signal: ctx.signal });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString("utf8")).slice(-500);
  });
  try {
    const fed = pipeline(source, child.stdin, { signal: ctx.signal });
    const read = pipeline(child.stdout, bounded(what), target, { signal: ctx.signal });
    const [, , exit] = await Promise.all([fed, read, child.exited]);
    if (exit.code !== 0) throw new Error(stderr.trim() || `xz exited with ${exit.code}`);
  } catch (error) {
    // Its exit tells more than the broken pipe that follows from it.
    child.kill("SIGKILL");
    await child.exited.catch((missing: unknown) => {
      throw withInstallHint(missing, "xz-utils");
    });
    throw stderr.trim() === "" ? error : new Error(stderr.trim(), { cause: error });
  }
}

function bounded(what: string): Transform {
  let size = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > MAX_UNPACKED_BYTES) done(bad(what, `it unpacks to more than ${MAX_UNPACKED_BYTES} bytes`));
      else done(null, chunk);
    },
  });
}

async function sizeOf(file: string): Promise<number> {
  const handle = await open(file, "r");
  return handle
    .stat()
    .then((stats) => stats.size)
    .finally(() => handle.close());
}

async function convertRaw(ctx: Ctx, input: string, output: string): Promise<void> {
  ctx.progress({ phase: "convert" });
  await qemuImg(ctx, ["convert", "-f", "raw", "-O", "qcow2", input, output]);
}

const Info = z.object({
  format: z.literal("qcow2"),
  "virtual-size": z.int().positive(),
  "backing-filename": z.never().optional(),
  "full-backing-filename": z.never().optional(),
  encrypted: z.literal(false).optional(),
  "format-specific": z
    .object({
      data: z.looseObject({ "data-file": z.never().optional(), corrupt: z.literal(false).optional() }),
    })
    .optional(),
});

/** What qemu-img says must agree: readable, whole, nothing outside. Resolves to the virtual size in bytes. */
async function inspect(ctx: Ctx, what: string, file: string): Promise<number> {
  ctx.progress({ phase: "verify" });
  const { stdout } = await qemuImg(ctx, ["info", "--output=json", "-f", "qcow2", file]);
  const info = Info.safeParse(JSON.parse(stdout));
  if (!info.success) throw bad(what, "it is not a standalone qcow2 image");
  await qemuImg(ctx, ["check", "-q", "-f", "qcow2", file]).catch((error: unknown) => {
    // 3: leaked clusters, which cost space and harm nothing.
    if (!(error instanceof RunError) || error.exitCode !== 3) throw error;
  });
  return info.data["virtual-size"];
}

async function qemuImg(ctx: Ctx, args: readonly string[]) {
  const deadline = withDeadline(CONVERT_MS, ctx.signal);
  try {
    return await run(["qemu-img", ...args], { signal: deadline.signal });
  } catch (error) {
    throw withInstallHint(error, "qemu-utils");
  } finally {
    deadline.done();
  }
}

function withInstallHint(error: unknown, owner: string): unknown {
  if (!(error instanceof EngineError) || error.code !== "missing-dependency") return error;
  const hint = `Install it, on Debian and Ubuntu with \`sudo apt-get install ${owner}\`.`;
  return new EngineError(error.code, error.message, { hint, details: error.details, cause: error });
}

function unusable(what: string, kind: FileKind): EngineError {
  if (kind === "iso") return bad(what, "it is an installer ISO, not a disk image with cloud-init");
  if (kind === "other-disk")
    return new EngineError("not-supported", `cannot use image ${what}: it is neither qcow2 nor raw`, {
      hint: "Convert it with `qemu-img convert -O qcow2`, then launch the result as a file.",
    });
  return bad(what, "it is not a disk image");
}

function bad(what: string, reason: string, cause?: unknown): EngineError {
  return new EngineError("download-failed", `cannot use image ${what}: ${reason}`, {
    hint: "Use a cloud image as qcow2 or raw, plain or compressed with xz, zstd or gzip.",
    cause,
  });
}
