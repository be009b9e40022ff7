/**
 * How QEMU's programs get at an instance's disks: as they are, or with the key that they are encrypted by. A key is
 * given sealed on the command line, and what opens that in a file of this user's, which goes when it has been read: it
 * is never an argument, nor in a log.
 */
import { createCipheriv, randomBytes } from "node:crypto";
import { readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { EngineError } from "../../../base/errors.ts";
import { RunError } from "../../../base/run.ts";
import type { Secret } from "../../../base/secret.ts";
import type { DriverInstance } from "../driver.ts";
import { escaped } from "./argv-text.ts";

/** QEMU's name for the key of an instance's disks, as the argument of `-blockdev` and of `qemu-img` has it. */
export const DISK_KEY = "disk-key";
/** And for another one, where two are needed. */
export const OTHER_KEY = "other-key";

const FILE_ENDING = ".key";
/** How long LUKS stretches a key, in milliseconds, at every opening. Ours are random, so that nothing is won by more. */
const STRETCH_MS = 10;

export type Door = {
  /** Arguments that give the keys. */
  objects: readonly string[];
  /** What a program is told for a file of the instance's. */
  name(file: string): string;
  /** Arguments that make a new disk like this instance's. */
  making: readonly string[];
};

/** Of an instance that is not encrypted. */
export const NO_KEY: Door = { objects: [], name: (file) => file, making: [] };

type Locked = Pick<DriverInstance, "id" | "name" | "runDirectory" | "openKey">;

/** Rejects with what to do where the instance's key is not at hand. */
export async function throughDoor<T>(instance: Locked, work: (door: Door) => Promise<T>): Promise<T> {
  if (!instance.openKey) return work(NO_KEY);
  return withKeys(instance, { [DISK_KEY]: await instance.openKey() }, (objects) =>
    work({ objects, name: (file) => openedBy(DISK_KEY, file), making: madeBy(DISK_KEY) }),
  );
}

/** Gives keys to the programs that run within `work`. A wrong one is told in our own words. */
export async function withKeys<T>(
  instance: Pick<Locked, "id" | "name" | "runDirectory">,
  keys: Readonly<Record<string, Secret>>,
  work: (objects: readonly string[]) => Promise<T>,
): Promise<T> {
  const { objects, done } = await handOver(instance, keys);
  try {
    return await work(objects);
  } catch (error) {
    throw wrongKey(instance.name, error) ?? error;
  } finally {
    await done();
  }
}

/** The arguments, and what removes the file when a program has read it. */
export async function handOver(
  { id, runDirectory }: Pick<Locked, "id" | "runDirectory">,
  keys: Readonly<Record<string, Secret>>,
): Promise<{ objects: string[]; done: () => Promise<void> }> {
  const over = randomBytes(32);
  const file = path.join(runDirectory, `${id.slice(0, 8)}-${randomBytes(4).toString("hex")}${FILE_ENDING}`);
  await writeFile(file, over.toString("base64"), { mode: 0o600, flag: "wx" });
  const sealed = Object.entries(keys).map(([name, key]) => {
    const iv = randomBytes(16);
    const cipher = createCipheriv("aes-256-cbc", over, iv);
    const data = Buffer.concat([cipher.update(key.reveal()), cipher.final()]).toString("base64");
    return `secret,id=${name},keyid=over,iv=${iv.toString("base64")},data=${data},format=base64`;
  });
  const objects = [`secret,id=over,file=${escaped(file)},format=base64`, ...sealed];
  return {
    objects: objects.flatMap((one) => ["--object", one]),
    done: () => rm(file, { force: true }),
  };
}

/** What an engine that was killed has left of an instance that does not run. What it opened is gone. */
export async function removeLeftKeys({
  id,
  runDirectory,
}: Pick<Locked, "id" | "runDirectory">): Promise<void> {
  const names = await readdir(runDirectory).catch(() => []);
  const left = names.filter((name) => name.startsWith(`${id.slice(0, 8)}-`) && name.endsWith(FILE_ENDING));
  await Promise.all(left.map((name) => rm(path.join(runDirectory, name), { force: true })));
}

/** Without what only QEMU may know, for a log. Pure. */
export function printable(argv: readonly string[]): string[] {
  return argv.map((word) => (word.startsWith("secret,") ? word.replace(/,data=[^,]*/, ",data=***") : word));
}

/** As QEMU's `json:` names have it, which no file's name can be taken for. */
export function openedBy(key: string, file: string): string {
  const image = { driver: "qcow2", file: { driver: "file", filename: file }, encrypt: encryption(key) };
  return `json:${JSON.stringify(image)}`;
}

/** The member `encrypt` of a qcow2 node. */
export function encryption(key: string) {
  return { format: "luks", "key-secret": key };
}

export function madeBy(key: string): string[] {
  return ["-o", `encrypt.format=luks,encrypt.key-secret=${key},encrypt.iter-time=${STRETCH_MS}`];
}

/** Arguments of `qemu-img amend` that let a disk be opened by one more key, or by one less. */
export function amendment(what: { added: string } | { removed: string }): string[] {
  if ("removed" in what) return ["-o", `encrypt.state=inactive,encrypt.old-secret=${what.removed}`];
  return ["-o", `encrypt.state=active,encrypt.new-secret=${what.added},encrypt.iter-time=${STRETCH_MS}`];
}

const WRONG = /cannot unlock any keyslot/i;

export function isWrongKey(error: unknown): boolean {
  return error instanceof RunError
    ? WRONG.test(error.stderr)
    : error instanceof Error && WRONG.test(error.message);
}

export function wrongKey(name: string, error: unknown): EngineError | undefined {
  if (!isWrongKey(error)) return undefined;
  return new EngineError(
    "wrong-state",
    `cannot open the encrypted disks of ${name}: its key does not fit them`,
    {
      hint: "Put back the disks and the key of its directory from one backup.",
      cause: error,
    },
  );
}
