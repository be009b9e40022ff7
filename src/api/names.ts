import * as z from "zod";

/** An instance's name is also its hostname: a letter, then letters, digits and inner hyphens, at most 63. */
export const NAME_PATTERN = /^[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

export const NAME_RULE =
  "Use letters, digits and hyphens, begin with a letter, end with a letter or digit, at most 63.";

export const InstanceName = z
  .string()
  .regex(NAME_PATTERN, { error: `Invalid instance name supplied. ${NAME_RULE}` });

/** The instance that verbs mean when none is named. */
export const PRIMARY_NAME = "primary";
