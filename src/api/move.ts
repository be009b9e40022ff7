/** Instances on their way from one engine to another, and those that are made of a file. */
import * as z from "zod";
import { InstanceName } from "./instance-name.ts";
import { MINIMUM_DISK_BYTES, MINIMUM_MEMORY_BYTES } from "./limits.ts";
import { FirmwareKind } from "./machine.ts";

/** What is done next, written down before it is begun. `moved`: it has booted there, and nobody has confirmed it yet. */
export const MoveStep = z.enum(["stop", "copy", "boot", "moved"]);
export type MoveStep = z.infer<typeof MoveStep>;

/** On an instance that is moved: where to, and how far. Until it is taken away, the instance cannot be started. */
export const MoveMark = z.object({
  to: z.string().min(1).max(4096).describe("Where to, as the client reaches that"),
  id: z.uuid().describe("Of the instance there"),
  as: InstanceName.describe("What it is called there"),
  step: MoveStep,
  ran: z.boolean().describe("It ran before, and runs again where the move is taken back"),
});
export type MoveMark = z.infer<typeof MoveMark>;

/** A VM that is made of a disk of another program, such as Multipass. */
export const NewDiskInstance = z.strictObject({
  name: InstanceName,
  source: z
    .string()
    .min(1)
    .max(4096)
    .describe("Absolute path of a qcow2 or raw disk of the engine's host; it is copied, never written to"),
  raw: z.boolean().optional().describe("Take the file as a raw disk, whatever it holds"),
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/i)
    .optional()
    .describe("The one to log in as; ubuntu when left out"),
  firmware: FirmwareKind.optional(),
  cpus: z.int().min(1).max(512).optional(),
  memoryBytes: z.int().min(MINIMUM_MEMORY_BYTES).optional(),
  diskBytes: z
    .int()
    .min(MINIMUM_DISK_BYTES)
    .optional()
    .describe("That of the file when left out, or smaller"),
  encrypted: z.boolean().optional(),
});
export type NewDiskInstance = z.input<typeof NewDiskInstance>;
