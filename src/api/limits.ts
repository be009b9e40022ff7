/** Numbers that a command tells before it asks anything. No schemas: see `names.ts`. */

export const MINIMUM_MEMORY_BYTES = 128 * 2 ** 20;
export const MINIMUM_DISK_BYTES = 512 * 2 ** 20;

/** How long a session on a terminal is kept while nobody is attached, where nobody says otherwise. */
export const SESSION_KEEP_SECONDS = 600;
