/** What every procedure's handler is made with: the contract, its context, and the guard before each call. */
import { implement } from "@orpc/server";
import { contract } from "../../../api/contract.ts";
import { askedBy } from "../../access/asking.ts";
import { type RequestContext, recorded, targetOf } from "../access.ts";
import { authorise } from "../authorise.ts";
import { visible } from "../visible.ts";

const base = implement(contract).$context<RequestContext>();

/** Decision first, then the record of mutations; runs before the input is validated. Answers hold what may be seen. */
const guard = base.middleware(async ({ context, path, procedure, next }, input: unknown) => {
  const { meta, route } = procedure["~orpc"];
  const name = path.join(".");
  const { core, principal } = context;
  const decided = () => authorise(core, principal, { procedure: name, needs: meta, input });
  if (principal.kind === "owner" && route.method === "GET") {
    decided();
    return next();
  }
  const run = async () => {
    const who = decided();
    context.whileAllowed(decided);
    const result = await askedBy(who, () => next());
    return who ? { ...result, output: visible(name, result.output, { core, who }) as never } : result;
  };
  return route.method === "GET"
    ? run()
    : recorded(context, { procedure: name, target: targetOf(input) }, run);
});

export const os = base.use(guard);

export function withoutUndefined<T extends object>(value: { [K in keyof T]?: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Partial<T>;
}
