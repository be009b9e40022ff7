import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function storageRoutes({ storage }: EngineCore) {
  return {
    show: os.storage.show.handler(async ({ context }) => ({ items: await storage.show(context.signal) })),
    move: os.storage.move.handler(({ input }) => storage.move(input)),
  };
}
