import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function zoneRoutes({ zones }: EngineCore) {
  return {
    list: os.zones.list.handler(() => ({ items: zones.list() })),
    disable: os.zones.disable.handler(({ input }) => zones.disable(input.name)),
    enable: os.zones.enable.handler(({ input }) => zones.enable(input.name)),
  };
}
