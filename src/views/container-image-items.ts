/** What the view *Images* shows of the images of containers, in the runtimes of this host. Pure. */
import type { ContainerRuntime } from "../api/container.ts";
import type { StoredContainerImage } from "../api/container-image.ts";
import type { Operation, ProgressPart } from "../api/operation.ts";
import { RUNTIME_NAMES } from "./container-items.ts";
import { type ImageItem, imageTooltip } from "./image-items.ts";
import type { Icon } from "./items.ts";
import { l10n } from "./l10n.ts";
import { ageText, listText, percentOf, shortReference, sizeText } from "./phrases.ts";

/** The newest first. */
export function sortStored(images: readonly StoredContainerImage[]): StoredContainerImage[] {
  return [...images].sort((a, b) => b.createdAt.localeCompare(a.createdAt) || a.id.localeCompare(b.id));
}

/** No container stands on it, whoever made that. */
export function isUnused({ usedBy, inUse }: StoredContainerImage): boolean {
  return usedBy.length === 0 && !inUse;
}

export function storedItem(image: StoredContainerImage, now: Date): ImageItem {
  const { id, runtime, references, digests, sizeBytes, createdAt, usedBy, ours } = image;
  const [name, ...others] = references.map(shortReference);
  const label = name ?? shortId(id);
  const facts = [sizeText(sizeBytes), ageText(createdAt, now), useText(image)];
  const flags = [...(name === undefined ? [] : ["launch", "pull"]), ...(isUnused(image) ? ["remove"] : [])];
  return {
    id: `stored:${runtime}:${id}`,
    label,
    description: [...others, ...facts].join(" · "),
    icon: { id: "package" },
    contextValue: ["image.stored", ...flags].join("+"),
    ariaLabel: [label, RUNTIME_NAMES[runtime], ...facts].join(", "),
    tooltip: imageTooltip(label, [
      [l10n.t("Names"), references.join(", ") || l10n.t("none")],
      [l10n.t("Runtime"), RUNTIME_NAMES[runtime]],
      [l10n.t("On this host"), sizeText(sizeBytes)],
      [l10n.t("Made"), ageText(createdAt, now)],
      [l10n.t("Used by"), usedBy.length === 0 ? useText(image) : usedBy.join(", ")],
      [l10n.t("Brought by Berth"), ours ? l10n.t("yes") : l10n.t("no")],
      [l10n.t("Digest"), digests[0] ?? id],
    ]),
  };
}

/** The images of one runtime; undefined while they are not known. */
export function runtimeItem(
  runtime: ContainerRuntime,
  images: readonly StoredContainerImage[] | undefined,
): ImageItem {
  const label = RUNTIME_NAMES[runtime];
  const bytes = images?.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) ?? 0;
  const summary = images?.length === 0 ? l10n.t("none yet") : `${images?.length} · ${sizeText(bytes)}`;
  return {
    id: `section:${runtime}`,
    label,
    description: images === undefined ? "" : summary,
    contextValue: "section.runtime+pull+build+prune",
    ariaLabel: l10n.t("Images of containers on {0}", label),
    tooltip: l10n.t("Images of containers on {0}", label),
  };
}

const LAYER_ICONS: Readonly<Record<ProgressPart["state"], Icon>> = {
  waiting: { id: "circle-outline" },
  moving: { id: "loading~spin" },
  unpacking: { id: "loading~spin" },
  done: { id: "pass", color: "testing.iconPassed" },
};

/** A layer of an image that is on its way. */
export function layerItem({ id: operation }: Pick<Operation, "id">, part: ProgressPart): ImageItem {
  const label = shortId(part.id);
  const description = layerText(part);
  return {
    id: `layer:${operation}:${part.id}`,
    label,
    description,
    icon: LAYER_ICONS[part.state],
    contextValue: "image.layer",
    ariaLabel: [l10n.t("Layer {0}", label), description].join(", "),
    tooltip: part.total === undefined ? "" : l10n.t("{0} of {1}", sizeText(part.done), sizeText(part.total)),
  };
}

function layerText(part: ProgressPart): string {
  if (part.state === "waiting") return l10n.t("waiting");
  if (part.state === "unpacking") return l10n.t("unpacking");
  if (part.state === "done") return l10n.t("there");
  const percent = percentOf({ phase: "download", ...part });
  return percent === undefined ? sizeText(part.done) : `${percent} %`;
}

function useText({ usedBy, inUse }: StoredContainerImage): string {
  if (usedBy.length > 0) return l10n.t("used by {0}", listText(usedBy));
  return inUse ? l10n.t("used by containers made elsewhere") : l10n.t("unused");
}

/** `1f3a5b7c9d0e`, as runtimes shorten it. */
function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

/** A name for what is built in this directory: `my-app:latest`. */
export function suggestTag(directory: string): string {
  const last = directory.split(/[\\/]/).filter(Boolean).at(-1) ?? "";
  const word = last
    .toLowerCase()
    .match(/[a-z0-9]+/g)
    ?.join("-");
  return `${word ?? "app"}:latest`;
}
