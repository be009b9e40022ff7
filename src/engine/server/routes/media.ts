import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function mediumRoutes({ media }: EngineCore) {
  return {
    insert: os.media.insert.handler(({ input }) => media.insert(input.name, input.reference)),
    eject: os.media.eject.handler(({ input }) => media.eject(input.name)),
  };
}
