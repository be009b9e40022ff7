/** A backup: a tree at a time, with what is said of it. Restic calls it a snapshot. */
import * as z from "zod";
import { damaged } from "./damage.ts";
import { epochNs } from "./go-text.ts";

const Id = z.string().regex(/^[0-9a-f]{64}$/);
const Text = z.string().max(4096);
const Count = z.number().int().min(0);

const SummaryJson = z.object({
  backup_start: Text,
  backup_end: Text,
  files_new: Count,
  files_changed: Count,
  files_unmodified: Count,
  dirs_new: Count,
  dirs_changed: Count,
  dirs_unmodified: Count,
  data_blobs: Count,
  tree_blobs: Count,
  data_added: Count,
  data_added_packed: Count,
  total_files_processed: Count,
  total_bytes_processed: Count,
});

/** In restic's order and names. */
const SnapshotJson = z.object({
  time: Text.refine((time) => epochNs(time) !== undefined, "is no time"),
  parent: Id.nullish(),
  tree: Id,
  paths: z.array(Text).max(10_000).nullish(),
  hostname: Text.optional(),
  username: Text.optional(),
  uid: Count.optional(),
  gid: Count.optional(),
  excludes: z.array(Text).max(10_000).nullish(),
  tags: z.array(Text).max(10_000).nullish(),
  original: Id.nullish(),
  program_version: Text.optional(),
  summary: SummaryJson.optional().catch(undefined),
});
export type SnapshotJson = z.infer<typeof SnapshotJson>;
export type SnapshotSummary = z.infer<typeof SummaryJson>;

export type Snapshot = {
  /** The name of its file. */
  id: string;
  /** RFC 3339; `timeMs` is the same in milliseconds. */
  time: string;
  timeMs: number;
  tree: string;
  paths: string[];
  hostname: string;
  username: string;
  tags: string[];
  parent: string | undefined;
  /** The id it had before its tags were changed. */
  original: string | undefined;
  summary: SnapshotSummary | undefined;
};

export function parseSnapshot(id: string, json: unknown): Snapshot {
  const { data, error } = SnapshotJson.safeParse(json);
  if (!data) throw damaged(`the backup ${id}`, z.prettifyError(error).replaceAll("\n", " "));
  return {
    id,
    time: data.time,
    timeMs: Number((epochNs(data.time) ?? 0n) / 1_000_000n),
    tree: data.tree,
    paths: data.paths ?? [],
    hostname: data.hostname ?? "",
    username: data.username ?? "",
    tags: data.tags ?? [],
    parent: data.parent ?? undefined,
    original: data.original ?? undefined,
    summary: data.summary,
  };
}
