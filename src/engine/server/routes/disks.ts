import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function diskRoutes({ disks }: EngineCore) {
  const at = os.disks;
  return {
    list: at.list.handler(async ({ input }) => ({ items: await disks.list(input.name) })),
    add: at.add.handler(({ input: { name, disk, ...wanted } }) => disks.add(name, { ...wanted, name: disk })),
    resize: at.resize.handler(({ input }) => disks.resize(input.name, input.disk, input.sizeBytes)),
    remove: at.remove.handler(({ input }) => disks.remove(input.name, input.disk, { force: input.force })),
    recover: at.recover.handler(({ input }) => disks.recover(input.name, input.disk)),
    purge: at.purge.handler(({ input }) => disks.purge(input.name, input.disk)),
  };
}
