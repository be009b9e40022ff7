/** What every procedure is made of: method, path, the privilege it needs, a summary. */
import { oc } from "@orpc/contract";
import * as z from "zod";
import type { Privilege } from "../access.ts";

/**
 * What the privilege must be held on. `*`: on anything at all, and the answer holds only what may be seen. An instance lies in
 * its project, wherever that is; an operation lies where it works.
 */
export type Touches =
  | "*"
  | "/system"
  | "/access"
  | "/images"
  | "/repositories/{name}"
  | "/repositories/{repository}"
  | "/projects/{project}"
  | "/projects/*/instances/{name}"
  | "/operations/{id}";

/** Every procedure declares both; the engine serves none that does not. */
export type Needs = { readonly privilege: Privilege; readonly touches: Touches };

export type Meta = Partial<Needs>;

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export const procedure = (
  method: Method,
  path: `/${string}`,
  privilege: Privilege,
  touches: Touches,
  summary: string,
) =>
  oc.$meta<Meta>({}).meta({ privilege, touches }).route({ method, path, summary, inputStructure: "compact" });

/** Names in requests are looked up, so any text is accepted and an unknown one is simply not found. */
export const ByName = z.object({ name: z.string().min(1).max(255) });

export const List = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item) });
