/** What the texts of several commands have in common. */

export type HelpText = {
  usage: string;
  about: string;
  options?: readonly (readonly [flags: string, text: string])[];
  arguments?: readonly (readonly [name: string, text: string])[];
};

export const FORMAT = [
  "--format <format>",
  "Output list in the requested format.\nValid formats are: table (default), json, csv and yaml",
] as const;

export const TIMEOUT = [
  "--timeout <timeout>",
  "Maximum time, in seconds, to wait for the command to complete. Note that some background operations may continue beyond that. By default, instance startup and initialization is limited to 5 minutes each.",
] as const;
