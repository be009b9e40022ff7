/** What of `engine-core.ts` is about what lies in the runtimes of containers. */
import type { Readable } from "node:stream";
import type { ComposeProject, ComposeRun } from "../api/compose.ts";
import type { ContainerRuntime } from "../api/container.ts";
import type { ContainerBuild, ContainerImport, StoredContainerImage } from "../api/container-image.ts";
import type { ForeignContainer } from "../api/foreign-container.ts";
import type { Arch } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import type { LogRequest } from "./drivers/driver.ts";

/** Images of containers, which lie in the runtimes of this host. */
export interface ContainerImagesApi {
  list(where: AtRuntime, signal: AbortSignal): Promise<StoredContainerImage[]>;
  pull(input: AtRuntime & { reference: string; arch?: Arch | undefined }): Promise<Operation>;
  push(input: AtRuntime & { reference: string }): Promise<Operation>;
  load(input: AtRuntime & { file: string }): Promise<Operation>;
  save(input: AtRuntime & { reference: string; file: string }): Promise<Operation>;
  /** `busy` while an instance or another container stands on it. */
  remove(input: AtRuntime & { reference: string }, signal: AbortSignal): Promise<void>;
  prune(
    input: AtRuntime & { foreign: boolean },
    signal: AbortSignal,
  ): Promise<{ removed: string[]; freedBytes: number }>;
  /** What the build prints, then the image's id in a line of its own. Destroying it ends the build. */
  build(request: ContainerBuild, signal: AbortSignal): Readable;
  /** The id of an image that is made of this tar, in a line of its own. Destroying it ends the import. */
  import(request: ContainerImport, tar: Readable, signal: AbortSignal): Readable;
}

/** Containers that others have made in the runtimes of this host. */
export interface ForeignContainersApi {
  list(where: AtRuntime, signal: AbortSignal): Promise<ForeignContainer[]>;
  /** Now and after every change, until the signal aborts. */
  watch(signal: AbortSignal): AsyncIterable<ForeignContainer[]>;
  /** What one prints, and has printed; the caller owns the stream. By name, or by an id or its beginning. */
  logs(
    wanted: AtRuntime & { container: string },
    request: LogRequest,
    signal: AbortSignal,
  ): Promise<Readable>;
  /** By name, or by an id or its beginning. */
  adopt(
    wanted: AtRuntime & { container: string; name?: string | undefined },
    signal: AbortSignal,
  ): Promise<Operation>;
}

/** Compose projects in the runtimes of this host. */
export interface ComposeApi {
  list(where: AtRuntime, signal: AbortSignal): Promise<ComposeProject[]>;
  /** What compose prints. Destroying it ends compose. */
  run(request: ComposeRun, signal: AbortSignal): Readable;
}

type AtRuntime = { runtime?: ContainerRuntime | undefined };
