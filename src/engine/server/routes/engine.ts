import type { Settings } from "../../../api/engine-info.ts";
import type { HostNetwork } from "../../../api/network.ts";
import type { Operation } from "../../../api/operation.ts";
import { PROTOCOL_VERSION } from "../../../api/protocol.ts";
import { EngineError } from "../../../base/errors.ts";
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
    examine: os.engine.examine.handler(async () => ({ items: await core.examine() })),
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

export function settingRoutes({ settings, networks }: EngineCore) {
  return {
    get: os.settings.get.handler(() => settings.get()),
    set: os.settings.set.handler(async ({ input }) => {
      const bridge = input["local.bridged-network"];
      if (bridge) checkInterface(bridge, await networks.list());
      return settings.set(withoutUndefined<Settings>(input));
    }),
  };
}

function checkInterface(name: string, present: readonly HostNetwork[]): void {
  if (present.some((one) => one.name === name)) return;
  const names = present.map((one) => one.name).join(", ");
  const doing = "cannot change the settings: local.bridged-network";
  throw new EngineError("invalid-argument", `${doing}: ${name} is no network of this host`, {
    hint: names ? `Take one of ${names}.` : "This host has none that guests could be bridged to.",
  });
}

export function eventRoutes({ events }: EngineCore) {
  return {
    subscribe: os.events.subscribe.handler(async function* ({ input, context }) {
      yield* untilLeaving((signal) => events.subscribe(input, signal), context);
    }),
  };
}

export function operationRoutes({ operations, events }: EngineCore) {
  const at = os.operations;
  return {
    list: at.list.handler(() => ({ items: operations.list() })),
    get: at.get.handler(({ input }) => operations.get(input.id)),
    wait: at.wait.handler(({ input, context }) => operations.wait(input.id, context.signal)),
    follow: at.follow.handler(({ input, context }) => {
      operations.get(input.id); // What is unknown is told before anything is streamed.
      return untilLeaving((signal) => followed({ operations, events }, input.id, signal), context);
    }),
    cancel: at.cancel.handler(({ input }) => operations.cancel(input.id)),
  };
}

async function* followed(
  { operations, events }: Pick<EngineCore, "operations" | "events">,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<Operation, void> {
  for await (const event of events.subscribe({}, signal)) {
    let now: Operation | undefined;
    if (event.type === "resync") now = operations.get(id);
    else if (event.type === "operation" && event.operation.id === id) now = event.operation;
    if (!now) continue;
    yield now;
    if (now.status !== "running") return;
  }
}
