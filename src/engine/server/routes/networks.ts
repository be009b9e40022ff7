import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function networkRoutes({ networks }: EngineCore) {
  return {
    list: os.networks.list.handler(async () => ({ items: await networks.list() })),
    attach: os.networks.attach.handler(({ input: { name, ...wanted } }) => networks.attach(name, wanted)),
    detach: os.networks.detach.handler(({ input }) => networks.detach(input.name, input.mac)),
  };
}
