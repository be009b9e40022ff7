/** From a running guest to its memory in a file, and back. */
import { rm } from "node:fs/promises";
import { EngineError, messageOf } from "../../../base/errors.ts";
import { run } from "../../../base/run.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import { loadMemory, saveMemory } from "./memory.ts";
import type { QmpClient } from "./qmp.ts";
import {
  cannotResume,
  hasSuspendRecord,
  isOtherSeries,
  machineName,
  memoryIn,
  readSuspendRecord,
  refuseMismatch,
  removeSuspendRecord,
  type SuspendRecord,
  writeSuspendRecord,
} from "./suspend-record.ts";

/** QEMU's word for what the guest does: `running`, `paused`, `postmigrate`, `inmigrate`, … */
export async function runStateOf(monitor: QmpClient): Promise<string> {
  const answer = (await monitor.execute("query-status")) as { status?: unknown };
  return String(answer.status);
}

/** Halts the guest and keeps its memory; when that fails, it runs on. Once this resolves, its QEMU is of no more use. */
export async function keepMemory(
  ctx: Ctx,
  monitor: QmpClient,
  socket: string,
  instance: DriverInstance,
  hardware: string | undefined,
): Promise<void> {
  const { directory, name } = instance;
  const key = await instance.openKey?.();
  const state = await runStateOf(monitor);
  // An engine that died has done all but the end.
  if (state === "postmigrate" && (await hasSuspendRecord(directory))) return;
  // QEMU does not give its memory a second time unless the guest has run in between.
  if (state === "postmigrate") await monitor.execute("cont");
  const [version, machine] = await Promise.all([versionOf(monitor), machineOf(monitor)]);
  ctx.signal.throwIfAborted();
  try {
    await monitor.execute("stop");
    const kept = await saveMemory(ctx, monitor, socket, memoryIn(directory), key);
    ctx.signal.throwIfAborted();
    const suspendedAt = new Date().toISOString();
    await writeSuspendRecord(directory, {
      ...{ schema: 1, instance: instance.id, version, machine, ...kept, suspendedAt },
      ...(hardware === undefined ? {} : { hardware }),
    });
  } catch (error) {
    await goOn(monitor, instance).catch((cause: unknown) => {
      ctx.log.error("a guest could not go on after a failed suspend", { instance: name, error: cause });
    });
    ctx.signal.throwIfAborted();
    throw new EngineError("driver-failed", `cannot suspend ${name}: ${messageOf(error)}`, {
      hint: "It runs on. Its driver log may say more.",
      cause: error,
    });
  }
}

/** Throws where this QEMU has given up the machine that the memory was made with. */
export async function refuseLostMachine(
  ctx: Ctx,
  qemu: { program: string; version: string },
  name: string,
  record: SuspendRecord,
): Promise<void> {
  if (!isOtherSeries(qemu.version, record.version)) return;
  const { stdout } = await run([qemu.program, "-machine", "help"], { signal: ctx.signal });
  const machine = machineName(record);
  if (stdout.split("\n").some((line) => line.split(" ")[0] === machine)) return;
  throw cannotResume(
    name,
    `it was suspended by QEMU ${record.version} on the machine type ${machine}, which QEMU ${qemu.version} does not have`,
  );
}

/** Gives a waiting QEMU the kept memory, and lets the guest go on. */
export async function restoreMemory(
  ctx: Ctx,
  monitor: QmpClient,
  socket: string,
  instance: DriverInstance,
  record: SuspendRecord,
): Promise<void> {
  const { name, directory } = instance;
  const key = record.sealed ? await instance.openKey?.() : undefined;
  const machine = await machineOf(monitor);
  refuseMismatch(name, record, { version: record.version, hardware: record.hardware ?? "", machine });
  ctx.progress({ phase: "resume" });
  try {
    await loadMemory(ctx, monitor, socket, {
      file: memoryIn(directory),
      ...{ bytes: record.bytes, plain: record.plain, key },
    });
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw cannotResume(name, `its memory could not be read back: ${messageOf(error)}`, error);
  }
  ctx.signal.throwIfAborted();
  await goOn(monitor, instance);
}

/** Lets a halted guest run. Its memory on disk is out of date from that moment, so the record of it goes first. */
export async function goOn(monitor: QmpClient, instance: DriverInstance): Promise<void> {
  const { directory } = instance;
  const record = await readSuspendRecord(directory, instance).catch(() => undefined);
  await removeSuspendRecord(directory);
  try {
    await monitor.execute("cont");
  } catch (error) {
    if (record) await writeSuspendRecord(directory, record);
    throw error;
  }
  await rm(memoryIn(directory), { force: true });
}

async function versionOf(monitor: QmpClient): Promise<string> {
  const answer = (await monitor.execute("query-version")) as { qemu?: Record<string, unknown> };
  const { major, minor, micro } = answer.qemu ?? {};
  return `${major}.${minor}.${micro}`;
}

/** The versioned type behind a name such as `q35`. */
async function machineOf(monitor: QmpClient): Promise<string> {
  return String(await monitor.execute("qom-get", { path: "/machine", property: "type" }));
}
