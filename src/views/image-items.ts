/** What the view *Images* shows of images: on this host, and in catalogs. Pure. */

import type { CachedImage } from "../api/image.ts";
import type { Operation } from "../api/operation.ts";
import type { ImageChoice } from "./image-groups.ts";
import type { Icon } from "./items.ts";
import { l10n } from "./l10n.ts";
import { ageText, capitalised, listText, operationText, sizeText } from "./phrases.ts";
import { escapeMarkdown } from "./tooltip.ts";

export type ImageItem = {
  id: string;
  label: string;
  description: string;
  icon?: Icon;
  contextValue: string;
  ariaLabel: string;
  tooltip: string;
};

/** Most recently used first. */
export function sortCached(images: readonly CachedImage[]): CachedImage[] {
  return [...images].sort((a, b) => b.lastUsedAt.localeCompare(a.lastUsedAt) || a.id.localeCompare(b.id));
}

export function cachedItem(image: CachedImage, now: Date): ImageItem {
  const { id, os, release, reference, version, sizeBytes, fetchedAt, lastUsedAt, usedBy, verified } = image;
  const label = [os, release].filter(Boolean).join(" ") || reference;
  const use = usedBy.length === 0 ? l10n.t("unused") : l10n.t("used by {0}", listText(usedBy));
  const facts = [sizeText(sizeBytes), ageText(fetchedAt, now), use];
  return {
    id: `cached:${id}`,
    label,
    description: facts.join(" · "),
    icon: verified ? { id: "package" } : { id: "package", color: "list.warningForeground" },
    contextValue: ["image.cached", "launch", ...(usedBy.length === 0 ? ["remove"] : [])].join("+"),
    ariaLabel: [label, ...facts, ...(verified ? [] : [l10n.t("not verified")])].join(", "),
    tooltip: imageTooltip(label, [
      [l10n.t("Reference"), reference],
      [l10n.t("Version"), version],
      [l10n.t("Architecture"), image.arch],
      [l10n.t("On this host"), sizeText(sizeBytes)],
      [l10n.t("Downloaded"), ageText(fetchedAt, now)],
      [l10n.t("Last used"), ageText(lastUsedAt, now)],
      [l10n.t("Used by"), usedBy.length === 0 ? l10n.t("no instance") : usedBy.join(", ")],
      [l10n.t("Checksum"), verified ? id : l10n.t("none was published for it")],
    ]),
  };
}

export function availableItem(choice: ImageChoice, group: string): ImageItem {
  const { reference, label, description, detail, cached } = choice;
  return {
    id: `available:${group}:${reference}`,
    label,
    description: [description, ...(cached ? [l10n.t("on this host")] : [])].join(" · "),
    icon: { id: cached ? "package" : "cloud" },
    contextValue: ["image.available", "launch", ...(cached ? [] : ["pull"])].join("+"),
    ariaLabel: [label, description, detail].join(", "),
    tooltip: imageTooltip(label, [
      [l10n.t("Names"), description],
      [l10n.t("Facts"), detail],
    ]),
  };
}

export function pullingItem(operation: Operation): ImageItem {
  const doing = operationText(operation);
  return {
    id: `pulling:${operation.id}`,
    label: operation.target,
    description: doing,
    icon: { id: "loading~spin" },
    contextValue: "image.pulling",
    ariaLabel: `${operation.target}, ${doing}`,
    tooltip: imageTooltip(operation.target, [[l10n.t("Now"), capitalised(doing)]]),
  };
}

/** `3 · 1.2 GiB`. */
export function cachedSummary(images: readonly CachedImage[]): string {
  if (images.length === 0) return l10n.t("none yet");
  return `${images.length} · ${sizeText(images.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))}`;
}

/** A table beneath a heading. */
export function imageTooltip(title: string, rows: readonly [string, string][]): string {
  const lines = rows.map(([name, value]) => `| ${name}\u2003 | ${escapeMarkdown(value)} |`);
  return [`**${escapeMarkdown(title)}**`, "", "| | |", "|:--|:--|", ...lines].join("\n");
}
