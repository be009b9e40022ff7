/** From a started process to one that is written down, so that the next engine can adopt it. */
import { chmod, rm } from "node:fs/promises";
import { leadsOut } from "../../../api/network-mode.ts";
import { EngineError } from "../../../base/errors.ts";
import { identify } from "../../../base/process-identity.ts";
import type { DetachedChild } from "../../../base/run.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import { forwardedPort, outwardAddress } from "./argv.ts";
import { type ConsoleAt, consolePort } from "./argv-console.ts";
import type { Firmware } from "./host.ts";
import {
  connectMonitor,
  consoleSocketOf,
  diskSocketsOf,
  monitorOf,
  pointSocketOf,
  screenSocketOf,
  tpmSocketOf,
} from "./monitor.ts";
import type { Toolchain } from "./probe.ts";
import type { QmpClient } from "./qmp.ts";
import { type RunRecord, writeRunRecord } from "./run-record.ts";
import type { Share } from "./shares.ts";
import type { SuspendRecord } from "./suspend-record.ts";
import type { RunningTpm } from "./tpm.ts";

/** What a QEMU is started with beside the instance itself. */
export type Boot = {
  suspended: SuspendRecord | undefined;
  monitor: ReturnType<typeof monitorOf>;
  /** The socket of its LAN NIC. */
  lan: string | undefined;
  shares: Share[];
  firmware: Firmware | undefined;
  tpm: RunningTpm | undefined;
  /** Arguments that give the key of its disks. */
  keys: readonly string[] | undefined;
};

type Started = Boot & {
  child: DetachedChild;
  hardware: string;
  tools: Toolchain;
  platform: NodeJS.Platform;
};

/** Resolves when its monitor answers and its record is written; closes the monitor where it rejects. */
export async function noteRun(
  ctx: Ctx,
  instance: DriverInstance,
  started: Started,
): Promise<{ record: RunRecord; monitor: QmpClient }> {
  const { child, monitor: at, platform } = started;
  const process = await identify(child.pid);
  const monitor = await connectMonitor(ctx, instance, child, at.path);
  try {
    const vnc = instance.display ? screenSocketOf(instance) : undefined;
    const sockets = [at.path, consoleSocketOf(instance), ...(vnc === undefined ? [] : [vnc])];
    for (const socket of platform === "win32" ? [] : sockets) await chmod(socket, 0o600);
    const sshPort = await portOf(ctx, monitor);
    const console = await consoleOf(ctx, platform, instance, monitor);
    if (!process || sshPort === undefined) {
      const reason = `cannot start ${instance.name}: QEMU has not forwarded the guest's SSH port`;
      throw new EngineError("driver-failed", reason, { hint: "Look at its driver log." });
    }
    const { accelerator, problems } = started.tools;
    const { hardware, shares, lan, tpm } = started;
    const record: RunRecord = {
      ...{ schema: 1, instance: instance.id, process, monitor: at.path, sshPort, accelerator },
      ...{ startedAt: new Date().toISOString(), problems, hardware, shares },
      ...(console === undefined ? {} : { console }),
      ...(lan === undefined ? {} : { lan }),
      network: instance.network,
      ...(leadsOut(instance.network) ? { wayOut: "net" } : {}),
      ...(vnc === undefined ? {} : { vnc }),
      ...(tpm === undefined ? {} : { tpm }),
      guestAddress: outwardAddress({ ...instance, lan }),
    };
    await writeRunRecord(instance.directory, record);
    ctx.signal.throwIfAborted();
    return { record, monitor };
  } catch (error) {
    monitor.close();
    throw error;
  }
}

async function portOf({ signal }: Ctx, monitor: QmpClient): Promise<number | undefined> {
  const words = { "command-line": "info usernet" };
  return forwardedPort(String(await monitor.execute("human-monitor-command", words, { signal })));
}

async function consoleOf(
  { signal }: Ctx,
  platform: NodeJS.Platform,
  instance: DriverInstance,
  monitor: QmpClient,
): Promise<ConsoleAt | undefined> {
  if (platform !== "win32") return { path: consoleSocketOf(instance) };
  const port = consolePort(await monitor.execute("query-chardev", {}, { signal }));
  return port === undefined ? undefined : { port };
}

/** What a QEMU that was killed has left. Pipes of Windows go by themselves. */
export async function removeSockets(platform: NodeJS.Platform, instance: DriverInstance): Promise<void> {
  const monitor = platform === "win32" ? [] : [monitorOf(platform, instance).path];
  const others = [screenSocketOf(instance), tpmSocketOf(instance), consoleSocketOf(instance)];
  const points = [pointSocketOf(instance), ...diskSocketsOf(instance)];
  for (const socket of [...monitor, ...others, ...points]) {
    await rm(socket, { force: true });
  }
}
