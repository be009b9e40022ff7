import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function aliasRoutes({ aliases }: EngineCore) {
  const at = os.aliases;
  return {
    list: at.list.handler(() => aliases.list()),
    add: at.add.handler(({ input: { alias, context, ...rest } }) => aliases.add(alias, rest, context)),
    remove: at.remove.handler(({ input }) => aliases.remove(input.alias, input.context)),
    prefer: at.prefer.handler(({ input }) => aliases.prefer(input.context)),
  };
}
