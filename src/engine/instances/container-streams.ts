/** What there is to read of a container and not of a VM: its main process, and its file system as a tar. */
import type { Readable } from "node:stream";
import { EngineError } from "../../base/errors.ts";
import type { AttachRequest } from "../drivers/running.ts";
import type { GuestProcess } from "../guest/guest.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

/** The main process of one that runs; closing it leaves it. */
export async function attachTo(
  entry: Entry,
  request: AttachRequest,
  signal: AbortSignal,
): Promise<GuestProcess> {
  const { running, record } = entry;
  const name = nameOf(entry);
  const cannot = `cannot attach to ${name}`;
  if (!record.descriptor.container) {
    throw new EngineError("not-supported", `${cannot}: it is not a container`, {
      hint: `Its serial console: berth console ${name}`,
    });
  }
  if (!running) {
    throw new EngineError("wrong-state", `${cannot}: instance "${name}" is not running`, {
      hint: `Start it: berth start ${name}`,
    });
  }
  if (running.paused) {
    throw new EngineError("wrong-state", `${cannot}: instance "${name}" is paused`, {
      hint: `Let it go on: berth unpause ${name}`,
    });
  }
  if (running.attach) return running.attach({ signal }, request);
  throw new EngineError("not-supported", `${cannot}: the driver ${record.descriptor.driver} cannot do that`);
}

/** The file system of one, as a tar; the caller owns the stream. */
export async function openExport(keeper: Keeper, entry: Entry, signal: AbortSignal): Promise<Readable> {
  const driver = keeper.driverOf(entry);
  const name = nameOf(entry);
  if (!driver.export) {
    throw new EngineError("not-supported", `cannot export ${name}: it is not a container`);
  }
  return driver.export({ signal }, await keeper.driverInstance(entry, { withoutKeys: true }));
}
