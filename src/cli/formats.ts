/** How lists and facts are printed under each of the command's two names. Pure. */
import type { AliasBook } from "../api/alias.ts";
import type { ImageEntry } from "../api/image.ts";
import type { Instance } from "../api/instance.ts";
import type { HostNetwork } from "../api/network.ts";
import type { Snapshot } from "../api/snapshot.ts";
import type { Zone } from "../api/zone.ts";
import { formatFind, formatList, formatVersion, infoJson, infoText, json } from "./format.ts";
import { formatSnapshots, snapshotJson, snapshotText } from "./format-snapshots.ts";
import type { InfoReport } from "./info.ts";
import { listFormat } from "./multipass/formats.ts";
import { infoFormat } from "./multipass/info-formats.ts";
import {
  aliasFormat,
  findFormat,
  networksFormat,
  versionFormat,
  zonesFormat,
} from "./multipass/other-formats.ts";
import { snapshotListFormat } from "./multipass/snapshot-formats.ts";

/** What the command is called: `berth`, or `multipass` where it stands in for that. */
export type Dialect = "berth" | "multipass";

export const FORMATS = ["table", "json", "csv", "yaml"] as const;
export type AnyFormat = (typeof FORMATS)[number];

export type Formats = {
  list(items: readonly Instance[], format: AnyFormat, how?: { addresses: boolean }): string;
  info(report: InfoReport, format: AnyFormat): string;
  snapshots(items: readonly Snapshot[], format: AnyFormat): string;
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
  find: findFormat,
  aliases: aliasFormat,
  networks: networksFormat,
  zones: zonesFormat,
  version: versionFormat,
};

/** Tables in our own words, JSON with our own facts added; CSV and YAML are Multipass's. */
const BERTH: Formats = {
  list: (items, format, how) => (isOwn(format) ? formatList(items, format) : listFormat(items, format, how)),
  info: (report, format) => (isOwn(format) ? formatReport(report, format) : infoFormat(report, format)),
  snapshots: (items, format) =>
    isOwn(format) ? formatSnapshots(items, format) : snapshotListFormat(items, format),
  find: (items, format, query) =>
    isOwn(format) ? formatFind(items, format) : findFormat(items, format, query),
  aliases: aliasFormat,
  networks: networksFormat,
  zones: zonesFormat,
  version: (cli, engine, format) =>
    isOwn(format) ? formatVersion(cli, engine, format) : versionFormat(cli, engine, format),
};

/** Instances first, then snapshots; in JSON the snapshots of an instance are a member of it. */
function formatReport({ items, snapshots, onlySnapshots }: InfoReport, format: "table" | "json"): string {
  if (format === "json") return json({ errors: [], info: reportJson({ items, snapshots }) });
  const parts = [...items.map(infoText), ...snapshots.map(snapshotText)];
  return parts.join("\n") || `No ${onlySnapshots ? "snapshots" : "instances"} found.\n`;
}

function reportJson({ items, snapshots }: Pick<InfoReport, "items" | "snapshots">): Record<string, object> {
  const all: Record<string, object & { snapshots?: object }> = {};
  for (const item of items) all[item.instance.name] = infoJson(item);
  for (const one of snapshots) {
    const known = all[one.instance];
    all[one.instance] = { ...known, snapshots: { ...known?.snapshots, [one.name]: snapshotJson(one) } };
  }
  return all;
}

function isOwn(format: AnyFormat): format is "table" | "json" {
  return format === "table" || format === "json";
}

export function formatsOf(dialect: Dialect): Formats {
  return dialect === "multipass" ? MULTIPASS : BERTH;
}
