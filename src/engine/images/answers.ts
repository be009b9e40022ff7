/** What the library says of images, published and cached. Pure. */
import type { ImageEntry } from "../../api/image.ts";
import type { Arch } from "../../api/instance.ts";
import { EngineError } from "../../base/errors.ts";
import type { CatalogImage, Checksum } from "./catalog.ts";
import { nearMatches, referenceOf, sha256Of } from "./match.ts";
import { RECIPE_NAMES } from "./recipes.ts";
import type { Descriptor } from "./store.ts";

/** Whether a cached image has the bytes that a catalog promises. */
export const holds = (stored: Descriptor, checksum: Checksum): boolean =>
  checksum.algorithm === "sha256" ? stored.id === checksum.hex : stored.sha512 === checksum.hex;

/** The newest image of each recipe. */
export function latestBuilt(stored: readonly Descriptor[], arch: Arch): Descriptor[] {
  const seen = new Set<string>();
  return stored.filter((image) => {
    if (!image.built || image.arch !== arch || seen.has(image.reference)) return false;
    seen.add(image.reference);
    return true;
  });
}

/** For images that no catalog lists any more, or when none can be reached. */
export function isMeant(stored: Descriptor, remote: string | undefined, name: string, arch: Arch): boolean {
  if (stored.arch !== arch || (remote !== undefined && stored.remote !== remote)) return false;
  const own = stored.reference.replace(/^(daily|minimal):/, "");
  if (own === name || stored.aliases.includes(name))
    return remote !== undefined || stored.remote !== "minimal";
  return /^[0-9a-f]{8,64}$/.test(name) && stored.id.startsWith(name);
}

/** A published image as clients see it. */
export function entryOf(image: CatalogImage, stored: readonly Descriptor[]): ImageEntry {
  const sha256 = sha256Of(image);
  const { remote, aliases, os, release, codename, version, arch, sizeBytes, supported } = image;
  const cached = stored.some((have) => (sha256 ? have.id === sha256 : have.source === image.url));
  return {
    ...{
      reference: referenceOf(image),
      remote,
      aliases: [...aliases],
      os,
      release,
      version,
      arch,
      supported,
      cached,
    },
    ...(codename === undefined ? {} : { codename }),
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}

/** A locally built image as clients see it. */
export function builtEntry(stored: Descriptor): ImageEntry {
  const { reference, remote, aliases, os, release, version, arch, sizeBytes } = stored;
  return { reference, remote, aliases, os, release, version, arch, sizeBytes, supported: true, cached: true };
}

/** Why a name found nothing: no catalog to ask, another architecture, or no such name and what is near it. */
export function notFound(
  reference: string,
  name: string,
  arch: Arch,
  seen: readonly CatalogImage[],
  failures: readonly EngineError[],
): EngineError {
  const [failure] = failures;
  if (failure) {
    return new EngineError("download-failed", `cannot find image ${reference}: ${failure.message}`, {
      hint: `Check the network and the setting images.ubuntu-url, or build an image here: \`berth image build ${RECIPE_NAMES[0]}\`.`,
      cause: failure,
    });
  }
  const others = seen.some((image) => image.name === name || image.aliases.includes(name));
  if (others) {
    return new EngineError("not-found", `cannot find image ${reference}: it is not published for ${arch}`, {
      hint: "`berth find` lists the images that this host can run.",
    });
  }
  const names = seen
    .filter((image) => image.arch === arch)
    .flatMap((image) => [image.name, ...image.aliases]);
  const near = nearMatches(names, name);
  return new EngineError("not-found", `cannot find image ${reference}: no catalog has it`, {
    hint:
      near.length > 0
        ? `Did you mean ${near.join(", ")}?`
        : "`berth find` lists the images that can be launched.",
    details: { suggestions: near },
  });
}
