import type { SizeChange } from "../../../api/lifecycle.ts";
import type { EngineCore } from "../../engine-core.ts";
import { os, withoutUndefined } from "./base.ts";

export function lifecycleRoutes({ instances, transfers }: EngineCore) {
  const at = os.instances;
  return {
    update: at.update.handler(({ input: { name, snapshot, ...change } }) =>
      instances.update(name, withoutUndefined<SizeChange>(change), { snapshot }),
    ),
    rename: at.rename.handler(({ input }) => instances.rename(input.name, input.to)),
    suspend: at.suspend.handler(({ input }) => instances.suspend(input.name)),
    pause: at.pause.handler(({ input }) => instances.pause(input.name)),
    unpause: at.unpause.handler(({ input }) => instances.unpause(input.name)),
    cancelStop: at.cancelStop.handler(({ input }) => instances.cancelStop(input.name)),
    importDisk: at.importDisk.handler(({ input }) => transfers.importDisk(input)),
    markMove: at.markMove.handler(({ input: { name, ...move } }) => instances.markMove(name, move)),
    unmarkMove: at.unmarkMove.handler(({ input }) => instances.markMove(input.name, undefined)),
    release: at.release.handler(({ input }) => instances.release(input.name)),
    clone: at.clone.handler(({ input }) => instances.clone(input.name, input.as, input)),
  };
}
