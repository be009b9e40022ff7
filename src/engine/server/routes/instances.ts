import type { EngineCore } from "../../engine-core.ts";
import { untilLeaving } from "../subscription.ts";
import { os } from "./base.ts";
import { lifecycleRoutes } from "./lifecycle.ts";

export function instanceRoutes(core: EngineCore) {
  const at = os.instances;
  const { instances } = core;
  return {
    ...lifecycleRoutes(core),
    list: at.list.handler(() => ({ items: instances.list() })),
    get: at.get.handler(({ input }) => instances.get(input.name)),
    details: at.details.handler(({ input, context }) => instances.details(input.name, context.signal)),
    metrics: at.metrics.handler(({ input, context }) => {
      instances.guest(input.name); // Refused here, before the stream begins.
      return untilLeaving((signal) => core.metrics.watch(input.name, signal), context);
    }),
    log: at.log.handler(({ input, context }) => instances.log(input.name, input.source, context.signal)),
    screenshot: at.screenshot.handler(({ input, context }) =>
      instances.screenshot(input.name, context.signal),
    ),
    check: at.check.handler(async ({ input }) => ({ items: await instances.check(input) })),
    launch: at.launch.handler(({ input }) => instances.launch(input)),
    start: at.start.handler(({ input }) => instances.start(input.name, { cold: input.cold })),
    stop: at.stop.handler(({ input: { name, ...how } }) => instances.stop(name, how)),
    restart: at.restart.handler(({ input }) => instances.restart(input.name)),
    delete: at.delete.handler(({ input: { name, purge } }) => instances.delete(name, { purge })),
    recover: at.recover.handler(({ input }) => instances.recover(input.name)),
    purge: at.purge.handler(({ input }) => instances.purge(input.name)),
  };
}
