/** A VM of ours that runs containers where nothing else on this host does, as the driver of containers knows it. */
import type { Duplex } from "node:stream";
import type { Ctx } from "../ctx.ts";
import type { TunnelEnd } from "../guest/guest.ts";

/** What the instance is called. */
export const CONTAINER_HOST = "container-host";

/** In it, where the API of its runtime is. */
export const RUNTIME_SOCKET = "/run/berth-containers.sock";

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
