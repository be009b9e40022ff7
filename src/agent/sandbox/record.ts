/**
 * What this host remembers of a sandbox: where it came from, and the project's files as they were then. It lies beside
 * the engine's data and is keyed by the instance's id, so that a rename changes nothing.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import type { Instance } from "../../api/instance.ts";
import { moveDurable, privateDirectory, writeFileDurable } from "../../base/durable.ts";
import { EngineError } from "../../base/errors.ts";
import type { Paths } from "../../base/paths.ts";
import type { EngineApi } from "../../client/engine-client.ts";
import type { FileEntry } from "./changes.ts";

export type SandboxRecord = {
  schema: 1;
  instanceId: string;
  /** The project on this host. */
  folder: string;
  /** Its copy in the guest; a relative path begins at the user's home. */
  directory: string;
  /** Name of the snapshot that was taken before anything was done in it. */
  snapshot: string;
  createdAt: string;
  /** What the project's files were when they were copied in, or last accepted. */
  entries: FileEntry[];
};

export type Sandbox = { instance: Instance; record: SandboxRecord; place: string };

const RECORD = "sandbox.json";
/** Copies of the project's files lie here. */
const BASE = "base";

export function sandboxesIn({ data }: Pick<Paths, "data">): string {
  return path.join(data, "sandboxes");
}

export function baseFile(place: string, file: string): string {
  return path.join(place, BASE, ...file.split("/"));
}

/** A directory for one that is being made; it becomes a sandbox's by `keep`. */
export async function newPlace(sandboxes: string): Promise<string> {
  await privateDirectory(sandboxes);
  const place = await mkdtemp(path.join(sandboxes, ".new-"));
  await privateDirectory(path.join(place, BASE));
  return place;
}

/** Resolves with where it lies now. */
export async function keep(sandboxes: string, place: string, record: SandboxRecord): Promise<string> {
  await writeRecord(place, record);
  const final = path.join(sandboxes, record.instanceId);
  await moveDurable(place, final);
  return final;
}

export async function writeRecord(place: string, record: SandboxRecord): Promise<void> {
  await writeFileDurable(path.join(place, RECORD), JSON.stringify(record));
}

export async function forget(place: string): Promise<void> {
  await rm(place, { recursive: true, force: true });
}

/** The sandbox of this name. Throws `not-found` where there is no such instance, `wrong-state` where it is none. */
export async function findSandbox(api: EngineApi, sandboxes: string, name: string): Promise<Sandbox> {
  const instance = await api.instances.get({ name });
  const place = path.join(sandboxes, instance.id);
  const text = await readFile(path.join(place, RECORD), "utf8").catch(() => undefined);
  if (text === undefined) {
    throw new EngineError("wrong-state", `cannot use ${name} as a sandbox: it was not made as one`, {
      hint: "berth sandbox DIR makes one of a folder; berth sandbox list shows those that are there.",
    });
  }
  return { instance, record: parse(text, name), place };
}

/** All that are there, in the order of their names; what has lost its instance is told apart. */
export async function listSandboxes(
  api: EngineApi,
  sandboxes: string,
): Promise<{ found: Sandbox[]; orphans: string[] }> {
  const names = await readdir(sandboxes).catch(() => [] as string[]);
  const { items } = await api.instances.list();
  const found: Sandbox[] = [];
  const orphans: string[] = [];
  for (const id of names.filter((one) => !one.startsWith("."))) {
    const instance = items.find((one) => one.id === id);
    if (!instance) orphans.push(path.join(sandboxes, id));
    else found.push(await findSandbox(api, sandboxes, instance.name));
  }
  return { found: found.sort((a, b) => a.instance.name.localeCompare(b.instance.name)), orphans };
}

function parse(text: string, name: string): SandboxRecord {
  const bad = (reason: string, cause?: unknown) =>
    new EngineError("internal", `cannot use ${name} as a sandbox: its record ${reason}`, { cause });
  let record: Partial<SandboxRecord>;
  try {
    record = JSON.parse(text) as Partial<SandboxRecord>;
  } catch (error) {
    throw bad("is damaged", error);
  }
  if (record.schema !== 1) throw bad("was written by another version of Berth");
  if (typeof record.folder !== "string" || !Array.isArray(record.entries)) throw bad("is damaged");
  return record as SandboxRecord;
}
