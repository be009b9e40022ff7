/** Names that front ends share. No schemas: the extension loads this at its start. */

/** In an editor all extensions' tools lie in one list. */
export const LM_PREFIX = "berth_";
