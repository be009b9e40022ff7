/** The face of the image library towards the rest of the engine. */
import type { CachedImage, ImageEntry } from "../../api/image.ts";
import type { Arch, ImageFacts, Problem } from "../../api/instance.ts";
import type { Ctx } from "../ctx.ts";

/** A cached image that stays on disk as long as somebody holds it by id (`usedBy`). */
export type ReadyImage = {
  id: string;
  facts: ImageFacts;
  /** Absolute path of a standalone qcow2 without backing file. */
  path: string;
  format: "qcow2";
  sizeBytes: number;
  virtualBytes: number;
  arch: Arch;
  /** The login that the distribution's image expects: ubuntu, debian, fedora, alpine, … */
  user: string;
};

export interface Images {
  /** All launchable images that match; a catalog that cannot be reached is a problem, not an error. */
  find(
    ctx: Ctx,
    query: { text: string; unsupported: boolean; arch: Arch; refresh?: boolean | undefined },
  ): Promise<{ items: ImageEntry[]; problems: Problem[] }>;
  /** Resolves a reference and makes sure it is cached: downloads with resume, verifies, converts. `not-found` names near matches. */
  acquire(ctx: Ctx, reference: string, arch: Arch): Promise<ReadyImage>;
  /** A cached image by id, or undefined when its file is gone. */
  get(id: string): Promise<ReadyImage | undefined>;
  cached(): Promise<CachedImage[]>;
  build(ctx: Ctx, recipe: string): Promise<ReadyImage>;
  /** `busy` while an instance stands on it. Resolves to the bytes freed. */
  remove(id: string): Promise<number>;
  prune(): Promise<{ removed: string[]; freedBytes: number }>;
}

/** Asked whenever references count: which instances (by name) stand on this image, those in the trash included. */
export type ImageUsers = (imageId: string) => string[];
