/** Compose projects in the runtimes of this host, and the programs that bring them up and down. */
import type { ComposeProject, ComposeRun } from "../../api/compose.ts";
import type { ContainerRuntime } from "../../api/container.ts";
import type { Ctx } from "../ctx.ts";
import type { Print } from "../printed.ts";

export interface Compose {
  /** Of all runtimes. */
  list(
    ctx: Pick<Ctx, "signal">,
    where?: { runtime?: ContainerRuntime | undefined },
  ): Promise<ComposeProject[]>;
  /**
   * Resolves when compose has done it; what it prints goes to `print`. Rejects with `missing-dependency` where the runtime
   * has no compose, `not-found` where nothing is known of the project but its name.
   */
  run(ctx: Ctx, request: ComposeRun, print: Print): Promise<void>;
}
