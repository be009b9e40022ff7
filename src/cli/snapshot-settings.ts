/** The words of a snapshot as settings: `local.<instance>.<snapshot>.name` and `.comment`. */
import type { Session } from "./session.ts";
import { findSnapshot } from "./snapshots.ts";

const PROPERTIES = ["comment", "name"] as const;

/** A key taken apart. */
export type SnapshotKey = {
  key: string;
  instance: string;
  snapshot: string;
  property: (typeof PROPERTIES)[number];
};

/** Undefined for every other setting. Pure. */
export function snapshotKey(key: string | undefined): SnapshotKey | undefined {
  const match = /^local\.([^.]+)\.([^.]+)\.(name|comment)$/.exec(key ?? "");
  const [whole, instance, snapshot, property] = match ?? [];
  if (whole === undefined || instance === undefined || snapshot === undefined) return undefined;
  return { key: whole, instance, snapshot, property: property as SnapshotKey["property"] };
}

/** The keys of all snapshots. */
export async function snapshotKeys(session: Session): Promise<string[]> {
  const { api } = await session.client();
  const { items } = await api.snapshots.list({});
  return items.flatMap(({ instance, name }) =>
    PROPERTIES.map((property) => `local.${instance}.${name}.${property}`),
  );
}

export async function getSnapshotWord(
  session: Session,
  { instance, snapshot, property }: SnapshotKey,
): Promise<string> {
  return (await findSnapshot(session, { instance, snapshot }))[property];
}

export async function setSnapshotWord(session: Session, wanted: SnapshotKey, value: string): Promise<void> {
  const { instance, snapshot, property } = wanted;
  const words = property === "name" ? { to: value } : { comment: value };
  await session.operate((api) => api.snapshots.update({ name: instance, snapshot, ...words }));
}
