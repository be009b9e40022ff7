/**
 * Carries a guest's memory between QEMU and a file. QEMU's sandbox keeps it from starting a program, and older ones
 * cannot write to a file themselves, so it speaks to a socket of ours and we compress what passes.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, rm, stat } from "node:fs/promises";
import net from "node:net";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, crc32, createZstdCompress, createZstdDecompress } from "node:zlib";
import { abortable, deferred } from "../../../base/async.ts";
import { moveDurable, syncFile } from "../../../base/durable.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Secret } from "../../../base/secret.ts";
import type { Ctx } from "../../ctx.ts";
import { sealing, unsealing } from "../../keys/sealed-stream.ts";
import type { QmpClient } from "./qmp.ts";

/** Level 1 is as fast as disks are. */
const COMPRESSION = {
  params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
};
const UNLIMITED = 2 ** 40;
const SETTLE_MS = 15_000;

/** What tells whether memory is read back as it was. */
export type KeptMemory = {
  /** Of the file. */
  bytes: number;
  /** Of what QEMU gave. Absent where an earlier Berth kept it, and where it is sealed, which tells as much. */
  plain?: Sum | undefined;
  /** Present where it is sealed by the instance's key. */
  sealed?: true | undefined;
};
type Sum = { bytes: number; crc32: number };

/**
 * The halted guest's memory, written to `file`, sealed by the key where there is one. After a failure the guest is still
 * halted.
 */
export async function saveMemory(
  ctx: Ctx,
  monitor: QmpClient,
  socket: string,
  file: string,
  key?: Secret | undefined,
): Promise<KeptMemory> {
  const plain: Sum = { bytes: 0, crc32: 0 };
  const temporary = `${file}.tmp`;
  const controller = new AbortController();
  const signal = AbortSignal.any([ctx.signal, controller.signal]);
  await prepareMonitor(monitor);
  await monitor.execute("migrate-set-parameters", { "max-bandwidth": UNLIMITED });
  const { connection, close } = await listen(socket, signal);
  const ended = watchMigration(monitor);
  try {
    const written = connection.then((from) =>
      pipeline(
        [
          from,
          summing(plain, (done) => ctx.progress({ phase: "suspend", done })),
          createZstdCompress(COMPRESSION),
          ...(key ? [sealing(key)] : []),
          createWriteStream(temporary, { mode: 0o600 }),
        ],
        { signal },
      ),
    );
    written.catch(() => {});
    await monitor.execute("migrate", { uri: `unix:${socket}` }, { signal });
    await abortable(Promise.race([ended.promise, written.then(() => ended.promise)]), signal);
    await abortable(written, signal);
  } catch (error) {
    controller.abort(error);
    await giveUp(monitor, ended.promise);
    await rm(temporary, { force: true });
    ctx.signal.throwIfAborted();
    throw error;
  } finally {
    ended.dispose();
    close();
  }
  await syncFile(temporary);
  await moveDurable(temporary, file);
  const { size: bytes } = await stat(file);
  return key ? { bytes, sealed: true } : { bytes, plain };
}

/**
 * Gives a QEMU that was started with `-incoming defer` the memory that lies in `file`, as long as it was when it was
 * written. The guest is halted afterwards.
 */
export async function loadMemory(
  ctx: Ctx,
  monitor: QmpClient,
  socket: string,
  { file, bytes, plain, key }: KeptMemory & { file: string; key?: Secret | undefined },
): Promise<void> {
  const { size } = await stat(file);
  if (size !== bytes) throw new EngineError("driver-failed", `its file has ${size} bytes of ${bytes}`);
  await rm(socket, { force: true });
  await prepareMonitor(monitor);
  const ended = watchMigration(monitor);
  try {
    await monitor.execute("migrate-incoming", { uri: `unix:${socket}` }, { signal: ctx.signal });
    const to = net.connect(socket);
    // The file has a checksum of its own at its end, but Node's decompressor does not always look at it.
    const came: Sum = { bytes: 0, crc32: 0 };
    const checked = summing(
      came,
      () => {},
      () => plain === undefined || sameSum(came, plain),
    );
    const opened = key ? [unsealing(key)] : [];
    const stages = [createReadStream(file), ...opened, createZstdDecompress(), checked, to];
    const sent = pipeline(stages, { signal: ctx.signal });
    const failed = deferred<never>();
    sent.catch((error: unknown) => failed.reject(error));
    failed.promise.catch(() => {});
    await abortable(Promise.race([ended.promise, settled(failed.promise, ended.promise)]), ctx.signal);
    // QEMU may have been content with a file that proves damaged at its end: a guest must not run with it.
    await abortable(sent.catch(unlessClosed), ctx.signal);
  } finally {
    ended.dispose();
    await rm(socket, { force: true });
  }
}

/** QEMU may close its end as soon as it has all it needs. */
function unlessClosed(error: unknown): void {
  if (!isClosed(error)) throw error;
}

function isClosed(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "EPIPE" || code === "ECONNRESET";
}

/** A broken pipe is told as QEMU's own words, where it has some to say within a moment. */
async function settled(failure: Promise<never>, ended: Promise<void>): Promise<void> {
  try {
    await failure;
  } catch (error) {
    if (isClosed(error)) return ended;
    throw error;
  }
}

async function prepareMonitor(monitor: QmpClient): Promise<void> {
  await monitor.execute("migrate-set-capabilities", {
    capabilities: [{ capability: "events", state: true }],
  });
}

/** Resolves when the migration has ended well; rejects when it has not, or QEMU is gone. */
function watchMigration(monitor: QmpClient): { promise: Promise<void>; dispose: () => void } {
  const ended = deferred<void>();
  ended.promise.catch(() => {});
  const listener = monitor.onEvent(({ name, data }) => {
    if (name !== "MIGRATION") return;
    if (data["status"] === "completed") ended.resolve();
    if (data["status"] === "failed" || data["status"] === "cancelled") {
      void reasonOf(monitor).then((reason) =>
        ended.reject(new EngineError("driver-failed", `QEMU could not move the guest's memory: ${reason}`)),
      );
    }
  });
  void monitor.closed.then(() =>
    ended.reject(new EngineError("driver-failed", "QEMU ended while it moved the guest's memory")),
  );
  return { promise: ended.promise, dispose: () => listener.dispose() };
}

async function reasonOf(monitor: QmpClient): Promise<string> {
  const answer = await monitor.execute("query-migrate").catch(() => undefined);
  const reason = (answer as { "error-desc"?: unknown } | undefined)?.["error-desc"];
  return typeof reason === "string" ? reason : "it says no more";
}

/** Ends a migration under way, so that the guest can go on. */
async function giveUp(monitor: QmpClient, ended: Promise<void>): Promise<void> {
  await monitor.execute("migrate_cancel").catch(() => {});
  const answer = await monitor.execute("query-migrate").catch(() => undefined);
  const status = (answer as { status?: unknown } | undefined)?.status;
  if (status === undefined || ["completed", "failed", "cancelled", "none"].includes(String(status))) return;
  await abortable(ended, AbortSignal.timeout(SETTLE_MS)).catch(() => {});
}

/** A socket that one QEMU may connect to, once. */
async function listen(
  socket: string,
  signal: AbortSignal,
): Promise<{ connection: Promise<net.Socket>; close: () => void }> {
  await rm(socket, { force: true });
  const server = net.createServer();
  const arrived = deferred<net.Socket>();
  arrived.promise.catch(() => {});
  server.once("connection", (connection) => {
    server.close();
    arrived.resolve(connection);
  });
  const listening = deferred<void>();
  server.once("error", (error) => {
    listening.reject(error);
    arrived.reject(error);
  });
  server.listen(socket, () => listening.resolve());
  await abortable(listening.promise, signal);
  await chmod(socket, 0o600);
  return { connection: arrived.promise, close: () => server.close() };
}

/** Adds up what passes. At the end, what is not as it should be is an error. */
function summing(sum: Sum, onBytes: (done: number) => void, isRight = () => true): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      sum.bytes += chunk.length;
      sum.crc32 = crc32(chunk, sum.crc32);
      onBytes(sum.bytes);
      pass(null, chunk);
    },
    flush(pass) {
      pass(isRight() ? null : new EngineError("driver-failed", "its file is damaged"));
    },
  });
}

function sameSum(one: Sum, other: Sum): boolean {
  return one.bytes === other.bytes && one.crc32 === other.crc32;
}
