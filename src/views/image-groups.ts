/** Images of catalogs in groups, as the wizard and the view list them. Pure, and without schemas: a view loads it. */

import type { ImageEntry } from "../api/image.ts";
import { l10n } from "./l10n.ts";
import { sizeText } from "./phrases.ts";

export type ImageChoice = {
  reference: string;
  label: string;
  description: string;
  detail: string;
  os: string;
  cached: boolean;
};

export type ImageGroup = { title: string; choices: ImageChoice[] };

/** Aliases by which a distribution names what most people want. */
const POPULAR = new Set([
  "lts",
  "default",
  "debian",
  "fedora",
  "alpine",
  "rocky",
  "alma",
  "arch",
  "opensuse",
]);

/** Popular images first, then one group per distribution and remote, newest release first. */
export function groupImages(entries: readonly ImageEntry[]): ImageGroup[] {
  const popular = entries.filter(isPopular);
  const groups = new Map<string, ImageEntry[]>();
  for (const entry of entries) {
    if (popular.includes(entry)) continue;
    const title = groupTitle(entry);
    groups.set(title, [...(groups.get(title) ?? []), entry]);
  }
  return [
    ...(popular.length > 0 ? [{ title: l10n.t("Popular"), choices: popular.map(toChoice) }] : []),
    ...[...groups].map(([title, all]) => ({ title, choices: all.sort(newestFirst).map(toChoice) })),
  ];
}

function isPopular({ remote, aliases, reference }: ImageEntry): boolean {
  if (remote === "daily" || remote === "minimal") return false;
  return POPULAR.has(reference) || aliases.some((alias) => POPULAR.has(alias));
}

function groupTitle({ os, remote }: ImageEntry): string {
  return remote === "" || remote === "release" ? os : `${os} · ${remote}`;
}

function newestFirst(a: ImageEntry, b: ImageEntry): number {
  return b.release.localeCompare(a.release, "en", { numeric: true });
}

function toChoice(entry: ImageEntry): ImageChoice {
  const { reference, os, release, codename, version, sizeBytes, cached, aliases, supported } = entry;
  const facts = [
    version === "latest" ? l10n.t("latest version") : l10n.t("version {0}", version),
    ...(sizeBytes === undefined ? [] : [sizeText(sizeBytes)]),
    ...(cached ? [l10n.t("on this host")] : []),
    ...(supported ? [] : [l10n.t("no longer supported")]),
  ];
  const names = [reference, ...aliases].filter((name, index, all) => all.indexOf(name) === index);
  return {
    reference,
    label: [os, release, codename && `“${codename}”`].filter(Boolean).join(" "),
    description: names.slice(0, 4).join(", "),
    detail: facts.join(" · "),
    os,
    cached,
  };
}
