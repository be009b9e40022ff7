import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function snapshotRoutes({ snapshots }: EngineCore) {
  const at = os.snapshots;
  return {
    list: at.list.handler(({ input }) => ({ items: snapshots.list(input.instance) })),
    take: at.take.handler(({ input: { name, snapshot, comment, before } }) =>
      snapshots.take(name, { name: snapshot, comment, before }),
    ),
    restore: at.restore.handler(({ input: { name, snapshot, destructive, automatic } }) =>
      snapshots.restore(name, snapshot, { destructive, automatic }),
    ),
    update: at.update.handler(({ input: { name, snapshot, to, comment } }) =>
      snapshots.update(name, snapshot, { name: to, comment }),
    ),
    remove: at.remove.handler(({ input }) => snapshots.remove(input.name, input.snapshot)),
  };
}
