/** The backups of a repository: listed, forgotten, tagged anew. */
import * as z from "zod";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { PlacedFile } from "../places/place.ts";
import { damaged, isDamage } from "./damage.ts";
import type { JsonFiles } from "./files.ts";
import { parseSnapshot, type Snapshot } from "./snapshot.ts";
import { Tasks } from "./tasks.ts";

export type Snapshots = {
  /** The oldest first. */
  snapshots: Snapshot[];
  /** Those whose files cannot be read. They hide no others. */
  unreadable: { id: string; error: unknown }[];
};

export async function loadSnapshots(ctx: Ctx, files: JsonFiles): Promise<Snapshots> {
  const found: Snapshots = { snapshots: [], unreadable: [] };
  const tasks = new Tasks();
  for await (const file of files.place.list(ctx, "snapshots")) {
    await tasks.below(files.place.connections);
    tasks.add(loadInto(found, ctx, files, file));
  }
  await tasks.all();
  found.snapshots.sort((a, b) => a.timeMs - b.timeMs || (a.id < b.id ? -1 : 1));
  return found;
}

async function loadInto(found: Snapshots, ctx: Ctx, files: JsonFiles, file: PlacedFile): Promise<void> {
  const id = file.name;
  try {
    found.snapshots.push(parseSnapshot(id, await files.load(ctx, { kind: "snapshots", ...file })));
  } catch (error) {
    if (error instanceof EngineError && error.code === "not-found") return; // Forgotten meanwhile.
    if (!isDamage(error)) throw error;
    found.unreadable.push({ id, error });
  }
}

export async function forget(ctx: Ctx, files: JsonFiles, ids: readonly string[]): Promise<void> {
  for (const name of ids) await files.place.remove(ctx, { kind: "snapshots", name });
}

/** The same backup with other tags: a new file, then the old one goes. What others have written in it stays. */
export async function retag(
  ctx: Ctx,
  files: JsonFiles,
  id: string,
  tags: readonly string[],
): Promise<Snapshot> {
  const { data } = z
    .record(z.string(), z.unknown())
    .safeParse(await files.load(ctx, { kind: "snapshots", name: id }));
  if (!data) throw damaged(`the backup ${id}`, "it is no record");
  const { original } = parseSnapshot(id, data);
  const json = { ...data, tags, original: original ?? id };
  const changed = parseSnapshot(await files.save(ctx, "snapshots", json), json);
  await files.place.remove(ctx, { kind: "snapshots", name: id });
  return changed;
}
