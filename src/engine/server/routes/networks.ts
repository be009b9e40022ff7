import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function networkRoutes({ networks }: EngineCore) {
  return {
    list: os.networks.list.handler(async () => ({ items: await networks.list() })),
  };
}
