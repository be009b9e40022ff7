import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function mountRoutes({ mounts }: EngineCore) {
  return {
    add: os.mounts.add.handler(({ input: { name, ...wanted } }) => mounts.add(name, wanted)),
    remove: os.mounts.remove.handler(({ input: { name, target } }) => mounts.remove(name, target)),
  };
}
