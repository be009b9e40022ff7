/** What holds for every extra disk. No schemas: commands that are run often load this. */

/** The guest knows the disk by this serial number, and a virtio disk has at most 20 bytes for it. */
export const DISK_NAME_PATTERN = /^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$/;
export const DISK_NAME_RULE =
  "Write up to 20 lower-case letters, digits and hyphens that begin with a letter.";

/** As many as can be plugged in while a guest runs. */
export const MOST_DISKS = 8;
export const SMALLEST_EXTRA_DISK_BYTES = 2 ** 20;
/** More than any tool takes. */
export const LARGEST_DISK_BYTES = 2 ** 46;
