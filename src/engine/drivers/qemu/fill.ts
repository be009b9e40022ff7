/**
 * A disk that is brought in whole while its guest runs: a job of QEMU's copies whatever the disk lacks from the node beneath
 * it, a piece at a time, so that the guest's own reads are never far behind. The job goes on whoever watches it; one that
 * ended with its QEMU is begun again, and passes over what is there.
 */
import * as z from "zod";
import { sleep } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import { FIRST_DISK } from "../points.ts";
import { awaitedNodeOf, deviceId } from "./argv-disks.ts";
import { nodesOf } from "./points/graph.ts";
import type { QmpClient } from "./qmp.ts";

/** No event tells how far a job is. */
const LOOK_MS = 1_000;
/** Per second, zeros counted: more would leave nothing of a host's disk to the guest. */
const MOST_BYTES = 512 * 2 ** 20;
/** Putting what a host has in memory to its disk. */
const FLUSH_MS = 10 * 60_000;

const Jobs = z.array(
  z.object({ device: z.string(), offset: z.number(), len: z.number(), "io-status": z.string() }),
);

/** QEMU's name for a disk of an instance. */
export function nodeOf({ disks }: Pick<DriverInstance, "disks">, id: string): string {
  if (id === FIRST_DISK) return FIRST_DISK;
  const disk = disks.find((one) => one.id === id);
  if (disk) return deviceId(disk);
  throw new EngineError("not-found", `cannot bring in the disk ${id}: there is none of that id`);
}

/** `reach` gives the monitor as it is now, or throws. */
export async function fillDisk(ctx: Ctx, reach: () => QmpClient, node: string): Promise<void> {
  const { signal } = ctx;
  const device = `fill-${node}`;
  for (;;) {
    const jobs = Jobs.parse(await reach().execute("query-block-jobs", {}, { signal }));
    const job = jobs.find((one) => one.device === device);
    if (job) {
      ctx.progress({ phase: "restore-disk", done: job.offset, ...(job.len > 0 ? { total: job.len } : {}) });
      if (job["io-status"] !== "ok") await reach().execute("block-job-resume", { device }, { signal });
    } else {
      const isWhole = (await nodesOf(reach())).every((one) => one.node !== awaitedNodeOf(node));
      if (isWhole) return flush(ctx, reach(), node);
      const how = { "job-id": device, device: node, speed: MOST_BYTES, "on-error": "stop" };
      await reach().execute("block-stream", how, { signal });
    }
    await sleep(LOOK_MS, signal);
  }
}

/** What lies in QEMU's memory alone would be lost with the host, and the backup may be gone by then. */
async function flush({ signal }: Ctx, monitor: QmpClient, node: string): Promise<void> {
  const words = { "command-line": `qemu-io ${node} "flush"` };
  const said = await monitor.execute("human-monitor-command", words, { signal, deadlineMs: FLUSH_MS });
  if (said === "") return;
  throw new EngineError("driver-failed", `cannot put ${node} to the host's disk: QEMU says: ${said}`);
}
