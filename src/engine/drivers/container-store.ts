/** The images of containers, which are their runtimes' and not ours. */
import type { Readable } from "node:stream";
import type { ContainerImage, ContainerRuntime } from "../../api/container.ts";
import type { ContainerBuild } from "../../api/container-image.ts";
import type { Arch } from "../../api/instance.ts";
import type { Ctx } from "../ctx.ts";
import type { Print } from "../printed.ts";

/** An image of containers in a runtime of this host. */
export type StoredImage = {
  runtime: ContainerRuntime;
  /** sha256:… of its configuration. */
  id: string;
  references: string[];
  /** sha256:… of the manifests that it is known by. */
  digests: string[];
  sizeBytes: number;
  createdAt: Date;
  /** It was pulled, built or loaded by us. */
  ours: boolean;
  /** Containers stand on it, whoever made them. */
  inUse: boolean;
};

type AtRuntime = { runtime?: ContainerRuntime | undefined };

/** The images in the runtimes of this host. Without a runtime: the first that has the image, else the first that runs. */
export interface ContainerStore {
  /** Of all runtimes; without what is made of instances. */
  list(ctx: Pick<Ctx, "signal">, where?: AtRuntime): Promise<StoredImage[]>;
  /** Asks the registry, whatever is there. Goes on with layers that have come before. */
  pull(ctx: Ctx, reference: string, where?: AtRuntime & { arch?: Arch | undefined }): Promise<ContainerImage>;
  /** Sends it to the registry that its reference names. */
  push(ctx: Ctx, reference: string, where?: AtRuntime): Promise<void>;
  /** Rejects with `busy` where a container stands on it. */
  remove(ctx: Ctx, reference: string, where?: AtRuntime): Promise<void>;
  /** Never what a container stands on or is `needed`; what others have brought only where `foreign`. */
  prune(
    ctx: Ctx,
    options: AtRuntime & { needed: ReadonlySet<string>; foreign: boolean },
  ): Promise<{ removed: string[]; freedBytes: number }>;
  /** Resolves with the image's id; what the build prints goes to `output`. */
  build(ctx: Ctx, request: ContainerBuild, output: Print): Promise<string>;
  /** Resolves with the references or ids of what the archive held. */
  load(ctx: Ctx, file: string, where?: AtRuntime): Promise<string[]>;
  /** Makes an image of a file system, which comes as a tar, perhaps compressed by gzip, and ends that. Resolves with its id. */
  import(ctx: Ctx, tar: Readable, reference: string, where?: AtRuntime): Promise<string>;
  /** The file is there when it is whole. */
  save(ctx: Ctx, reference: string, file: string, where?: AtRuntime): Promise<void>;
}
