/** What a backup says of itself in restic's own words, which are tags: read without opening anything else of it. Pure. */
import * as z from "zod";
import { ProjectName } from "../../api/access.ts";
import { type Backup, BackupConsistency } from "../../api/backup.ts";
import type { Snapshot } from "./repository/snapshot.ts";

export type BackupFacts = {
  /** Of the instance. */
  id: string;
  kind: Backup["instance"]["kind"];
  /** Of the instance; the default one where left out. */
  project?: string | undefined;
  consistency: BackupConsistency;
  /** The point in time of its disks that it holds. */
  point: string;
  /** How often something else than the guest had changed each disk, by the disk's id. */
  generations: Readonly<Record<string, number>>;
  isProtected: boolean;
  /** When it was last proven that it can be restored. */
  drilledAt?: string | undefined;
};

const OURS = "berth";
const CONTAINER = "container";
const PROTECTED = "protected";
const DRILLED = "drilled:";

export function tagsOf(facts: BackupFacts): string[] {
  const { id, kind, project, consistency, point, generations, isProtected } = facts;
  return [
    ...[OURS, `instance:${id}`, `consistency:${consistency}`, `point:${point}`],
    ...Object.entries(generations).map(([disk, generation]) => `generation:${disk}=${generation}`),
    ...(kind === "container" ? [CONTAINER] : []),
    ...(project === undefined ? [] : [`project:${project}`]),
    ...(isProtected ? [PROTECTED] : []),
  ];
}

/** Undefined for what is no backup of an instance. */
export function factsOf({ tags }: Pick<Snapshot, "tags">): BackupFacts | undefined {
  const said = (key: string) => tags.find((tag) => tag.startsWith(`${key}:`))?.slice(key.length + 1);
  const id = z.uuid().safeParse(said("instance"));
  if (!tags.includes(OURS) || !id.success) return undefined;
  const generations = tags.flatMap((tag) => {
    const [, disk, generation] = /^generation:([0-9a-z-]{1,64})=(\d{1,15})$/.exec(tag) ?? [];
    return disk === undefined ? [] : [[disk, Number(generation)] as const];
  });
  return {
    id: id.data,
    kind: tags.includes(CONTAINER) ? "container" : "vm",
    project: ProjectName.safeParse(said("project")).data,
    consistency: BackupConsistency.safeParse(said("consistency")).data ?? "crash",
    point: said("point") ?? "",
    generations: Object.fromEntries(generations),
    isProtected: tags.includes(PROTECTED),
    drilledAt: z.iso.datetime().safeParse(said("drilled")).data,
  };
}

/** The same backup, proven to be one that can be restored. */
export function withDrill(tags: readonly string[], at: Date): string[] {
  return [...tags.filter((tag) => !tag.startsWith(DRILLED)), `${DRILLED}${at.toISOString()}`];
}

/** The same backup, protected or no longer. What others have tagged it with stays. */
export function withProtection(tags: readonly string[], isProtected: boolean): string[] {
  const others = tags.filter((tag) => tag !== PROTECTED);
  return isProtected ? [...others, PROTECTED] : others;
}

/** What restic groups backups by: the name that the instance had. */
export function pathOfInstance(name: string): string {
  return `/${name}`;
}

/** Undefined for what is no backup of an instance. */
export function backupOf(snapshot: Snapshot, repository: string): Backup | undefined {
  const facts = factsOf(snapshot);
  if (!facts) return undefined;
  const { id, kind, project, consistency, isProtected, drilledAt } = facts;
  const { paths, timeMs, summary } = snapshot;
  return {
    ...{ id: snapshot.id, repository, consistency, isProtected },
    instance: { id, kind, name: paths[0]?.slice(1) ?? id, ...(project === undefined ? {} : { project }) },
    at: new Date(timeMs).toISOString(),
    sizeBytes: summary?.total_bytes_processed ?? 0,
    addedBytes: summary?.data_added_packed ?? 0,
    ...(drilledAt === undefined ? {} : { drilledAt }),
  };
}

/** Where what is made of a backup belongs: where its instance did. */
export function projectIn(snapshot: Pick<Snapshot, "tags">): { project?: string } {
  const project = factsOf(snapshot)?.project;
  return project === undefined ? {} : { project };
}
