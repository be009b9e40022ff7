/** A QEMU that runs: watched through its monitor and its process, stopped, or let go for the next engine. */
import type { Duplex } from "node:stream";
import type { Problem, SshAddress } from "../../../api/instance.ts";
import type { NetworkMode } from "../../../api/network-mode.ts";
import { abortable, deferred, sleep, withDeadline } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";
import { identify, sameProcess, signalProcess } from "../../../base/process-identity.ts";
import type { Ctx } from "../../ctx.ts";
import type { GuestAccess } from "../../guest/guest.ts";
import { loginFiles } from "../../guest/keys.ts";
import type { NativeOffer } from "../../guest/mounting.ts";
import { createScreenGuest } from "../../guest/screen-guest.ts";
import { loginUser } from "../../guest/seed.ts";
import { createSshGuest } from "../../guest/ssh-guest.ts";
import type { Log } from "../../log.ts";
import type { DriverInstance } from "../driver.ts";
import type { OpenPoint } from "../points.ts";
import { type Exit, GRACEFUL_STOP_MS, type PortSupport, type Running } from "../running.ts";
import { hardwareWith } from "./argv-disks.ts";
import { CDROM } from "./argv-other.ts";
import { connectConsole } from "./console.ts";
import { connectDisplay } from "./display.ts";
import { exitOf, lastWords } from "./exit.ts";
import { fillDisk, nodeOf } from "./fill.ts";
import { QemuHotDisks } from "./hot-disks.ts";
import { clearPoint } from "./points/graph.ts";
import type { QemuPoints } from "./points/points.ts";
import { QemuPorts } from "./ports.ts";
import { QmpClient, type QmpEvent } from "./qmp.ts";
import { canChange } from "./reach.ts";
import { type RunRecord, writeRunRecord } from "./run-record.ts";
import { goOn, keepMemory, restoreMemory, runStateOf } from "./suspend.ts";
import type { SuspendRecord } from "./suspend-record.ts";

/** A guest that boots does not hear the power button yet, so it is pressed again. */
const PRESS_AGAIN_MS = 10_000;
/** How long QEMU itself may take to leave when told to, before it is killed. */
const QUIT_MS = 5_000;
/** All of that, where nothing else limits it. */
const LEAVE_MS = 30_000;
/** A process that has closed its monitor is about to end; how often that is looked at, and for how long. */
const ENDING_LOOK_MS = 50;
const ENDING_MS = 2_000;
/** Between two tries to reach a QEMU that lives but does not answer. */
const RECONNECT_MS = 15_000;

type Surroundings = {
  log: Log;
  memorySocket: string | undefined;
  display: string | undefined;
  points: QemuPoints;
  /** Of the guest's SSH server. */
  hostKeys: readonly string[];
};

export class QemuRunning implements Running {
  readonly guest: GuestAccess;
  readonly ssh: SshAddress | undefined;
  readonly console: Running["console"];
  readonly screen: string | undefined;
  readonly openDisplay: ((ctx: Pick<Ctx, "signal">) => Promise<Duplex>) | undefined;
  readonly openPoint: OpenPoint;
  readonly lend: Running["lend"];
  readonly fill: NonNullable<Running["fill"]>;
  readonly changeMedium: ((ctx: Ctx, file: string | undefined) => Promise<void>) | undefined;
  readonly accelerator: string;
  readonly startedAt: Date;
  readonly ports: PortSupport;
  readonly disks: QemuHotDisks | undefined;
  readonly #disks: QemuHotDisks;
  readonly problems: readonly Problem[];
  readonly nativeMounts: ReadonlyMap<string, NativeOffer>;
  readonly lan: string | undefined;
  readonly #instance: DriverInstance;
  readonly #record: RunRecord;
  readonly #exited = deferred<Exit>();
  /** Ends the watching: the process has ended, or this engine lets go. */
  readonly #over = new AbortController();
  #monitor: QmpClient | undefined;
  #network: NetworkMode;
  #stopping = false;
  #shutdown: QmpEvent | undefined;

  readonly exited = this.#exited.promise;
  /** Absent where there is no way to carry the memory out. */
  readonly suspend: ((ctx: Ctx) => Promise<void>) | undefined;
  readonly #memorySocket: string | undefined;

  /** `monitor` is absent where the process lives but does not answer. */
  constructor(
    instance: DriverInstance,
    record: RunRecord,
    monitor: QmpClient | undefined,
    { log, memorySocket, display, points, hostKeys }: Surroundings,
  ) {
    this.#memorySocket = memorySocket;
    this.#network = record.network ?? instance.network;
    this.suspend = memorySocket === undefined ? undefined : (ctx) => this.#suspend(ctx, memorySocket);
    this.#instance = instance;
    this.#record = record;
    this.nativeMounts = new Map(record.shares.map(({ target, ...offer }) => [target, offer]));
    this.lan = record.lan;
    const { name, address: own } = instance;
    this.ports = new QemuPorts({ name, address: record.guestAddress ?? own }, () => this.#monitor);
    this.#disks = new QemuHotDisks(instance, () => this.#monitor);
    this.disks = instance.guest === "linux" ? this.#disks : undefined;
    this.accelerator = record.accelerator;
    this.startedAt = new Date(record.startedAt);
    this.problems = monitor ? record.problems : [...record.problems, unresponsive(instance.name)];
    this.screen = record.vnc;
    this.openDisplay =
      display === undefined ? undefined : ({ signal }) => connectDisplay(instance.name, display, signal);
    const { console } = record;
    this.console = console && (({ signal }) => connectConsole(instance.name, console, signal));
    this.openPoint = (ctx, now, request) => {
      const run = { monitor: () => this.#reach(), guest: this.guest, plugged: this.#disks.plugged };
      return points.openLive(ctx, now, request, run);
    };
    this.fill = (ctx, disk) => fillDisk(ctx, () => this.#reach(), nodeOf(instance, disk));
    const linux = instance.guest === "linux";
    this.lend = linux ? (ctx, disk) => points.lend(ctx, instance, this.#reach(), disk) : undefined;
    this.changeMedium = linux ? undefined : (ctx, file) => this.#changeMedium(ctx, file);
    if (linux) {
      const { login, userData } = instance;
      const user = loginUser(login, userData);
      const address = { host: "127.0.0.1", port: record.sshPort, user };
      const privateKey = login.client.privateKey;
      this.ssh = { ...address, ...loginFiles(instance.directory) };
      this.guest = createSshGuest({ ...address, privateKey, hostKeys, name: instance.name }, log);
    } else this.guest = createScreenGuest(instance.name, record.vnc);
    void this.#watch(monitor);
  }

  async stop(ctx: Ctx, how: "graceful" | "force"): Promise<void> {
    this.#stopping = true;
    ctx.progress({ phase: "stop" });
    if (how === "graceful" && (await this.#pressPower(ctx))) return;
    await this.#quit(ctx);
  }

  get network(): NetworkMode {
    return this.#network;
  }

  async changeNetwork(_ctx: Ctx, mode: NetworkMode): Promise<boolean> {
    if (!canChange({ ...this.#record, network: this.#network }, mode)) return false;
    await writeRunRecord(this.#instance.directory, { ...this.#record, network: mode });
    this.#network = mode;
    return true;
  }

  async wake(): Promise<void> {
    const monitor = this.#monitor;
    if (!monitor || (await runStateOf(monitor)) === "running") return;
    await goOn(monitor, this.#instance);
  }

  /** Takes the memory that was kept, in a QEMU that was started to wait for it; the guest then runs. */
  async load(ctx: Ctx, record: SuspendRecord): Promise<void> {
    if (this.#memorySocket === undefined) throw silent(this.#instance.name);
    await restoreMemory(ctx, this.#reach(), this.#memorySocket, this.#instance, record);
  }

  async #changeMedium(ctx: Ctx, file: string | undefined): Promise<void> {
    const monitor = this.#reach();
    // A guest may have locked the drive's tray: whoever holds the machine opens it all the same.
    await monitor.execute("eject", { id: CDROM, force: true }, { signal: ctx.signal });
    if (file === undefined) return;
    const medium = { filename: file, format: "raw", "read-only-mode": "read-only", force: true };
    await monitor.execute("blockdev-change-medium", { id: CDROM, ...medium }, { signal: ctx.signal });
  }

  #reach(): QmpClient {
    if (this.#monitor) return this.#monitor;
    throw silent(this.#instance.name);
  }

  async #suspend(ctx: Ctx, socket: string): Promise<void> {
    const monitor = this.#reach();
    // Memory is kept of the hardware that the next start makes: whoever reads a point of the disks loses it.
    await clearPoint(monitor, this.#instance);
    const { hardware } = this.#record;
    const plugged = hardware === undefined ? undefined : hardwareWith(hardware, this.#disks.plugged);
    await keepMemory(ctx, monitor, socket, this.#instance, plugged);
    // It is written down: from here on nobody may call it off.
    this.#stopping = true;
    await this.#quit({ ...ctx, signal: AbortSignal.timeout(LEAVE_MS) });
  }

  release(): void {
    this.#over.abort();
    this.#monitor?.close();
    this.guest.dispose();
  }

  /** True when the guest has shut itself down. */
  async #pressPower(ctx: Ctx): Promise<boolean> {
    const { signal, done } = withDeadline(GRACEFUL_STOP_MS, ctx.signal);
    try {
      while (!this.#over.signal.aborted) {
        if (!this.#monitor) return false;
        await this.#monitor.execute("system_powerdown", {}, { signal });
        if (await this.#endsWithin(PRESS_AGAIN_MS, signal)) return true;
      }
      return true;
    } catch (error) {
      ctx.signal.throwIfAborted();
      if (this.#over.signal.aborted) return true;
      ctx.log.warn("the guest does not shut down", { error });
      return false;
    } finally {
      done();
    }
  }

  async #quit(ctx: Ctx): Promise<void> {
    if (this.#over.signal.aborted) return;
    // Its reply may be lost with the connection; only the end of the process counts.
    this.#monitor?.execute("quit", {}, { deadlineMs: QUIT_MS }).catch(() => {});
    if (this.#monitor && (await this.#endsWithin(QUIT_MS, ctx.signal))) return;
    if (sameProcess(await identify(this.#record.process.pid), this.#record.process)) {
      signalProcess(this.#record.process.pid, "SIGKILL");
    }
    if (await this.#endsWithin(QUIT_MS, ctx.signal)) return;
    throw new EngineError("driver-failed", `cannot stop ${this.#instance.name}: its QEMU does not end`, {
      hint: `Look at process ${this.#record.process.pid}: it may wait for a disk that is gone.`,
    });
  }

  async #endsWithin(ms: number, signal: AbortSignal): Promise<boolean> {
    const { signal: timed, done } = withDeadline(ms, signal);
    try {
      await abortable(this.exited, timed);
      return true;
    } catch {
      signal.throwIfAborted();
      return false;
    } finally {
      done();
    }
  }

  /** Lives as long as the process does, or until this engine lets go. */
  async #watch(first: QmpClient | undefined): Promise<void> {
    let monitor = first;
    try {
      while (!this.#over.signal.aborted) {
        if (monitor) await this.#listen(monitor);
        if (this.#over.signal.aborted) return;
        if (await this.#hasEnded()) return await this.#end();
        monitor = await QmpClient.connect(this.#record.monitor, { signal: this.#over.signal }).catch(
          () => undefined,
        );
        if (!monitor) await sleep(RECONNECT_MS, this.#over.signal);
      }
    } catch {
      // Let go.
    }
  }

  /** Resolves when the monitor's connection has ended. */
  async #listen(monitor: QmpClient): Promise<void> {
    this.#monitor = monitor;
    const listener = monitor.onEvent((event) => {
      if (event.name === "SHUTDOWN") this.#shutdown = event;
    });
    await monitor.closed;
    listener.dispose();
    this.#monitor = undefined;
  }

  async #hasEnded(): Promise<boolean> {
    for (let waited = 0; waited < ENDING_MS; waited += ENDING_LOOK_MS) {
      if (!sameProcess(await identify(this.#record.process.pid), this.#record.process)) return true;
      await sleep(ENDING_LOOK_MS, this.#over.signal);
    }
    return false;
  }

  async #end(): Promise<void> {
    const exit = exitOf(this.#stopping, this.#shutdown, await lastWords(this.#instance.directory));
    this.release();
    this.#exited.resolve(exit);
  }
}

function silent(name: string): EngineError {
  return new EngineError("driver-failed", `cannot reach the QEMU of ${name}: it does not answer`, {
    hint: `Force it to stop: berth stop --force ${name}`,
  });
}

function unresponsive(name: string): Problem {
  return {
    code: "unresponsive",
    severity: "error",
    message: `the QEMU of ${name} runs but does not answer`,
    hint: `Force it to stop: berth stop --force ${name}`,
  };
}
