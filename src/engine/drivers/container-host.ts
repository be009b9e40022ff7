/** A VM of ours that runs containers where nothing else on this host does, as the driver of containers knows it. */
import type { Duplex } from "node:stream";
import type { Mount } from "../../api/mount.ts";
import type { PortForward } from "../../api/port.ts";
import { EngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { TunnelEnd } from "../guest/guest.ts";

/** What the instance is called. */
export const CONTAINER_HOST = "container-host";

/** In it, where the API of its runtime is. */
export const RUNTIME_SOCKET = "/run/berth-containers.sock";

/** What may be asked of it that leads out of it. */
export type HostNeeds = {
  mounts?: readonly Pick<Mount, "source">[];
  ports?: readonly Pick<PortForward, "hostPort" | "protocol">[];
};

/** Throws `not-supported` for what a container in it cannot have. `name`: that container's instance, for messages. */
export function refuseInHost(name: string, { mounts = [], ports = [] }: HostNeeds): void {
  const [mount] = mounts;
  if (mount) {
    const reason = "the container host does not see the directories of this host";
    throw new EngineError("not-supported", `cannot mount ${mount.source} in ${name}: ${reason}`, {
      hint: "Copy files into it with berth transfer, or keep them in a volume: --volume NAME:/dir",
    });
  }
  const other = ports.find(({ protocol }) => protocol !== "tcp");
  if (other) {
    const reason = "only TCP leads into the container host";
    throw new EngineError(
      "not-supported",
      `cannot forward ${other.hostPort}/${other.protocol} to ${name}: ${reason}`,
      { hint: "Leave that port out, or run the container by Docker or Podman on this host." },
    );
  }
}

export interface ContainerHost {
  /**
   * Resolves with the instance's id when its runtime can be asked. It is made where there is none, started where it does
   * not run; with `id` it is that one or none: `not-found` where it is gone. One that is still being made when the last
   * caller's signal aborts is taken back.
   */
  open(ctx: Ctx, id?: string): Promise<string>;
  /** Its id, where it runs. */
  readonly running: string | undefined;
  /** From within it. The caller owns the connection. Rejects with `missing-dependency` where it does not run. */
  connect(ctx: Pick<Ctx, "signal">, id: string, to: TunnelEnd): Promise<Duplex>;
  /** What was written in it until now outlives a loss of its power, as far as it answers: best effort. */
  flush(ctx: Ctx, id: string): Promise<void>;
}
