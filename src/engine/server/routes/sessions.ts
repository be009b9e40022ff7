import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function sessionRoutes({ sessions }: EngineCore) {
  const at = os.sessions;
  return {
    list: at.list.handler(({ input }) => ({ items: sessions.list(input.name) })),
    end: at.end.handler(({ input }) => ({ items: sessions.end(input.name, input.id) })),
  };
}
