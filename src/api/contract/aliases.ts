/** Short words for commands in instances. They change nothing in an instance, so each call answers with all of them. */
import * as z from "zod";
import { Alias, AliasBook, AliasName, ContextName } from "../alias.ts";
import { procedure } from "./procedure.ts";

const One = z.object({ alias: z.string().min(1).max(64), context: ContextName.optional() });

export const aliases = {
  list: procedure("GET", "/v1/aliases", "system.view", "*", "All aliases").output(AliasBook),
  add: procedure(
    "POST",
    "/v1/aliases",
    "system.config",
    "/system",
    "Add an alias to a context, or to the active one",
  )
    .input(Alias.extend({ alias: AliasName, context: ContextName.optional() }))
    .output(AliasBook),
  remove: procedure("DELETE", "/v1/aliases/{alias}", "system.config", "/system", "Remove an alias")
    .input(One)
    .output(AliasBook),
  prefer: procedure("POST", "/v1/aliases/prefer", "system.config", "/system", "Make a context the active one")
    .input(z.object({ context: ContextName }))
    .output(AliasBook),
};
