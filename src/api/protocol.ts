/** Grows when a client and an engine of different versions could misunderstand each other. */
export const PROTOCOL_VERSION = 1;
