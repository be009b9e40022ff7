/** The QEMU driver: virtual machines whose processes outlive the engine. */
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { DriverInfo, Settings } from "../../../api/engine-info.ts";
import type { Problem } from "../../../api/instance.ts";
import { privateDirectory } from "../../../base/durable.ts";
import { identify, sameProcess, signalProcess } from "../../../base/process-identity.ts";
import { startDetached } from "../../../base/run.ts";
import type { Ctx } from "../../ctx.ts";
import { expectedHostKeys, writeSeed } from "../../guest/seed.ts";
import type { Driver, DriverInstance, MachineNeeds } from "../driver.ts";
import type { Running } from "../running.ts";
import { hardwareOf } from "./argv.ts";
import { hardwareWith } from "./argv-disks.ts";
import { argvOf } from "./argv-of.ts";
import { cloneFiles } from "./clone.ts";
import { allocatedTogether, createDisk, createVariables, enlargeDisk, standOn } from "./disk.ts";
import { DISK_KEY, handOver, printable, removeLeftKeys, throughDoor, wrongKey } from "./door.ts";
import { DRIVER_LOG } from "./exit.ts";
import { QemuDisks } from "./extra-disks.ts";
import { diskFiles, filesOf, seedOf, smallFiles, writeIdentity } from "./files.ts";
import { type Host, thisHost } from "./host.ts";
import { HostNetworking } from "./host-networks.ts";
import { endLeftover } from "./leftover.ts";
import { checkMachine, firmwareOf } from "./machine-check.ts";
import { lanSocketOf, memorySocketOf, monitorOf, reachableScreen } from "./monitor.ts";
import { type Boot, noteRun, removeSockets } from "./note-run.ts";
import { recoverFromPoint, removeCopies } from "./points/graph.ts";
import { QemuPoints } from "./points/points.ts";
import type { Toolchain } from "./probe.ts";
import { QmpClient } from "./qmp.ts";
import { withNetwork } from "./reach.ts";
import { QemuEncryption } from "./rekey.ts";
import { type RunRecord, readRunRecord, removeRunRecord } from "./run-record.ts";
import { QemuRunning } from "./running.ts";
import { findVirtiofsd, serveShares, type Virtiofsd } from "./shares.ts";
import { QemuSnapshots } from "./snapshots.ts";
import { refuseLostMachine, runStateOf } from "./suspend.ts";
import {
  asSuspended,
  hasSuspendRecord,
  machineName,
  memoryIn,
  readSuspendRecord,
  refuseMismatch,
  removeSuspendRecord,
} from "./suspend-record.ts";
import { describe, Toolchains } from "./toolchains.ts";
import { endTpm, startTpm } from "./tpm.ts";

export type QemuOptions = {
  /** Read at every probe and start. */
  settings: () => Pick<Settings, "qemu.accelerator" | "qemu.native-mounts">;
  host?: Host;
  /** A directory for what is needed for a moment, of this driver alone; this host's own for such when left out. */
  scratch?: string;
};

/** How long an adopted QEMU may take to answer before it counts as unresponsive. */
const ADOPT_MS = 3_000;

export function createQemuDriver(options: QemuOptions): Driver {
  return new QemuDriver(options);
}

class QemuDriver implements Driver {
  readonly name = "qemu";
  readonly kind = "vm";
  readonly #settings: QemuOptions["settings"];
  readonly #host: Host;
  readonly snapshots: QemuSnapshots;
  readonly disks: QemuDisks;
  readonly encryption: QemuEncryption;
  readonly points: QemuPoints;
  readonly hostNetworks: HostNetworking;
  readonly fills: boolean;
  readonly #toolchains: Toolchains;

  constructor(options: QemuOptions) {
    this.#settings = options.settings;
    this.#host = options.host ?? thisHost();
    this.hostNetworks = new HostNetworking(this.#host);
    // There QEMU and Node have no private socket in common.
    this.fills = this.#host.platform !== "win32";
    const accelerator = () => this.#settings()["qemu.accelerator"];
    this.#toolchains = new Toolchains(this.#host, accelerator, options.scratch);
    const qemuImg = async (ctx: Ctx, instance: DriverInstance) =>
      (await this.#toolchains.of(ctx, instance)).qemuImg;
    this.snapshots = new QemuSnapshots(qemuImg, (instance) => ({
      disks: diskFiles(instance),
      small: smallFiles(instance),
    }));
    this.disks = new QemuDisks(qemuImg);
    this.encryption = new QemuEncryption(qemuImg);
    this.points = new QemuPoints(this.#host, qemuImg);
  }

  async probe(ctx: Ctx, options: { fresh?: boolean } = {}): Promise<DriverInfo> {
    if (options.fresh) this.#toolchains.forget();
    return describe(this.#toolchains, ctx, await this.hostNetworks.isPossible(ctx.signal));
  }

  async check(ctx: Ctx, machine: MachineNeeds): Promise<Problem[]> {
    const found = await this.#toolchains.probe(ctx, machine.arch);
    return "missing" in found ? [found.missing] : checkMachine(this.#host.platform, machine, found.problems);
  }

  async create(ctx: Ctx, instance: DriverInstance): Promise<void> {
    const tools = await this.#toolchains.of(ctx, instance);
    const files = filesOf(instance);
    await privateDirectory(instance.directory);
    await throughDoor(instance, (door) => createDisk(tools.qemuImg, files.disk, instance, ctx.signal, door));
    const firmware = await firmwareOf(this.#host.platform, instance);
    if (firmware) await createVariables(firmware.variables, files.variables);
    if (instance.guest === "linux") await writeIdentity(instance, tools.lan);
  }

  async start(ctx: Ctx, instance: DriverInstance): Promise<Running> {
    const adopted = await this.attach(ctx, instance);
    if (adopted) return adopted;
    // First of all: without it nothing shall begin.
    const key = await instance.openKey?.();
    await endLeftover(instance);
    await removeLeftKeys(instance);
    await this.points.endLeftovers(instance);
    const tools = await this.#toolchains.of(ctx, instance);
    const suspended = await readSuspendRecord(instance.directory, instance);
    await this.hostNetworks.check(ctx, instance);
    await privateDirectory(instance.runDirectory);
    const monitor = monitorOf(this.#host.platform, instance);
    // Without cloud-init nothing would give that NIC its address.
    const lanSocket =
      instance.guest === "linux" ? lanSocketOf(this.#host.platform, tools.version, instance) : undefined;
    const lan = instance.network === "isolated" ? undefined : lanSocket;
    const firmware = await firmwareOf(this.#host.platform, instance);
    if (this.#host.platform !== "win32") await rm(monitor.path, { force: true });
    if (lanSocket !== undefined) await rm(lanSocket, { force: true });
    await writeFile(path.join(instance.directory, DRIVER_LOG), "", { mode: 0o600 });
    const virtiofsd = instance.shares.length > 0 ? await this.#virtiofsd(ctx) : undefined;
    const tpm = instance.tpm ? await startTpm(ctx, instance, this.#host.platform) : undefined;
    const served = await serveShares(ctx, instance, virtiofsd);
    let given: Awaited<ReturnType<typeof handOver>> | undefined;
    try {
      given = key && (await handOver(instance, { [DISK_KEY]: key }));
      const { shares } = served;
      const wanted = { suspended, monitor, lan, shares, firmware, tpm, keys: given?.objects };
      const other = { ...wanted, lan: lan === undefined ? lanSocket : undefined };
      const whole = (how: Boot) =>
        hardwareWith(hardwareOf(argvOf(this.#host.platform, instance, tools, how)), instance.disks);
      return await this.#boot(ctx, instance, tools, asSuspended(suspended, [wanted, other], whole));
    } catch (error) {
      await served.end();
      await endTpm(tpm);
      throw wrongKey(instance.name, error) ?? error;
    } finally {
      await given?.done();
    }
  }

  async #virtiofsd({ signal }: Ctx): Promise<Virtiofsd | undefined> {
    return this.#settings()["qemu.native-mounts"] === "9p" ? undefined : findVirtiofsd(signal);
  }

  async #boot(ctx: Ctx, instance: DriverInstance, tools: Toolchain, how: Boot): Promise<Running> {
    const { suspended } = how;
    const { platform } = this.#host;
    const hardware = hardwareOf(argvOf(platform, instance, tools, how));
    const whole = hardwareWith(hardware, instance.disks);
    if (suspended) {
      refuseMismatch(instance.name, suspended, { version: tools.version, hardware: whole });
      await refuseLostMachine(ctx, tools, instance.name, suspended);
    }
    const argv = argvOf(platform, instance, tools, how, suspended && machineName(suspended));
    ctx.signal.throwIfAborted();
    ctx.log.info("starting QEMU", { argv: printable(argv) });
    const command = await this.hostNetworks.command(argv, instance.networks, ctx.signal);
    const child = await startDetached(command, {
      logFile: path.join(instance.directory, DRIVER_LOG),
      cwd: instance.directory,
    });
    let running: QemuRunning | undefined;
    try {
      const noted = await noteRun(ctx, instance, {
        ...how,
        child,
        hardware,
        tools,
        platform,
      });
      running = await this.#running(ctx, instance, noted.record, noted.monitor);
      if (suspended) await running.load(ctx, suspended);
      return running;
    } catch (error) {
      running?.release();
      signalProcess(child.pid, "SIGKILL");
      await child.exited.catch(() => {});
      await removeRunRecord(instance.directory);
      throw error;
    }
  }

  async attach(ctx: Ctx, instance: DriverInstance): Promise<Running | undefined> {
    const noted = await readRunRecord(instance.directory);
    if (!noted || noted.instance !== instance.id) return undefined;
    const record = withNetwork(noted, instance.network);
    if (!sameProcess(await identify(record.process.pid), record.process)) {
      await removeCopies(instance);
      return undefined;
    }
    let monitor: QmpClient | undefined;
    try {
      monitor = await QmpClient.connect(record.monitor, { signal: ctx.signal, deadlineMs: ADOPT_MS });
      const answer = (await monitor.execute("query-uuid", {}, { deadlineMs: ADOPT_MS })) as { UUID?: string };
      const ours = answer.UUID?.toLowerCase() === instance.id.toLowerCase();
      // One that still waits for its memory holds nothing: the engine that was to give it has died.
      if (ours && (await runStateOf(monitor)) !== "inmigrate") {
        await recoverFromPoint(monitor, instance).catch((error: unknown) => {
          ctx.log.warn("what an engine left of a point could not be removed", { error });
        });
        return await this.#running(ctx, instance, record, monitor);
      }
      monitor.close();
      return undefined;
    } catch (error) {
      monitor?.close();
      ctx.signal.throwIfAborted();
      // The process is the one we started, so it holds the disk: it is shown as it is, and no second one is started.
      if (!sameProcess(await identify(record.process.pid), record.process)) return undefined;
      ctx.log.warn("QEMU runs but does not answer", { instance: instance.name, error });
      return await this.#running(ctx, instance, record, undefined);
    }
  }

  isSuspended(instance: DriverInstance): Promise<boolean> {
    return hasSuspendRecord(instance.directory);
  }

  /** The record first: without it the memory is only a file that takes space. */
  async discardMemory(instance: DriverInstance): Promise<void> {
    await removeSuspendRecord(instance.directory);
    await rm(memoryIn(instance.directory), { force: true });
  }

  async delete(ctx: Ctx, instance: DriverInstance): Promise<void> {
    const running = await this.attach(ctx, instance);
    if (running) await running.stop(ctx, "force");
    await endLeftover(instance);
    await removeLeftKeys(instance);
    await removeSockets(this.#host.platform, instance);
    await removeRunRecord(instance.directory);
  }

  async resizeDisk(ctx: Ctx, instance: DriverInstance, diskBytes: number): Promise<void> {
    const { qemuImg } = await this.#toolchains.of(ctx, instance);
    await throughDoor(instance, (door) =>
      enlargeDisk(qemuImg, filesOf(instance).disk, diskBytes, ctx.signal, door),
    );
  }

  async clone(ctx: Ctx, source: DriverInstance, target: DriverInstance): Promise<void> {
    const { qemuImg, lan } = await this.#toolchains.of(ctx, target);
    await privateDirectory(target.directory);
    await cloneFiles(qemuImg, source, target, ctx.signal);
    if (target.guest === "linux") await writeIdentity(target, lan);
  }

  /** cloud-init reads the seed at every boot; a new hostname in it counts although the instance is the same. */
  async reseed(ctx: Ctx, instance: DriverInstance): Promise<void> {
    if (instance.guest !== "linux") return;
    const { lan } = await this.#toolchains.of(ctx, instance);
    await writeSeed(filesOf(instance).seed, seedOf(instance, lan));
  }

  async rehome(ctx: Ctx, instance: DriverInstance): Promise<void> {
    const { qemuImg } = await this.#toolchains.of(ctx, instance);
    const { image } = instance;
    if (!image) return;
    await throughDoor(instance, (door) => standOn(qemuImg, filesOf(instance).disk, image, ctx.signal, door));
  }

  diskUsage(instance: DriverInstance): Promise<number | undefined> {
    return allocatedTogether(diskFiles(instance));
  }

  async #running(
    ctx: Ctx,
    instance: DriverInstance,
    record: RunRecord,
    monitor: QmpClient | undefined,
  ): Promise<QemuRunning> {
    const memorySocket = memorySocketOf(this.#host.platform, instance);
    const display = reachableScreen(this.#host.platform, record.vnc);
    const hostKeys = await expectedHostKeys(instance.login, instance.userData);
    const { log } = ctx;
    const { points } = this;
    return new QemuRunning(instance, record, monitor, { log, memorySocket, display, points, hostKeys });
  }
}
