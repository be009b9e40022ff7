import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function keyRoutes({ keys, instances }: EngineCore) {
  const at = os.keys;
  const told = async (work: Promise<void>) => {
    await work;
    return keys.status();
  };
  return {
    status: at.status.handler(() => keys.status()),
    init: at.init.handler(({ input }) => told(keys.init(input.passphrase))),
    unlock: at.unlock.handler(({ input }) => told(keys.unlock(input.passphrase))),
    lock: at.lock.handler(() => told(keys.lock())),
    change: at.change.handler(({ input }) => told(keys.change(input.passphrase))),
    export: at.export.handler(async () => ({ key: await keys.export() })),
    import: at.import.handler(({ input }) => told(keys.import(input.key, input.passphrase))),
    rotate: at.rotate.handler(({ input }) => told(keys.rotate(input.passphrase))),
    rotateInstance: at.rotateInstance.handler(({ input }) => instances.rotateKey(input.name)),
  };
}
