import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function foreignContainerRoutes({ foreignContainers }: EngineCore) {
  const at = os.foreignContainers;
  return {
    list: at.list.handler(async ({ input, context }) => ({
      items: await foreignContainers.list(input, context.signal),
    })),
    adopt: at.adopt.handler(({ input, context }) => foreignContainers.adopt(input, context.signal)),
  };
}
