import * as z from "zod";

/** A short word for a command in an instance. */
export const AliasName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, { error: "Invalid alias name: letters, digits, - and _ only" });
export const ContextName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, {
  error: "Invalid context name: letters, digits, - and _ only",
});

export const Alias = z.object({
  instance: z.string().describe("Name of the instance"),
  command: z.string().min(1).max(4096).describe("The program; arguments are added when it is used"),
  workingDirectory: z
    .enum(["map", "default"])
    .describe("Where it runs: where the caller is, if that is mounted in the instance; or the user's home"),
});
export type Alias = z.infer<typeof Alias>;

/** All aliases, by context; those of the active context are meant where none is said. */
export const AliasBook = z.object({
  active: z.string(),
  contexts: z.record(z.string(), z.record(z.string(), Alias)),
});
export type AliasBook = z.infer<typeof AliasBook>;
