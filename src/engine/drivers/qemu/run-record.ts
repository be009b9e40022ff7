/** What an engine writes down of a QEMU it started, so that the next engine can adopt it. */
import { rm } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { Problem } from "../../../api/instance.ts";
import { NetworkMode } from "../../../api/network-mode.ts";
import { readIfThere, writeFileDurable } from "../../../base/durable.ts";

const RunRecord = z.object({
  schema: z.literal(1),
  /** Whose it is: a copied directory must not lead to the original's guest. */
  instance: z.string(),
  /** All three must agree with a living process before it is taken for ours. */
  process: z.object({ pid: z.int(), startTime: z.string(), bootId: z.string() }),
  monitor: z.string(),
  sshPort: z.int(),
  /** The guest's end of forwards; absent where that is the instance's own address. */
  guestAddress: z.ipv4().optional(),
  /** The socket of its LAN NIC; absent where it has none. */
  lan: z.string().optional(),
  /** What the guest reaches now; absent in records of earlier engines, whose runs never changed that. */
  network: NetworkMode.optional(),
  /** The NIC by which a way out leads, which is there from the start of a run or not at all. */
  wayOut: z.enum(["net", "out"]).optional(),
  /** Where its serial console listens; absent where an earlier engine has started it without one. */
  console: z.union([z.object({ path: z.string() }), z.object({ port: z.int() })]).optional(),
  accelerator: z.enum(["kvm", "hvf", "whpx", "tcg"]),
  startedAt: z.iso.datetime(),
  /** The Unix socket of its screen; absent where it has none. */
  vnc: z.string().optional(),
  /** What makes its TPM. */
  tpm: z
    .object({
      process: z.object({ pid: z.int(), startTime: z.string(), bootId: z.string() }),
      socket: z.string(),
    })
    .optional(),
  problems: z.array(Problem),
  /** What it offers of this host's directories. */
  shares: z
    .array(z.object({ target: z.string(), tag: z.string(), filesystem: z.enum(["9p", "virtiofs"]) }))
    .default([]),
  /** Digest of the arguments that the guest can see; absent in records of earlier engines. */
  hardware: z.string().optional(),
});
export type RunRecord = z.infer<typeof RunRecord>;

const fileIn = (directory: string) => path.join(directory, "run.json");

export function writeRunRecord(directory: string, record: RunRecord): Promise<void> {
  return writeFileDurable(fileIn(directory), JSON.stringify(record));
}

/** Undefined where there is none, or none that can be read: then nothing of ours is known to run. */
export async function readRunRecord(directory: string): Promise<RunRecord | undefined> {
  const text = await readIfThere(fileIn(directory));
  if (text === undefined) return undefined;
  try {
    return RunRecord.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function removeRunRecord(directory: string): Promise<void> {
  return rm(fileIn(directory), { force: true });
}
