/**
 * Starting instances because their policy says so, at an engine's start. An engine comes and goes with its clients, so
 * `on` counts once per boot of the host: what a user has stopped stays stopped until the host is booted again.
 */
import * as z from "zod";
import { sameBoot } from "../../base/process-identity.ts";
import type { Operations } from "../operations.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import type { InstanceManager } from "./manager.ts";

/** A booting guest takes all that a CPU and a disk have. */
const AT_ONCE = 2;
const KEY = "internal.autostart";

/** Kept between engines: which boot of the host was served, and whose turn had not come when an engine left. */
const Kept = z.object({ boot: z.string(), waiting: z.array(z.uuid()) });

export type AutostartParts = {
  keeper: Keeper;
  manager: Pick<InstanceManager, "start">;
  operations: Pick<Operations, "wait">;
  /** Those that ran when an engine last saw them, and do not now. */
  endedUnseen: readonly Entry[];
  /** Of this host. */
  boot: string;
  /** Aborts when the engine leaves. */
  signal: AbortSignal;
};

/** Who is to be started, the one that was made first at the head. */
export function autostartOf(parts: Pick<AutostartParts, "keeper" | "endedUnseen" | "boot">): Entry[] {
  const { keeper, endedUnseen, boot } = parts;
  const kept = Kept.safeParse(keeper.store.readSetting(KEY)).data;
  const booted = kept === undefined || !sameBoot(kept.boot, boot);
  const ran = new Set<Entry>(endedUnseen);
  return keeper
    .entries()
    .filter((entry) => {
      const { id, autostart, zone } = entry.record.descriptor;
      if (entry.pending || entry.broken || !["stopped", "suspended"].includes(entry.record.state))
        return false;
      if (autostart === "off" || !keeper.zones.of(zone).available) return false;
      return ran.has(entry) || kept?.waiting.includes(id) === true || (booted && autostart === "on");
    })
    .sort((a, b) => a.record.descriptor.createdAt.localeCompare(b.record.descriptor.createdAt));
}

/** Starts them, a few at a time, each by an operation of its own. A failed one is shown as any failed start is. */
export async function autostart(parts: AutostartParts): Promise<void> {
  const { keeper, boot } = parts;
  const waiting = autostartOf(parts);
  const keep = () =>
    keeper.store.writeSettings({
      [KEY]: { boot, waiting: waiting.map(({ record }) => record.descriptor.id) },
    });
  keep();
  const lane = async () => {
    for (let entry = waiting[0]; entry; entry = waiting[0]) {
      if (parts.signal.aborted) return;
      waiting.shift();
      const started = startOne(parts, entry);
      keep();
      await started;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

async function startOne(
  { keeper, manager, operations, signal }: AutostartParts,
  entry: Entry,
): Promise<void> {
  const instance = nameOf(entry);
  try {
    keeper.log.info("starting by policy", { instance });
    const operation = await manager.start(instance);
    await operations.wait(operation.id, signal);
  } catch (error) {
    if (!signal.aborted) keeper.log.warn("an instance was not started by its policy", { instance, error });
  }
}
