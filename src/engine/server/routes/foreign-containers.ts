import type { EngineCore } from "../../engine-core.ts";
import { untilLeaving } from "../subscription.ts";
import { os } from "./base.ts";

export function foreignContainerRoutes({ foreignContainers }: EngineCore) {
  const at = os.foreignContainers;
  return {
    list: at.list.handler(async ({ input, context }) => ({
      items: await foreignContainers.list(input, context.signal),
    })),
    watch: at.watch.handler(async function* ({ context }) {
      const lists = untilLeaving((signal) => foreignContainers.watch(signal), context);
      for await (const items of lists) yield { items };
    }),
    adopt: at.adopt.handler(({ input, context }) => foreignContainers.adopt(input, context.signal)),
  };
}
