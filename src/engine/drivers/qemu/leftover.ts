/** A QEMU of ours that lives and is of no use. */
import { sleep } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";
import { identify, sameProcess, signalProcess } from "../../../base/process-identity.ts";
import type { DriverInstance } from "../driver.ts";
import { readRunRecord } from "./run-record.ts";
import { endTpm } from "./tpm.ts";

/** How long a process that was killed may take to be gone, and how often that is looked at. */
const GONE_MS = 5_000;
const GONE_LOOK_MS = 50;

/**
 * Ends what the run record names and nobody could adopt: it waits for a memory that its engine, which has died, was to
 * give it. Without this a second QEMU would meet it on the same disk.
 */
export async function endLeftover(instance: DriverInstance): Promise<void> {
  const record = await readRunRecord(instance.directory);
  if (record?.instance !== instance.id) return;
  const { process } = record;
  for (let waited = 0; waited < GONE_MS; waited += GONE_LOOK_MS) {
    if (!sameProcess(await identify(process.pid), process)) return endTpm(record.tpm);
    signalProcess(process.pid, "SIGKILL");
    await sleep(GONE_LOOK_MS);
  }
  const reason = `cannot use ${instance.name}: an earlier QEMU of it does not end`;
  throw new EngineError("driver-failed", reason, { hint: `Look at process ${process.pid}.` });
}
