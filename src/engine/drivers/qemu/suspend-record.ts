/**
 * What lies beside the memory of a suspended guest: what can read it again. While this record is there the memory is
 * the guest's newest; it is removed before the guest goes on, for from then on its disk is newer than the memory.
 */
import { rm } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { exists, moveDurable, readIfThere, writeFileDurable } from "../../../base/durable.ts";
import { EngineError } from "../../../base/errors.ts";

const SuspendRecord = z.object({
  schema: z.literal(1),
  /** Whose it is: a copied directory must not lead to another's memory. */
  instance: z.string(),
  /** Of the QEMU that wrote it, such as 7.2.22. */
  version: z.string(),
  /** QEMU's versioned name of the machine, such as pc-q35-7.2-machine. */
  machine: z.string().regex(/^[\w.-]+$/),
  /** Digest of all arguments that the guest can see. Absent where it was started by an engine that noted none. */
  hardware: z.string().optional(),
  bytes: z.int().nonnegative(),
  plain: z.object({ bytes: z.int().nonnegative(), crc32: z.int().nonnegative() }).optional(),
  sealed: z.literal(true).optional(),
  suspendedAt: z.iso.datetime(),
});
export type SuspendRecord = z.infer<typeof SuspendRecord>;

const fileIn = (directory: string) => path.join(directory, "suspend.json");

/** The guest's memory and devices, compressed, and sealed where the instance is encrypted. */
export const memoryIn = (directory: string) => path.join(directory, "memory.zst");

export function writeSuspendRecord(directory: string, record: SuspendRecord): Promise<void> {
  return writeFileDurable(fileIn(directory), JSON.stringify(record));
}

/** Whether there is one, readable or not. */
export function hasSuspendRecord(directory: string): Promise<boolean> {
  return exists(fileIn(directory));
}

/** Undefined where the guest is not suspended. Throws where it is and nobody can tell by what. */
export async function readSuspendRecord(
  directory: string,
  instance: { id: string; name: string },
): Promise<SuspendRecord | undefined> {
  const text = await readIfThere(fileIn(directory));
  if (text === undefined) return undefined;
  const parsed = SuspendRecord.safeParse(jsonOf(text));
  if (parsed.success && parsed.data.instance === instance.id) return parsed.data;
  throw cannotResume(instance.name, "the record of its memory is damaged");
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Gone for good when this resolves, even if the power fails: a guest that ran must never meet its old memory. */
export async function removeSuspendRecord(directory: string): Promise<void> {
  const file = fileIn(directory);
  if (await exists(file)) await moveDurable(file, `${file}.used`);
  await rm(`${file}.used`, { force: true });
}

/** The memory stays where it is until the user decides. */
export function cannotResume(name: string, reason: string, cause?: unknown): EngineError {
  return new EngineError("wrong-state", `cannot resume ${name}: ${reason}`, {
    hint: `Put back what it was suspended with, or boot it anew without its memory: berth start --cold ${name}`,
    details: { cold: true },
    cause,
  });
}

/**
 * What the guest was suspended with, of what it may be started with: its mode may have been changed while it ran, and its
 * NICs not. The first where that is none of them, or it is not suspended.
 */
export function asSuspended<T>(
  record: SuspendRecord | undefined,
  [first, ...others]: [T, ...T[]],
  hardwareOf: (one: T) => string,
): T {
  if (record?.hardware === undefined) return first;
  return [first, ...others].find((one) => hardwareOf(one) === record.hardware) ?? first;
}

/** Why this QEMU cannot take the memory; undefined when it can. Pure. */
export function mismatch(
  record: SuspendRecord,
  here: { version: string; hardware: string; machine?: string },
): string | undefined {
  if (isOlder(here.version, record.version))
    return `it was suspended by QEMU ${record.version}, and this is QEMU ${here.version}`;
  if (here.machine !== undefined && record.machine !== here.machine)
    return `it was suspended on the machine type ${record.machine}, and this QEMU has ${here.machine}`;
  if (record.hardware !== undefined && record.hardware !== here.hardware)
    return "it was suspended with other virtual hardware than it would get now";
  return undefined;
}

/** Throws where this QEMU cannot take the memory. */
export function refuseMismatch(
  name: string,
  record: SuspendRecord,
  here: { version: string; hardware: string; machine?: string },
): void {
  const reason = mismatch(record, here);
  if (reason !== undefined) throw cannotResume(name, reason);
}

/** What to ask QEMU for to get that machine again: `pc-q35-7.2` of `pc-q35-7.2-machine`. Pure. */
export function machineName({ machine }: SuspendRecord): string {
  return machine.replace(/-machine$/, "");
}

/**
 * QEMU keeps its machines the same within a series, so 7.2.22 reads what 7.2.19 wrote, and it keeps the machines of
 * earlier series for years. What a later one wrote it cannot read.
 */
export function isOlder(version: string, than: string): boolean {
  const [mine, theirs] = [seriesOf(version), seriesOf(than)];
  return mine[0] < theirs[0] || (mine[0] === theirs[0] && mine[1] < theirs[1]);
}

export function isOtherSeries(version: string, other: string): boolean {
  return isOlder(version, other) || isOlder(other, version);
}

function seriesOf(version: string): [number, number] {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return [major, minor];
}
