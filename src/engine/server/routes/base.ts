/** What every procedure's handler is made with: the contract, its context, and the guard before each call. */
import { implement } from "@orpc/server";
import { contract } from "../../../api/contract.ts";
import { askedBy } from "../../access/asking.ts";
import { type RequestContext, targetOf } from "../access.ts";
import { authorise } from "../authorise.ts";
import { decided } from "../record.ts";
import { visible } from "../visible.ts";

const base = implement(contract).$context<RequestContext>();

/** Decision first, then the record of mutations; runs before the input is validated. Answers hold what may be seen. */
const guard = base.middleware(async ({ context, path, procedure, next }, input: unknown) => {
  const { meta, route } = procedure["~orpc"];
  const request = { procedure: path.join("."), needs: meta, input };
  const { core, principal } = context;
  const action = {
    ...{ request, target: targetOf(input), changes: route.method !== "GET" },
    operationIn: ({ output }: { output: unknown }) => operationIn(output),
  };
  return decided(context, action, async (who) => {
    context.whileAllowed(() => authorise(core, principal, request));
    const result = await askedBy(who, () => next());
    return who
      ? { ...result, output: visible(request.procedure, result.output, { core, who }) as never }
      : result;
  });
});

/** The id of an operation, where that is the answer. */
function operationIn(output: unknown): string | undefined {
  const { id, kind, status } = (output ?? {}) as Record<string, unknown>;
  return typeof id === "string" && typeof kind === "string" && typeof status === "string" ? id : undefined;
}

export const os = base.use(guard);

export function withoutUndefined<T extends object>(value: { [K in keyof T]?: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Partial<T>;
}
