/** How lists and facts are printed under each of the command's two names. Pure. */
import type { AliasBook } from "../api/alias.ts";
import type { ImageEntry } from "../api/image.ts";
import type { Instance } from "../api/instance.ts";
import type { HostNetwork } from "../api/network.ts";
import type { Snapshot } from "../api/snapshot.ts";
import type { Zone } from "../api/zone.ts";
import { formatFind, formatInfo, formatList, formatVersion, type InfoItem } from "./format.ts";
import { formatSnapshotInfo, formatSnapshots } from "./format-snapshots.ts";
import { infoFormat, listFormat } from "./multipass/formats.ts";
import {
  aliasFormat,
  findFormat,
  networksFormat,
  versionFormat,
  zonesFormat,
} from "./multipass/other-formats.ts";
import { snapshotInfoFormat, snapshotListFormat } from "./multipass/snapshot-formats.ts";

/** What the command is called: `berth`, or `multipass` where it stands in for that. */
export type Dialect = "berth" | "multipass";

export const FORMATS = ["table", "json", "csv", "yaml"] as const;
export type AnyFormat = (typeof FORMATS)[number];

export type Formats = {
  list(items: readonly Instance[], format: AnyFormat): string;
  info(items: readonly InfoItem[], format: AnyFormat): string;
  snapshots(items: readonly Snapshot[], format: AnyFormat): string;
  snapshotInfo(items: readonly Snapshot[], format: AnyFormat): string;
  /** `query` is what was searched for. */
  find(items: readonly ImageEntry[], format: AnyFormat, query: string): string;
  aliases(book: AliasBook, format: AnyFormat): string;
  networks(items: readonly HostNetwork[], format: AnyFormat): string;
  zones(items: readonly Zone[], format: AnyFormat): string;
  version(cli: string, engine: string | undefined, format: AnyFormat): string;
};

const MULTIPASS: Formats = {
  list: listFormat,
  info: infoFormat,
  snapshots: snapshotListFormat,
  snapshotInfo: snapshotInfoFormat,
  find: findFormat,
  aliases: aliasFormat,
  networks: networksFormat,
  zones: zonesFormat,
  version: versionFormat,
};

/** Tables in our own words, JSON with our own facts added; CSV and YAML are Multipass's. */
const BERTH: Formats = {
  list: (items, format) => (isOwn(format) ? formatList(items, format) : listFormat(items, format)),
  info: (items, format) => (isOwn(format) ? formatInfo(items, format) : infoFormat(items, format)),
  snapshots: (items, format) =>
    isOwn(format) ? formatSnapshots(items, format) : snapshotListFormat(items, format),
  snapshotInfo: (items, format) =>
    isOwn(format) ? formatSnapshotInfo(items, format) : snapshotInfoFormat(items, format),
  find: (items, format, query) =>
    isOwn(format) ? formatFind(items, format) : findFormat(items, format, query),
  aliases: aliasFormat,
  networks: networksFormat,
  zones: zonesFormat,
  version: (cli, engine, format) =>
    isOwn(format) ? formatVersion(cli, engine, format) : versionFormat(cli, engine, format),
};

function isOwn(format: AnyFormat): format is "table" | "json" {
  return format === "table" || format === "json";
}

export function formatsOf(dialect: Dialect): Formats {
  return dialect === "multipass" ? MULTIPASS : BERTH;
}
