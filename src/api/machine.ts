/** What kind of machine an instance is, beyond its sizes. */
import * as z from "zod";

/**
 * `linux`: made ready by cloud-init and reached by SSH. Any other guest is used by its screen: `windows` gets a clock in
 * local time and the enlightenments of Hyper-V, `other` neither.
 */
export const GuestKind = z.enum(["linux", "windows", "other"]);
export type GuestKind = z.infer<typeof GuestKind>;

export const FirmwareKind = z.enum(["bios", "uefi", "uefi-secure"]);
export type FirmwareKind = z.infer<typeof FirmwareKind>;

/** A file or address, as it was asked for. */
export const MediumReference = z
  .string()
  .min(1)
  .max(4096)
  .describe("An ISO: absolute path of a file of the engine's host, used in place; or https://…, downloaded");

export const Medium = z.object({ reference: z.string() });
export type Medium = z.infer<typeof Medium>;

/** Sizes of guests that are installed rather than copied, where none are asked for. */
export const INSTALL_DEFAULTS = {
  windows: { cpus: 2, memoryBytes: 4 * 2 ** 30, diskBytes: 64 * 2 ** 30 },
  other: { cpus: 1, memoryBytes: 2 * 2 ** 30, diskBytes: 20 * 2 ** 30 },
} as const;
