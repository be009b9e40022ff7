import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function networkRoutes({ networks, reach }: EngineCore) {
  return {
    list: os.networks.list.handler(async () => ({ items: await networks.list() })),
    attach: os.networks.attach.handler(({ input: { name, ...wanted } }) => networks.attach(name, wanted)),
    detach: os.networks.detach.handler(({ input }) => networks.detach(input.name, input.mac)),
    change: os.networks.change.handler(({ input }) => reach.change(input.name, input.mode)),
    test: os.networks.test.handler(({ input, context }) =>
      reach.test(input.name, input.internet, context.signal),
    ),
  };
}

export function privateNetworkRoutes({ privateNetworks }: EngineCore) {
  const { list, get, create, delete: remove } = os.privateNetworks;
  return {
    list: list.handler(() => ({ items: privateNetworks.list() })),
    get: get.handler(({ input }) => privateNetworks.get(input.network)),
    create: create.handler(({ input }) => privateNetworks.create(input.name)),
    delete: remove.handler(async ({ input }) => {
      await privateNetworks.delete(input.network);
      return {};
    }),
  };
}
