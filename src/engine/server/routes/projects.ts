import { AccessWork } from "../../access/access-work.ts";
import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function projectRoutes({ access, instances }: EngineCore) {
  const work = new AccessWork(access);
  return {
    list: os.projects.list.handler(() => ({ items: instances.projects() })),
    limit: os.projects.limit.handler(async ({ input: { project, limits } }) => {
      await work.limit(project, limits);
      return {};
    }),
  };
}
