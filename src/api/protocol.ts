/** Grows when a client and an engine of different versions could misunderstand each other. */
export const PROTOCOL_VERSION = 1;

/** Request header of byte streams, and of a client that has not asked who the engine is: its protocol version. */
export const PROTOCOL_HEADER = "berth-protocol";
