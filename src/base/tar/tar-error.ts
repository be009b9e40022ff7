/** What is wrong with a tar, in words that follow a colon. */
export class TarError extends Error {}
