/** The contract's procedures, each one call into the engine core. Its type makes the list complete. */
import { implement } from "@orpc/server";
import { contract } from "../../api/contract.ts";
import { PROTOCOL_VERSION, type Settings } from "../../api/engine-info.ts";
import type { EngineCore } from "../engine-core.ts";
import { type RequestContext, recorded, requirePrivilege, targetOf } from "./access.ts";
import { untilLeaving } from "./subscription.ts";

const base = implement(contract).$context<RequestContext>();

/** Privilege first, then the record of mutations; runs before the input is validated. */
const guard = base.middleware(async ({ context, path, procedure, next }, input: unknown) => {
  const { meta, route } = procedure["~orpc"];
  const name = path.join(".");
  requirePrivilege(context.identity, meta.privilege, `call ${name}`);
  if (route.method === "GET") return next();
  return recorded(context, { procedure: name, target: targetOf(input) }, async () => next());
});

const os = base.use(guard);

/** All procedures over one engine core; `version` is Berth's. */
export function createRouter(core: EngineCore, version: string) {
  return os.router({
    engine: engineProcedures(core, version),
    settings: {
      get: os.settings.get.handler(() => core.settings.get()),
      set: os.settings.set.handler(({ input }) => core.settings.set(withoutUndefined<Settings>(input))),
    },
    events: {
      subscribe: os.events.subscribe.handler(async function* ({ input, context }) {
        yield* untilLeaving((signal) => core.events.subscribe(input, signal), context);
      }),
    },
    instances: instanceProcedures(core),
    operations: {
      list: os.operations.list.handler(() => ({ items: core.operations.list() })),
      get: os.operations.get.handler(({ input }) => core.operations.get(input.id)),
      wait: os.operations.wait.handler(({ input, context }) =>
        core.operations.wait(input.id, context.signal),
      ),
      cancel: os.operations.cancel.handler(({ input }) => core.operations.cancel(input.id)),
    },
    images: imageProcedures(core),
  });
}

function engineProcedures(core: EngineCore, version: string) {
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

function instanceProcedures({ instances }: EngineCore) {
  const at = os.instances;
  return {
    list: at.list.handler(() => ({ items: instances.list() })),
    get: at.get.handler(({ input }) => instances.get(input.name)),
    details: at.details.handler(({ input, context }) => instances.details(input.name, context.signal)),
    log: at.log.handler(({ input, context }) => instances.log(input.name, input.source, context.signal)),
    check: at.check.handler(async ({ input }) => ({ items: await instances.check(input) })),
    launch: at.launch.handler(({ input }) => instances.launch(input)),
    start: at.start.handler(({ input }) => instances.start(input.name)),
    stop: at.stop.handler(({ input: { name, force } }) => instances.stop(name, { force })),
    restart: at.restart.handler(({ input }) => instances.restart(input.name)),
    delete: at.delete.handler(({ input: { name, purge } }) => instances.delete(name, { purge })),
    recover: at.recover.handler(({ input }) => instances.recover(input.name)),
    purge: at.purge.handler(({ input }) => instances.purge(input.name)),
  };
}

function imageProcedures({ images }: EngineCore) {
  return {
    find: os.images.find.handler(({ input: { query, unsupported, arch }, context }) =>
      images.find({ text: query, unsupported, arch }, context.signal),
    ),
    cached: os.images.cached.handler(async () => ({ items: await images.cached() })),
    pull: os.images.pull.handler(({ input }) => images.pull(input.reference)),
    build: os.images.build.handler(({ input }) => images.build(input.recipe)),
    remove: os.images.remove.handler(({ input }) => images.remove(input.id)),
    prune: os.images.prune.handler(() => images.prune()),
  };
}

function withoutUndefined<T extends object>(value: { [K in keyof T]?: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Partial<T>;
}
