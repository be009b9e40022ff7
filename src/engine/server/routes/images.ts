import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function containerImageRoutes({ containerImages: images }: EngineCore) {
  return {
    list: os.containerImages.list.handler(async ({ input, context }) => ({
      items: await images.list(input, context.signal),
    })),
    pull: os.containerImages.pull.handler(({ input }) => images.pull(input)),
    push: os.containerImages.push.handler(({ input }) => images.push(input)),
    load: os.containerImages.load.handler(({ input }) => images.load(input)),
    save: os.containerImages.save.handler(({ input }) => images.save(input)),
    remove: os.containerImages.remove.handler(async ({ input, context }) => {
      await images.remove(input, context.signal);
      return {};
    }),
    prune: os.containerImages.prune.handler(({ input, context }) => images.prune(input, context.signal)),
  };
}

export function composeRoutes({ compose }: EngineCore) {
  return {
    list: os.composeProjects.list.handler(async ({ input, context }) => ({
      items: await compose.list(input, context.signal),
    })),
  };
}

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
