/** Names with a meaning of their own. No schemas: every short command loads this, and a schema library takes longer than the command. */

/** An instance's name is also its hostname: a letter, then letters, digits and inner hyphens, at most 63. */
export const NAME_PATTERN = /^[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

export const NAME_RULE =
  "Use letters, digits and hyphens, begin with a letter, end with a letter or digit, at most 63.";

/** The instance that verbs mean when none is named. */
export const PRIMARY_NAME = "primary";

/** The primary instance shows the user's home under this name. */
export const HOME_MOUNT = "Home";
