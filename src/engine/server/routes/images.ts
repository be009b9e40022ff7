import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function imageRoutes({ images }: EngineCore) {
  return {
    find: os.images.find.handler(({ input: { query, unsupported, arch, refresh }, context }) =>
      images.find({ text: query, unsupported, arch, refresh }, context.signal),
    ),
    cached: os.images.cached.handler(async () => ({ items: await images.cached() })),
    pull: os.images.pull.handler(({ input }) => images.pull(input.reference)),
    build: os.images.build.handler(({ input }) => images.build(input.recipe)),
    remove: os.images.remove.handler(({ input }) => images.remove(input.id)),
    prune: os.images.prune.handler(() => images.prune()),
  };
}
