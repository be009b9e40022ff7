/** The QEMU driver: virtual machines whose processes outlive the engine. */
import { randomBytes } from "node:crypto";
import { chmod, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { DriverInfo, Settings } from "../../../api/engine-info.ts";
import type { Arch } from "../../../api/instance.ts";
import { sleep, withDeadline } from "../../../base/async.ts";
import { exists, privateDirectory } from "../../../base/durable.ts";
import { EngineError } from "../../../base/errors.ts";
import { identify, sameProcess, signalProcess } from "../../../base/process-identity.ts";
import { type DetachedChild, startDetached } from "../../../base/run.ts";
import type { Ctx } from "../../ctx.ts";
import { writeLoginFiles } from "../../guest/keys.ts";
import { expectedHostKeys, type SeedInput, writeSeed } from "../../guest/seed.ts";
import type { Driver, DriverInstance, Running } from "../driver.ts";
import { forwardedPort, qemuArgv } from "./argv.ts";
import { cloneDisk, cloneVariables } from "./clone.ts";
import { allocatedBytes, createDisk, createVariables, enlargeDisk } from "./disk.ts";
import { type Host, thisHost } from "./host.ts";
import { type ProbeResult, probeToolchain, type Toolchain } from "./probe.ts";
import { QmpClient } from "./qmp.ts";
import { type RunRecord, readRunRecord, removeRunRecord, writeRunRecord } from "./run-record.ts";
import { DRIVER_LOG, lastWords, QemuRunning } from "./running.ts";
import { QemuSnapshots } from "./snapshots.ts";

export type QemuOptions = {
  /** Read at every probe and start. */
  accelerator: () => Settings["qemu.accelerator"];
  host?: Host;
};

/** QEMU makes its monitor within a fraction of a second; a loaded host takes longer. */
const MONITOR_MS = 30_000;
const MONITOR_LOOK_MS = 10;
/** How long an adopted QEMU may take to answer before it counts as unresponsive. */
const ADOPT_MS = 3_000;

export function createQemuDriver(options: QemuOptions): Driver {
  return new QemuDriver(options);
}

class QemuDriver implements Driver {
  readonly name = "qemu";
  readonly kind = "vm";
  readonly #accelerator: QemuOptions["accelerator"];
  readonly #host: Host;
  readonly snapshots: QemuSnapshots;
  readonly #probes = new Map<string, Promise<ProbeResult>>();

  constructor(options: QemuOptions) {
    this.#accelerator = options.accelerator;
    this.#host = options.host ?? thisHost();
    const qemuImg = async (ctx: Ctx, instance: DriverInstance) => (await this.#tools(ctx, instance)).qemuImg;
    this.snapshots = new QemuSnapshots(qemuImg, filesOf);
  }

  async probe(ctx: Ctx, options: { fresh?: boolean } = {}): Promise<DriverInfo> {
    if (options.fresh) this.#probes.clear();
    const found = await this.#probe(ctx, this.#host.arch);
    const base = { name: this.name, kind: this.kind, features: ["snapshot-disk", "user-network"] } as const;
    if ("missing" in found) {
      return { ...base, features: [], available: false, arches: [], problems: [found.missing] };
    }
    const { version, accelerator, problems, arch } = found;
    return {
      ...base,
      features: [...base.features],
      available: true,
      version,
      accelerator,
      arches: [arch],
      problems,
    };
  }

  async create(ctx: Ctx, instance: DriverInstance): Promise<void> {
    const tools = await this.#tools(ctx, instance);
    const files = filesOf(instance);
    await privateDirectory(instance.directory);
    await createDisk(tools.qemuImg, files.disk, instance, ctx.signal);
    if (tools.firmware) await createVariables(tools.firmware.variables, files.variables);
    await writeIdentity(instance);
  }

  async start(ctx: Ctx, instance: DriverInstance): Promise<Running> {
    const running = await this.attach(ctx, instance);
    if (running) return running;
    const tools = await this.#tools(ctx, instance);
    const files = filesOf(instance);
    await privateDirectory(instance.runDirectory);
    const monitor = monitorOf(this.#host.platform, instance);
    if (this.#host.platform !== "win32") await rm(monitor.path, { force: true });
    await writeFile(path.join(instance.directory, DRIVER_LOG), "", { mode: 0o600 });
    const { firmware } = tools;
    const argv = qemuArgv({
      ...{ platform: this.#host.platform, program: tools.program, accelerator: tools.accelerator },
      ...instance,
      files: {
        ...{ disk: files.disk, seed: files.seed, serialLog: files.serialLog, monitor: monitor.argument },
        firmware: firmware && { code: firmware.code, variables: files.variables },
      },
    });
    ctx.signal.throwIfAborted();
    ctx.log.info("starting QEMU", { argv });
    const child = await startDetached(argv, {
      logFile: path.join(instance.directory, DRIVER_LOG),
      cwd: instance.directory,
    });
    try {
      return await this.#take(ctx, instance, tools, child, monitor.path);
    } catch (error) {
      signalProcess(child.pid, "SIGKILL");
      await child.exited.catch(() => {});
      await removeRunRecord(instance.directory);
      throw error;
    }
  }

  async attach(ctx: Ctx, instance: DriverInstance): Promise<Running | undefined> {
    const record = await readRunRecord(instance.directory);
    if (!record || record.instance !== instance.id) return undefined;
    if (!sameProcess(await identify(record.process.pid), record.process)) return undefined;
    let monitor: QmpClient | undefined;
    try {
      monitor = await QmpClient.connect(record.monitor, { signal: ctx.signal, deadlineMs: ADOPT_MS });
      const answer = (await monitor.execute("query-uuid", {}, { deadlineMs: ADOPT_MS })) as { UUID?: string };
      if (answer.UUID?.toLowerCase() === instance.id.toLowerCase())
        return new QemuRunning(instance, record, monitor, ctx.log);
      monitor.close();
      return undefined;
    } catch (error) {
      monitor?.close();
      ctx.signal.throwIfAborted();
      // The process is the one we started, so it holds the disk: it is shown as it is, and no second one is started.
      if (!sameProcess(await identify(record.process.pid), record.process)) return undefined;
      ctx.log.warn("QEMU runs but does not answer", { instance: instance.name, error });
      return new QemuRunning(instance, record, undefined, ctx.log);
    }
  }

  async delete(ctx: Ctx, instance: DriverInstance): Promise<void> {
    const running = await this.attach(ctx, instance);
    if (running) await running.stop(ctx, "force");
    if (this.#host.platform !== "win32")
      await rm(monitorOf(this.#host.platform, instance).path, { force: true });
    await removeRunRecord(instance.directory);
  }

  async resizeDisk(ctx: Ctx, instance: DriverInstance, diskBytes: number): Promise<void> {
    const { qemuImg } = await this.#tools(ctx, instance);
    await enlargeDisk(qemuImg, filesOf(instance).disk, diskBytes, ctx.signal);
  }

  async clone(ctx: Ctx, source: DriverInstance, target: DriverInstance): Promise<void> {
    const { qemuImg } = await this.#tools(ctx, target);
    const [from, to] = [filesOf(source), filesOf(target)];
    await privateDirectory(target.directory);
    await cloneDisk(qemuImg, from.disk, to.disk, target.image, ctx.signal);
    await cloneVariables(from.variables, to.variables);
    await writeIdentity(target);
  }

  /** cloud-init reads the seed at every boot; a new hostname in it counts although the instance is the same. */
  async renamed(_ctx: Ctx, instance: DriverInstance): Promise<void> {
    await writeSeed(filesOf(instance).seed, seedOf(instance));
  }

  diskUsage(instance: DriverInstance): Promise<number | undefined> {
    return allocatedBytes(filesOf(instance).disk);
  }

  /** From a started process to one that is written down and watched. */
  async #take(
    ctx: Ctx,
    instance: DriverInstance,
    tools: Toolchain,
    child: DetachedChild,
    monitorPath: string,
  ): Promise<Running> {
    const identity = await identify(child.pid);
    const monitor = await connectMonitor(ctx, instance, child, monitorPath);
    try {
      if (this.#host.platform !== "win32") await chmod(monitorPath, 0o600);
      const usernet = await monitor.execute(
        "human-monitor-command",
        { "command-line": "info usernet" },
        { signal: ctx.signal },
      );
      const sshPort = forwardedPort(String(usernet));
      if (!identity || sshPort === undefined) {
        throw new EngineError(
          "driver-failed",
          `cannot start ${instance.name}: QEMU has not forwarded the guest's SSH port`,
          {
            hint: "Look at its driver log.",
          },
        );
      }
      const record: RunRecord = {
        ...{
          schema: 1,
          instance: instance.id,
          process: identity,
          monitor: monitorPath,
          sshPort,
          accelerator: tools.accelerator,
        },
        ...{ startedAt: new Date().toISOString(), problems: tools.problems },
      };
      await writeRunRecord(instance.directory, record);
      ctx.signal.throwIfAborted();
      return new QemuRunning(instance, record, monitor, ctx.log);
    } catch (error) {
      monitor.close();
      throw error;
    }
  }

  async #tools(ctx: Ctx, instance: DriverInstance): Promise<Toolchain> {
    const found = await this.#probe(ctx, instance.arch);
    if (!("missing" in found)) return found;
    const { message, hint } = found.missing;
    throw new EngineError("missing-dependency", `cannot run ${instance.name}: ${message}`, { hint });
  }

  /** Each architecture is looked at once for each setting; what was missing is looked for again every time. */
  #probe(ctx: Ctx, arch: Arch): Promise<ProbeResult> {
    const wanted = this.#accelerator();
    const key = `${arch} ${wanted}`;
    const known = this.#probes.get(key);
    if (known) return known;
    const probe = probeToolchain(ctx, this.#host, arch, wanted);
    this.#probes.set(key, probe);
    const forget = () => this.#probes.delete(key);
    probe.then((found) => ("missing" in found ? forget() : undefined), forget);
    return probe;
  }
}

/** The seed that says who the guest is, and what OpenSSH needs to enter it. */
async function writeIdentity(instance: DriverInstance): Promise<void> {
  const { seed } = filesOf(instance);
  const { login, userData } = instance;
  if (!(await exists(seed))) await writeSeed(seed, seedOf(instance));
  await writeLoginFiles(instance.directory, login, expectedHostKeys(login, userData));
}

function seedOf({ id, name, login, userData, formerKeys }: DriverInstance): SeedInput {
  return { instanceId: id, hostname: name, login, userData, formerKeys };
}

function filesOf({ directory }: DriverInstance) {
  return {
    disk: path.join(directory, "disk.qcow2"),
    seed: path.join(directory, "seed.iso"),
    variables: path.join(directory, "uefi-vars.fd"),
    serialLog: path.join(directory, "serial.log"),
  };
}

/** On Windows QEMU is given a pipe's bare name; elsewhere the path of its socket. */
function monitorOf(
  platform: NodeJS.Platform,
  { id, runDirectory }: DriverInstance,
): { path: string; argument: string } {
  if (platform === "win32") {
    const name = `berth-${id}-${randomBytes(4).toString("hex")}`;
    return { path: `\\\\.\\pipe\\${name}`, argument: name };
  }
  const socket = path.join(runDirectory, `${id.slice(0, 8)}.qmp`);
  return { path: socket, argument: socket };
}

/** QEMU tells nobody when its monitor is there, so it is tried until it is, the process ends, or patience does. */
async function connectMonitor(
  ctx: Ctx,
  instance: DriverInstance,
  child: DetachedChild,
  file: string,
): Promise<QmpClient> {
  const { signal, done } = withDeadline(MONITOR_MS, ctx.signal);
  let ended: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  void child.exited.then((exit) => {
    ended = exit;
  });
  try {
    for (;;) {
      signal.throwIfAborted();
      const monitor = await QmpClient.connect(file, { signal }).catch(() => undefined);
      if (monitor) return monitor;
      if (ended) {
        const words = await lastWords(instance.directory);
        throw new EngineError(
          "driver-failed",
          `cannot start ${instance.name}: ${words || `QEMU ended with ${ended.code ?? ended.signal}`}`,
          {
            hint: `Look at its driver log: berth log ${instance.name} --source driver`,
          },
        );
      }
      await sleep(MONITOR_LOOK_MS, signal);
    }
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (!signal.aborted) throw error;
    throw new EngineError(
      "timed-out",
      `cannot start ${instance.name}: QEMU's monitor did not answer in ${MONITOR_MS / 1000} s`,
      {
        hint: "The host may be overloaded; try again.",
      },
    );
  } finally {
    done();
  }
}
