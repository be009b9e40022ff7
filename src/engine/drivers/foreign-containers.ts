/** Containers that others have made in the runtimes of this host. What is listed of them is read, and nothing more. */
import type { Readable } from "node:stream";
import type { ContainerImage, ContainerRuntime, ContainerSpec } from "../../api/container.ts";
import type { ForeignContainer } from "../../api/foreign-container.ts";
import type { Arch } from "../../api/instance.ts";
import type { PortForward } from "../../api/port.ts";
import type { Disposable } from "../../base/disposable.ts";
import type { Ctx } from "../ctx.ts";
import type { DriverInstance, LogRequest } from "./driver.ts";

/** A container in a runtime of this host, whoever made it. */
export type FoundContainer = ForeignContainer & {
  /** Id of the instance of this engine that it was made for, which may be forgotten by now. */
  instance?: string | undefined;
};

/** How a container was made, as far as an instance can say it. */
export type Adoption = {
  spec: ContainerSpec & { image: Pick<ContainerImage, "reference" | "id"> };
  arch: Arch | undefined;
  /** 0 where there is no limit. */
  cpus: number;
  memoryBytes: number;
  /** Those that are the same at every start. */
  ports: PortForward[];
  isolated: boolean;
};

export interface ForeignContainers {
  /** All of all runtimes, those of instances included. */
  list(
    ctx: Pick<Ctx, "signal">,
    where?: { runtime?: ContainerRuntime | undefined },
  ): Promise<FoundContainer[]>;
  /** Rejects with `not-found` where it is gone. */
  look(ctx: Pick<Ctx, "signal">, found: Pick<FoundContainer, "runtime" | "id" | "name">): Promise<Adoption>;
  /** Tells whenever another list may be there, of the runtimes that answer now; so it does when it begins to watch. */
  watch(told: () => void): Disposable;
  /** What it has printed, and prints. The caller owns the stream. */
  logs(
    ctx: Pick<Ctx, "signal">,
    found: Pick<FoundContainer, "runtime" | "id" | "name">,
    request: LogRequest,
  ): Promise<Readable>;
  /** From now on `instance.container.adopted` is its container. Changes nothing of it; may be repeated. */
  adopt(ctx: Ctx, instance: DriverInstance): Promise<void>;
}
