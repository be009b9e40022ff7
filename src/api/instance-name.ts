import * as z from "zod";
import { NAME_PATTERN, NAME_RULE } from "./names.ts";

export const InstanceName = z
  .string()
  .regex(NAME_PATTERN, { error: `Invalid instance name supplied. ${NAME_RULE}` });
