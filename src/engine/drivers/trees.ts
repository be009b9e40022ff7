/**
 * What an instance holds that has no disks: its own file system, and its volumes, each as a tar. It is read whole and not
 * as what it has changed of its image, so that it is there again where no image is any more.
 */
import type { ContainerRuntime } from "../../api/container.ts";
import type { Ctx } from "../ctx.ts";
import type { DriverInstance } from "./driver.ts";
import type { Consistency } from "./points.ts";

/** What of its image a container goes on with, as the image's own configuration has it: entry point, user, environment. */
export type ImageConfig = Readonly<Record<string, unknown>>;

export type TreeVolume = {
  /** Where it is seen: an absolute path. */
  target: string;
  /** The volume's own name, fit to be one of a file. Several targets may have the same. */
  name: string;
  /** Nobody has given it its name: it goes with the instance. */
  isAnonymous: boolean;
};

/** One that nobody has given a name, by where it is seen. */
export type UnnamedVolume = Pick<TreeVolume, "name" | "target">;

export type TreeTar = {
  bytes: AsyncIterable<Uint8Array>;
  /** Its first entry is the tree itself, however that is called, and all others lie beneath it. */
  hasTop: boolean;
  /** All files are said to be root's, whosever they are. */
  isOwnerless?: boolean;
};

/** Whoever has opened it closes it. Each tree may be read several times, one after the other. */
export interface OpenTrees {
  /** It changes while it is read, until it is halted. */
  readonly isLive: boolean;
  readonly image: ImageConfig;
  readonly volumes: readonly TreeVolume[];
  /** Its own file system, without what is in volumes and mounts. */
  root(ctx: Pick<Ctx, "signal">): Promise<TreeTar>;
  volume(ctx: Pick<Ctx, "signal">, volume: TreeVolume): Promise<TreeTar>;
  /** Nothing in it runs from now until the end, where that can be had; `consistency` tells. */
  halt(ctx: Ctx): Promise<void>;
  /** Of what was read since then. */
  consistency(ctx: Pick<Ctx, "signal">): Promise<Consistency>;
  /** What was halted goes on. */
  close(ctx: Ctx): Promise<void>;
}

/** A tar of which the length is known before it comes. */
export type SizedTar = { sizeBytes: number; bytes: () => AsyncIterable<Uint8Array> };

/** An image that is made of a tree. */
export type TreeImage = { config: ImageConfig; createdAt: string; root: SizedTar };

export interface TreeSupport {
  /** Of an instance that runs or not. */
  open(ctx: Ctx, instance: DriverInstance): Promise<OpenTrees>;
  /** Those that it sees; none where it is no longer there. */
  volumes(ctx: Ctx, instance: DriverInstance): Promise<readonly TreeVolume[]>;
  /** Removes these for good, but for those that something uses. No effect where there are none. */
  removeVolumes(ctx: Ctx, instance: DriverInstance, names: readonly string[]): Promise<void>;
  /** The directory of this host that all of a new instance lies beneath; undefined where that is elsewhere. */
  place(ctx: Ctx, instance: DriverInstance): Promise<string | undefined>;
  /**
   * Makes the image that a new instance stands on, at the runtime for new work: it is the instance's own, and goes with
   * it. May be repeated.
   */
  makeImage(
    ctx: Ctx,
    instance: DriverInstance,
    image: TreeImage,
  ): Promise<{ id: string; runtime: ContainerRuntime }>;
  /**
   * Makes the instance from its image. Until it is whole, a delete takes its volumes, too, and so does going back to a
   * snapshot. May be repeated.
   */
  make(ctx: Ctx, instance: DriverInstance, content: TreeContent): Promise<void>;
}

/** What a new instance gets beside its image. */
export type TreeContent = {
  /** They must be nobody's else. */
  volumes: readonly FilledVolume[];
  /** The one that there is goes when this one is whole. Its volumes stay, and those that are seen elsewhere are kept. */
  takesPlace?: boolean | undefined;
  /** Files that an image cannot hold, from its root; absent where there are none. */
  files?: (() => AsyncIterable<Uint8Array>) | undefined;
};

export type FilledVolume = TreeVolume & { bytes: () => AsyncIterable<Uint8Array> };
