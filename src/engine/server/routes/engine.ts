import type { Settings } from "../../../api/engine-info.ts";
import { PROTOCOL_VERSION } from "../../../api/protocol.ts";
import type { EngineCore } from "../../engine-core.ts";
import { untilLeaving } from "../subscription.ts";
import { os, withoutUndefined } from "./base.ts";

export function engineRoutes(core: EngineCore, version: string) {
  return {
    hello: os.engine.hello.handler(() => {
      const { id, draining } = core;
      return { id, version, protocol: PROTOCOL_VERSION, pid: process.pid, draining };
    }),
    info: os.engine.info.handler(() => core.info()),
    drain: os.engine.drain.handler(() => {
      core.drain();
      return {};
    }),
    probe: os.engine.probe.handler(async ({ context }) => {
      await core.probe(context.signal);
      return core.info();
    }),
  };
}

export function settingRoutes({ settings }: EngineCore) {
  return {
    get: os.settings.get.handler(() => settings.get()),
    set: os.settings.set.handler(({ input }) => settings.set(withoutUndefined<Settings>(input))),
  };
}

export function eventRoutes({ events }: EngineCore) {
  return {
    subscribe: os.events.subscribe.handler(async function* ({ input, context }) {
      yield* untilLeaving((signal) => events.subscribe(input, signal), context);
    }),
  };
}

export function operationRoutes({ operations }: EngineCore) {
  const at = os.operations;
  return {
    list: at.list.handler(() => ({ items: operations.list() })),
    get: at.get.handler(({ input }) => operations.get(input.id)),
    wait: at.wait.handler(({ input, context }) => operations.wait(input.id, context.signal)),
    cancel: at.cancel.handler(({ input }) => operations.cancel(input.id)),
  };
}
