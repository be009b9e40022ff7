/** What every procedure is made of: method, path, the privilege it needs, a summary. */
import { oc } from "@orpc/contract";
import * as z from "zod";

/** What a caller needs to be allowed to do; each procedure declares exactly one. */
export type Privilege =
  | "system.view"
  | "system.config"
  | "instance.view"
  | "instance.create"
  | "instance.power"
  | "instance.config"
  | "instance.mount"
  | "instance.delete"
  | "instance.exec"
  | "instance.console"
  | "snapshot.create"
  | "snapshot.restore"
  | "image.use"
  | "image.add"
  | "repository.view"
  | "repository.edit"
  | "backup.create"
  | "backup.restore"
  | "backup.prune";

export type Meta = { privilege?: Privilege };

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export const procedure = (method: Method, path: `/${string}`, privilege: Privilege, summary: string) =>
  oc.$meta<Meta>({}).meta({ privilege }).route({ method, path, summary, inputStructure: "compact" });

/** Names in requests are looked up, so any text is accepted and an unknown one is simply not found. */
export const ByName = z.object({ name: z.string().min(1).max(255) });

export const List = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item) });
