import type { Driver } from "../../src/engine/drivers/driver.ts";
import type { Running } from "../../src/engine/drivers/running.ts";

/** What a driver may be able to do, or not. What one declares it must do; what it does not, it must lack. */
export const ABILITIES = [
  "extra disks",
  "console",
  "display",
  "suspend",
  "disk resize",
  "reseed",
  "pause",
  "logs",
  "stats",
  "points",
  "attach",
  "export",
] as const;
export type Ability = (typeof ABILITIES)[number];

/** Those of virtual machines. */
export const VM_ABILITIES: readonly Ability[] = [
  "extra disks",
  "console",
  "display",
  "suspend",
  "disk resize",
  "reseed",
  "points",
];

export function has(driver: Driver, running: Running, ability: Ability): boolean {
  switch (ability) {
    case "extra disks":
      return driver.disks !== undefined && running.disks !== undefined;
    case "console":
      return running.console !== undefined;
    case "display":
      return running.openDisplay !== undefined;
    case "suspend":
      return running.suspend !== undefined && driver.isSuspended !== undefined;
    case "disk resize":
      return driver.resizeDisk !== undefined;
    case "reseed":
      return driver.reseed !== undefined;
    case "pause":
      return running.pause !== undefined && running.unpause !== undefined;
    case "logs":
      return driver.logs !== undefined;
    case "stats":
      return running.stats !== undefined;
    case "points":
      return driver.points !== undefined && running.openPoint !== undefined;
    case "attach":
      return running.attach !== undefined;
    case "export":
      return driver.export !== undefined;
  }
}
