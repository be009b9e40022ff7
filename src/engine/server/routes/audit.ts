import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function auditRoutes({ audit }: EngineCore) {
  return {
    list: os.audit.list.handler(async ({ input }) => ({ items: await audit.list(input) })),
    verify: os.audit.verify.handler(() => audit.verify()),
  };
}
