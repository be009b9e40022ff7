/** What this host has to give: processors, memory, room where instances lie. */
import { statfs } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import type { Paths } from "../base/paths.ts";
import type { HostFacts } from "./instances/check.ts";
import type { Locations } from "./storage/locations.ts";

export async function factsOf(paths: Paths, locations: Locations): Promise<HostFacts> {
  const there = await locations.isPresent("instances");
  const { bavail, bsize } = await statfs(there ? locations.instances : paths.data);
  return { cpus: cpus().length, memoryBytes: totalmem(), freeDiskBytes: bavail * bsize };
}
