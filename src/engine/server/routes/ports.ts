import type { PortListener } from "../../../api/port.ts";
import type { EngineCore } from "../../engine-core.ts";
import { untilLeaving } from "../subscription.ts";
import { os } from "./base.ts";

export function portRoutes({ ports, listeners, instances }: EngineCore) {
  const at = os.ports;
  return {
    add: at.add.handler(({ input: { name, ...wanted } }) => ports.add(name, wanted)),
    update: at.update.handler(({ input: { name, protocol, hostPort, ...change } }) =>
      ports.update(name, { protocol, hostPort }, change),
    ),
    remove: at.remove.handler(({ input: { name, ...forward } }) => ports.remove(name, forward)),
    listeners: at.listeners.handler(async ({ input, context }) => ({
      items: await listeners.now(input.name, context.signal),
    })),
    watchListeners: at.watchListeners.handler(({ input, context }) => {
      instances.guest(input.name); // Refused here, before the stream begins.
      return untilLeaving((signal) => listed(listeners.watch(input.name, signal)), context);
    }),
  };
}

async function* listed(
  lists: AsyncIterable<PortListener[]>,
): AsyncGenerator<{ items: PortListener[] }, void> {
  for await (const items of lists) yield { items };
}
