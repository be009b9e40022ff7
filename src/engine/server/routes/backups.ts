import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function repositoryRoutes({ repositories }: EngineCore) {
  const at = os.repositories;
  return {
    list: at.list.handler(() => ({ items: repositories.list() })),
    add: at.add.handler(({ input }) => repositories.add(input)),
    reveal: at.reveal.handler(async ({ input }) => ({ password: await repositories.reveal(input.name) })),
    changePassword: at.changePassword.handler(async ({ input, context }) => {
      await repositories.changePassword(input.name, input.password, context.signal);
      return {};
    }),
    keys: at.keys.handler(async ({ input, context }) => ({
      items: await repositories.keys(input.name, context.signal),
    })),
    addKey: at.addKey.handler(async ({ input, context }) => {
      await repositories.addKey(input.name, input.password, context.signal);
      return {};
    }),
    removeKey: at.removeKey.handler(async ({ input, context }) => {
      await repositories.removeKey(input.name, input.key, context.signal);
      return {};
    }),
    remove: at.remove.handler(async ({ input }) => {
      await repositories.remove(input.name);
      return {};
    }),
    check: at.check.handler(({ input: { name, ...options } }) => repositories.check(name, options)),
    prune: at.prune.handler(({ input }) => repositories.prune(input.name)),
    unlock: at.unlock.handler(async ({ input, context }) => ({
      removed: await repositories.unlock(input.name, context.signal),
    })),
  };
}

export function backupRoutes({ backups, backupPlans }: EngineCore) {
  const at = os.backups;
  return {
    list: at.list.handler(({ input, context }) => backups.list(input, context.signal)),
    create: at.create.handler(({ input: { name, ...options } }) => backups.create(name, options)),
    restore: at.restore.handler(({ input: { as, env = {}, live, ...one }, context }) =>
      backups.restore(one, as, context.signal, { env, live }),
    ),
    revert: at.revert.handler(({ input: { disk, ...one }, context }) =>
      backups.revert(one, disk, context.signal),
    ),
    update: at.update.handler(({ input: { isProtected, ...one }, context }) =>
      backups.update(one, { isProtected }, context.signal),
    ),
    remove: at.remove.handler(async ({ input, context }) => {
      await backups.remove(input, context.signal);
      return {};
    }),
    plans: at.plans.handler(() => ({ items: backupPlans.list() })),
    plan: at.plan.handler(({ input: { name, ...wanted } }) => backupPlans.set(name, wanted)),
    unplan: at.unplan.handler(({ input }) => {
      backupPlans.remove(input.name);
      return {};
    }),
    verify: at.verify.handler(({ input }) => backups.verify(input)),
    browse: at.browse.handler(({ input, context }) => backups.browse(input, context.signal)),
    drill: at.drill.handler(({ input, context }) => backups.drill(input, context.signal)),
  };
}
