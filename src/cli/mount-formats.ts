/** Mounts as every format shows them, under either name. Pure. */
import type { IdMapping, Mount } from "../api/mount.ts";

const mapping = ({ host, guest }: IdMapping) => `${host}:${guest < 0 ? "default" : guest}`;

type MountJson = Record<string, { uid_mappings: string[]; gid_mappings: string[]; source_path: string }>;

/** By target. */
export function mountsJson(mounts: readonly Mount[]): MountJson {
  const shown = ({ source, uids, gids }: Mount) => ({
    uid_mappings: uids.map(mapping),
    gid_mappings: gids.map(mapping),
    source_path: source,
  });
  return Object.fromEntries(mounts.map((one) => [one.target, shown(one)]));
}

/** Of a snapshot: by target, without the maps. */
export function mountSourcesJson(mounts: readonly Mount[]): Record<string, { source_path: string }> {
  return Object.fromEntries(mounts.map(({ source, target }) => [target, { source_path: source }]));
}

export function mountsCell(mounts: readonly Mount[]): string {
  return mounts.map(({ source, target }) => `${source} => ${target}`).join(";");
}

/** A line for each mount, and with `maps` two more beneath it; lines after the first begin at `column`. */
export function mountsText(
  mounts: readonly Mount[],
  { column, maps }: { column: number; maps: boolean },
): string {
  const width = Math.max(0, ...mounts.map(({ source }) => source.length));
  const lines = mounts.flatMap(({ source, target, uids, gids }) => [
    `${source.padEnd(width)} => ${target}`,
    ...(maps && uids.length > 0 ? [`    UID map: ${uids.map(mapping).join(", ")}`] : []),
    ...(maps && gids.length > 0 ? [`    GID map: ${gids.map(mapping).join(", ")}`] : []),
  ]);
  return lines.join(`\n${" ".repeat(column)}`) || "--";
}
