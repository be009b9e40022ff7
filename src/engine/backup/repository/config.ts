import { randomBytes } from "node:crypto";
import * as z from "zod";
import { EngineError } from "../../../base/errors.ts";
import { damaged } from "./damage.ts";
import { randomPolynomial } from "./polynomial.ts";

const ConfigJson = z.object({
  version: z.number().int(),
  id: z.string().regex(/^[0-9a-f]{64}$/),
  chunker_polynomial: z.string().regex(/^[0-9a-f]{1,16}$/),
});
export type RepositoryConfig = z.infer<typeof ConfigJson>;

export function newConfig(): RepositoryConfig {
  return { version: 2, id: randomBytes(32).toString("hex"), chunker_polynomial: randomPolynomial() };
}

export function parseConfig(json: unknown): RepositoryConfig {
  const { data, error } = ConfigJson.safeParse(json);
  if (!data) throw damaged("the repository's config", z.prettifyError(error).replaceAll("\n", " "));
  if (data.version !== 1 && data.version !== 2)
    throw new EngineError(
      "not-supported",
      `cannot open the repository: its format ${data.version} is not known`,
      {
        hint: "A newer Berth may know it.",
      },
    );
  return data;
}
