/** Finding images by what people call them. Pure. */
import type { ImageEntry } from "../../api/image.ts";
import type { Arch } from "../../api/instance.ts";
import type { CatalogImage } from "./catalog.ts";

/** How much of a checksum is enough to mean it. */
const HASH_PREFIX = /^[0-9a-f]{8,64}$/;

/** The first image that the name means exactly: its name, an alias, or the beginning of its SHA-256. */
export function matchName(
  images: readonly CatalogImage[],
  name: string,
  arch: Arch,
): CatalogImage | undefined {
  const candidates = images.filter((image) => image.arch === arch);
  return (
    candidates.find((image) => image.name === name || image.aliases.includes(name)) ??
    (HASH_PREFIX.test(name) ? candidates.find((image) => sha256Of(image)?.startsWith(name)) : undefined)
  );
}

export function sha256Of(image: CatalogImage): string | undefined {
  const { checksum } = image;
  return checksum && "hex" in checksum && checksum.algorithm === "sha256" ? checksum.hex : undefined;
}

/** What to give to launch. */
export const referenceOf = (image: CatalogImage): string =>
  image.remote === "" || image.remote === "release" ? image.name : `${image.remote}:${image.name}`;

/** Whether a search for `text` shows this entry. */
export function matchesSearch(entry: ImageEntry, text: string): boolean {
  const needle = text.trim().toLowerCase();
  const words = [entry.reference, entry.os, entry.release, entry.codename ?? "", ...entry.aliases];
  if (HASH_PREFIX.test(needle) && entry.sha256?.startsWith(needle)) return true;
  return words.some((word) => word.toLowerCase().includes(needle));
}

/** A daily image is news only where its release has no release image yet. */
export function withoutRepeatedDailies(images: readonly CatalogImage[]): CatalogImage[] {
  const released = new Set(
    images.filter((image) => image.remote === "release").map((image) => `${image.name} ${image.arch}`),
  );
  return images.filter((image) => image.remote !== "daily" || !released.has(`${image.name} ${image.arch}`));
}

const MAX_SUGGESTIONS = 5;

/** The names nearest to a misspelled one, nearest first. */
export function nearMatches(names: Iterable<string>, wanted: string): string[] {
  const scored: { name: string; score: number }[] = [];
  for (const name of new Set(names)) {
    const score = name.startsWith(wanted) || name.includes(wanted) ? 1 : distance(name, wanted);
    if (score <= Math.max(1, Math.floor(wanted.length / 3))) scored.push({ name, score });
  }
  scored.sort((a, b) => a.score - b.score || a.name.length - b.name.length || a.name.localeCompare(b.name));
  return scored.slice(0, MAX_SUGGESTIONS).map(({ name }) => name);
}

/** How many letters to insert, remove, change or swap with a neighbour; names longer than any real one are far off. */
export function distance(a: string, b: string): number {
  if (Math.max(a.length, b.length) > 64) return Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const change = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      const swapped = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j];
      const swap = swapped ? (before[j - 1] ?? 0) + 1 : change;
      next.push(Math.min(change, swap, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
