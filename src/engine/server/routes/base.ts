/** What every procedure's handler is made with: the contract, its context, and the guard before each call. */
import { implement } from "@orpc/server";
import { contract } from "../../../api/contract.ts";
import { type RequestContext, recorded, requirePrivilege, targetOf } from "../access.ts";

const base = implement(contract).$context<RequestContext>();

/** Privilege first, then the record of mutations; runs before the input is validated. */
const guard = base.middleware(async ({ context, path, procedure, next }, input: unknown) => {
  const { meta, route } = procedure["~orpc"];
  const name = path.join(".");
  requirePrivilege(context.identity, meta.privilege, `call ${name}`);
  if (route.method === "GET") return next();
  return recorded(context, { procedure: name, target: targetOf(input) }, async () => next());
});

export const os = base.use(guard);

export function withoutUndefined<T extends object>(value: { [K in keyof T]?: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Partial<T>;
}
