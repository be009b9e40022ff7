import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function portRoutes({ ports }: EngineCore) {
  return {
    add: os.ports.add.handler(({ input: { name, ...wanted } }) => ports.add(name, wanted)),
    remove: os.ports.remove.handler(({ input }) => ports.remove(input.name, input.protocol, input.hostPort)),
  };
}
