/** Containers in the runtimes of this host that are no instances: others have made them. */
import * as z from "zod";
import { ContainerRuntime } from "./container.ts";

export const ForeignContainer = z.object({
  runtime: ContainerRuntime.describe("Where it is"),
  id: z.string(),
  name: z.string(),
  image: z.string().describe("What it was made from, in the words of whoever made it"),
  state: z.enum(["running", "paused", "restarting", "stopped"]),
  createdAt: z.iso.datetime(),
  otherBerth: z.boolean().describe("It is an instance of another Berth's engine, and cannot be adopted"),
  composeProject: z.string().optional().describe("The compose project that it was made with"),
});
export type ForeignContainer = z.infer<typeof ForeignContainer>;
