/** What tools that launch may say of the machine. */
import * as z from "zod";
import type { LaunchSpec } from "../../api/instance.ts";
import { NAME_PATTERN } from "../../api/names.ts";

const MIB = 2 ** 20;

export const machineInput = {
  instance: z.string().regex(NAME_PATTERN).optional().describe("Its name; generated when left out"),
  image: z.string().min(1).max(500).default("default").describe("Such as 24.04, debian:12, alpine"),
  cpus: z.int().min(1).max(64).optional(),
  memory_mib: z
    .int()
    .min(128)
    .max(2 ** 20)
    .optional(),
  disk_mib: z
    .int()
    .min(512)
    .max(2 ** 24)
    .optional(),
  display: z.boolean().optional().describe("A screen that the user can open; not needed for commands"),
};

type MachineInput = z.infer<z.ZodObject<typeof machineInput>>;

/** The part of a launch that this is. Pure. */
export function machineSpec({
  instance,
  image,
  cpus,
  memory_mib,
  disk_mib,
  display,
}: MachineInput): Partial<LaunchSpec> {
  return {
    image,
    ...(instance === undefined ? {} : { name: instance }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(memory_mib === undefined ? {} : { memoryBytes: memory_mib * MIB }),
    ...(disk_mib === undefined ? {} : { diskBytes: disk_mib * MIB }),
    ...(display === undefined ? {} : { display }),
  };
}
