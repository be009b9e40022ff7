/**
 * A driver whose guests are objects in a FakeHost. The host outlives engines as real QEMU processes do, so a second
 * engine adopts what the first one started. Knobs make each step slow, failing or endless.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { access, copyFile, readFile, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Duplex, PassThrough, Writable } from "node:stream";
import type { DriverInfo } from "../../src/api/engine-info.ts";
import type { InstanceDetails, Problem, SshAddress } from "../../src/api/instance.ts";
import type { NetworkMode } from "../../src/api/network-mode.ts";
import { abortable, type Deferred, deferred, sleep } from "../../src/base/async.ts";
import { exists } from "../../src/base/durable.ts";
import { EngineError } from "../../src/base/errors.ts";
import { hostArch } from "../../src/base/paths.ts";
import type { Ctx } from "../../src/engine/ctx.ts";
import type {
  DiskSupport,
  Driver,
  DriverInstance,
  EncryptionSupport,
  MachineNeeds,
  SnapshotSupport,
} from "../../src/engine/drivers/driver.ts";
import type { OpenPoint, PointSupport } from "../../src/engine/drivers/points.ts";
import type { Exit, HotDisks, LentDisk, PortSupport, Running } from "../../src/engine/drivers/running.ts";
import type { ExecRequest, GuestAccess, GuestProcess, ReadyReport } from "../../src/engine/guest/guest.ts";
import { createScreenGuest } from "../../src/engine/guest/screen-guest.ts";
import { diskOf, extraDiskOf, fakeDisks, fakeHotDisks } from "./fake-disks.ts";
import { type FakeDisplayEvents, fakeDisplay } from "./fake-display.ts";
import { copyContents, type FakeContent, fakePoints, fillFake, openFake } from "./fake-points.ts";
import { FakeSerial } from "./fake-serial.ts";
import { sftpHere } from "./sftp-here.ts";

/**
 * A step that a knob slows down or fails: milliseconds, what it waits for, an error, `never`, or an error that comes when
 * it is called off.
 */
export type Knob = number | Promise<void> | Error | "never" | { refuses: Error };

export type Step =
  | "adopt"
  | "suspend"
  | "resize"
  | "clone"
  | "rehome"
  | "create"
  | "start"
  | "ready"
  | "stop"
  | "force-stop"
  | "attach"
  | "delete"
  | "details"
  | "create-disk"
  | "resize-disk"
  | "attach-disk"
  | "detach-disk"
  | "add-key"
  | "remove-key"
  | "snapshot"
  | "restore"
  | "remove-snapshot"
  | "fill";

/** One guest that runs on the host, whoever watches it. */
export type FakeGuest = {
  id: string;
  name: string;
  bootId: string;
  port: number;
  startedAt: Date;
  ended: Deferred<Exit>;
  /** Aborts when it has ended. */
  over: AbortSignal;
  /** What it reaches now. */
  network: NetworkMode;
  /** Ids of the extra disks that it has, and names of those that it uses. */
  plugged: Set<string>;
  /** The file in its drive. */
  medium: string | undefined;
  keeps: Set<string>;
  /** Sockets of what its disks lack, by disk. */
  awaited: Map<string, string>;
  serial: FakeSerial;
};

/** The world outside the engine: what runs, what went wrong with it, what each step does next. */
export class FakeHost {
  readonly guests = new Map<string, FakeGuest>();
  /** What must never happen, such as two guests on one disk. Tests expect it to stay empty. */
  readonly violations: string[] = [];
  /** Every call that changed something, such as `start web`. */
  readonly calls: string[] = [];
  /** What was run inside guests, such as `web: echo hello`. */
  readonly commands: string[] = [];
  /** What scripts print in guests, by something that is in them. */
  readonly prints = new Map<string, string>();
  readonly knobs: Partial<Record<Step, Knob>> = {};
  /** Knobs of single instances, by name; they come before the general ones. */
  readonly knobsOf = new Map<string, Partial<Record<Step, Knob>>>();
  /** Networks of this host that guests can be connected to, and those where something keeps them from it. */
  networks = new Map<string, Problem | "good">();
  /** What each guest has been told of its NICs on them, by name. */
  readonly seeds = new Map<string, DriverInstance["networks"]>();
  /** Reported by every run. */
  problems: Problem[] = [];
  /** Resolved each time a step begins: `await host.reached("ready", "web")`. */
  readonly #reached = new Map<string, Deferred<void>>();
  /** Id of an encrypted instance → the keys that open its disk. */
  readonly keys = new Map<string, Set<string>>();
  /** What disks hold, by the ids of instance and disk. */
  readonly contents = new Map<string, FakeContent>();
  /** Reading disks waits for it, where it is set. */
  reads: Promise<void> | undefined;
  /** What running guests were lent, by the instance's id. */
  readonly lent = new Map<string, LentDisk[]>();
  /** Whatever is written to a new disk is spoilt on its way. */
  spoils = false;
  /** Ids of those that do not run and whose disks are read, and the driver that does. */
  readonly resting = new Map<string, FakeDriver>();
  readonly takenPorts = new Set<number>();
  /** Host port → the guest that it leads to. */
  readonly openPorts = new Map<number, string>();
  /** Port of a guest → the port of this host where what listens there really is. */
  readonly guestPorts = new Map<number, number>();
  available = true;
  /** Guests have a LAN NIC, whose socket a test may listen on; see `fake-nic.ts`. */
  withLan = false;
  /** What guests reach can be changed while they run. */
  changesNetworks = true;
  /** Guests have a serial console; those of earlier engines have none. */
  withConsole = true;
  /** What keeps it from running a kind of machine. */
  missing: (machine: MachineNeeds) => Problem[] = () => [];
  #boots = 0;

  /** Opens the disk of an encrypted instance; no effect on any other. */
  async unlock(instance: Pick<DriverInstance, "id" | "name" | "openKey">): Promise<void> {
    const key = (await instance.openKey?.())?.reveal();
    const keys = this.keys.get(instance.id);
    if (key === undefined) {
      if (keys) this.violations.push(`the disk of ${instance.name} was used without its key`);
    } else if (!keys?.has(key))
      throw new EngineError("wrong-state", `cannot open ${instance.name}: wrong key`);
  }

  reached(step: Step, name: string): Promise<void> {
    return this.#mark(step, name).promise;
  }

  async step(step: Step, name: string, signal: AbortSignal): Promise<void> {
    const mark = this.#mark(step, name);
    mark.resolve();
    this.#reached.delete(`${step} ${name}`);
    const knob = this.knobsOf.get(name)?.[step] ?? this.knobs[step] ?? 0;
    signal.throwIfAborted();
    if (knob instanceof Error) throw knob;
    if (knob instanceof Promise) await abortable(knob, signal);
    else if (knob === "never") await abortable(new Promise<never>(() => {}), signal);
    else if (typeof knob === "object")
      await abortable(new Promise<never>(() => {}), signal).catch(() => {
        throw knob.refuses;
      });
    else if (knob > 0) await sleep(knob, signal);
    signal.throwIfAborted();
  }

  boot(instance: DriverInstance, resumed?: string): FakeGuest {
    const running = this.guests.get(instance.id);
    if (running) this.violations.push(`second guest on the disk of ${instance.name}`);
    if (this.resting.has(instance.id)) this.violations.push(`started ${instance.name}, whose disks are read`);
    this.#boots += 1;
    const ended = deferred<Exit>();
    const over = new AbortController();
    void ended.promise.then(() => over.abort());
    const guest: FakeGuest = {
      id: instance.id,
      name: instance.name,
      bootId: resumed ?? randomUUID(),
      port: 40_000 + this.#boots,
      startedAt: new Date(),
      ended,
      over: over.signal,
      network: instance.network,
      plugged: new Set(instance.disks.map(({ id }) => id)),
      keeps: new Set(),
      awaited: new Map(instance.awaited?.map(({ id, socket }) => [id, socket])),
      medium: instance.medium,
      serial: new FakeSerial(
        instance.name,
        path.join(instance.directory, "serial.log"),
        resumed !== undefined,
      ),
    };
    this.guests.set(instance.id, guest);
    return guest;
  }

  /** Ends a guest as the outside world may: it shut itself down, or was killed. */
  end(id: string, exit: Exit): void {
    const guest = this.guests.get(id);
    this.guests.delete(id);
    guest?.serial.hangUp();
    guest?.ended.resolve(exit);
  }

  /** The guest of this name, or undefined. */
  named(name: string): FakeGuest | undefined {
    return [...this.guests.values()].find((guest) => guest.name === name);
  }

  /** As if the power had failed: nothing runs, and nobody was told. */
  reboot(): void {
    this.guests.clear();
  }

  #mark(step: Step, name: string): Deferred<void> {
    const key = `${step} ${name}`;
    const known = this.#reached.get(key);
    if (known) return known;
    const mark = deferred<void>();
    this.#reached.set(key, mark);
    return mark;
  }
}

export class FakeDriver implements Driver {
  readonly name = "fake";
  readonly kind = "vm" as const;
  readonly hostNetworks: NonNullable<Driver["hostNetworks"]> = {
    problemWith: async (_ctx, { name }) => {
      const state = this.host.networks.get(name);
      return state === "good" ? undefined : state;
    },
  };
  readonly host: FakeHost;
  readonly disks: DiskSupport;
  readonly points: PointSupport;
  readonly fills = true;

  constructor(host: FakeHost = new FakeHost()) {
    this.host = host;
    this.disks = fakeDisks(host);
    this.points = fakePoints(host, this);
  }

  async probe(): Promise<DriverInfo> {
    const missing: Problem = {
      code: "fake-missing",
      severity: "error",
      message: "the fake hypervisor is not installed",
      hint: "Install it.",
    };
    const { available } = this.host;
    return {
      name: this.name,
      kind: this.kind,
      available,
      version: "1.0",
      arches: [hostArch()],
      accelerator: "tcg",
      features: ["encryption"],
      problems: available ? [] : [missing],
    };
  }

  async check(_ctx: Ctx, machine: MachineNeeds): Promise<Problem[]> {
    return this.host.missing(machine);
  }

  async create(ctx: Ctx, instance: DriverInstance): Promise<void> {
    this.host.calls.push(`create ${instance.name}`);
    ctx.progress({ phase: "create" });
    await this.host.step("create", instance.name, ctx.signal);
    const key = await instance.openKey?.();
    if (key && !this.host.keys.has(instance.id)) this.host.keys.set(instance.id, new Set([key.reveal()]));
    if (!(await exists(diskOf(instance)))) await writeFile(diskOf(instance), instance.image?.path ?? "blank");
    this.host.seeds.set(instance.name, instance.networks);
  }

  async start(ctx: Ctx, instance: DriverInstance): Promise<Running> {
    this.host.calls.push(`start ${instance.name}`);
    await this.host.step("start", instance.name, ctx.signal);
    await this.host.unlock(instance);
    // A server whose engine has died reads nothing any more.
    if (this.host.resting.get(instance.id) !== this) this.host.resting.delete(instance.id);
    await access(diskOf(instance)).catch((cause: unknown) => {
      throw new EngineError("driver-failed", `cannot start ${instance.name}: it has no disk`, { cause });
    });
    if (this.host.guests.has(instance.id)) {
      throw new EngineError("wrong-state", `cannot start ${instance.name}: it runs already`);
    }
    const gone = instance.networks.find(({ network }) => !this.host.networks.has(network));
    if (gone) {
      const reason = `cannot start ${instance.name}: this host has no network ${gone.network} any more`;
      throw new EngineError("not-found", reason);
    }
    const bootId = await readFile(memoryOf(instance), "utf8").catch(() => undefined);
    await rm(memoryOf(instance), { force: true });
    return new FakeRunning(this.host, this.host.boot(instance, bootId), instance);
  }

  async attach(ctx: Ctx, instance: DriverInstance): Promise<Running | undefined> {
    await this.host.step("attach", instance.name, ctx.signal);
    const guest = this.host.guests.get(instance.id);
    return guest && new FakeRunning(this.host, guest, instance);
  }

  async delete(ctx: Ctx, instance: DriverInstance): Promise<void> {
    this.host.calls.push(`delete ${instance.name}`);
    await this.host.step("delete", instance.name, ctx.signal);
    this.host.end(instance.id, { how: "stopped" });
  }

  /** The disk is a small file: a snapshot is a copy of it. */
  readonly snapshots: SnapshotSupport = {
    isFree: true,
    take: async (ctx, instance, id) => {
      this.host.calls.push(`snapshot ${instance.name}`);
      await this.host.step("snapshot", instance.name, ctx.signal);
      for (const file of filesOf(instance)) await copyFile(file, `${file}.${id}`);
      copyContents(this.host, instance, ["", `@${id}`]);
    },
    restore: async (ctx, instance, id) => {
      await this.host.step("restore", instance.name, ctx.signal);
      for (const file of filesOf(instance)) await copyFile(`${file}.${id}`, file);
      copyContents(this.host, instance, [`@${id}`, ""]);
    },
    remove: async (ctx, instance, id) => {
      await this.host.step("remove-snapshot", instance.name, ctx.signal);
      for (const file of filesOf(instance)) await rm(`${file}.${id}`, { force: true });
    },
  };

  readonly encryption: EncryptionSupport = {
    addKey: async (ctx, instance, key, added) => {
      this.host.calls.push(`add-key ${instance.name}`);
      await this.host.step("add-key", instance.name, ctx.signal);
      await this.host.unlock({ ...instance, openKey: async () => key });
      this.host.keys.get(instance.id)?.add(added.reveal());
    },
    removeKey: async (ctx, instance, key, removed) => {
      this.host.calls.push(`remove-key ${instance.name}`);
      await this.host.step("remove-key", instance.name, ctx.signal);
      await this.host.unlock({ ...instance, openKey: async () => key });
      this.host.keys.get(instance.id)?.delete(removed.reveal());
    },
  };

  isSuspended(instance: DriverInstance): Promise<boolean> {
    return exists(memoryOf(instance));
  }

  async discardMemory(instance: DriverInstance): Promise<void> {
    this.host.calls.push(`discard ${instance.name}`);
    await rm(memoryOf(instance), { force: true });
  }

  async clone(ctx: Ctx, source: DriverInstance, target: DriverInstance): Promise<void> {
    this.host.calls.push(`clone ${source.name} to ${target.name}`);
    await this.host.step("clone", target.name, ctx.signal);
    if (this.host.guests.has(source.id))
      this.host.violations.push(`copied the disk of ${source.name}, which runs`);
    await this.host.unlock(source);
    const key = await target.openKey?.();
    if (key) this.host.keys.set(target.id, new Set([key.reveal()]));
    await copyFile(diskOf(source), diskOf(target));
    for (const disk of target.disks) await copyFile(extraDiskOf(source, disk), extraDiskOf(target, disk));
  }

  async reseed(_ctx: Ctx, instance: DriverInstance): Promise<void> {
    this.host.calls.push(`reseed ${instance.name}`);
    this.host.seeds.set(instance.name, instance.networks);
    await writeFile(path.join(instance.directory, "seed.fake"), instance.name);
  }

  /** The fake disk is the path of its image. */
  async rehome(ctx: Ctx, instance: DriverInstance): Promise<void> {
    this.host.calls.push(`rehome ${instance.name}`);
    await this.host.step("rehome", instance.name, ctx.signal);
    await writeFile(diskOf(instance), instance.image?.path ?? "blank");
  }

  async resizeDisk(ctx: Ctx, instance: DriverInstance, diskBytes: number): Promise<void> {
    this.host.calls.push(`resize ${instance.name} ${diskBytes}`);
    await this.host.step("resize", instance.name, ctx.signal);
    if (this.host.guests.has(instance.id))
      this.host.violations.push(`resized the disk of ${instance.name}, which runs`);
  }

  async diskUsage(): Promise<number | undefined> {
    return 4096;
  }
}

/** What is kept of a suspended guest: its boot id. */
function memoryOf(instance: DriverInstance): string {
  return path.join(instance.directory, "memory.fake");
}

function filesOf(instance: DriverInstance): string[] {
  return [diskOf(instance), ...instance.disks.map((disk) => extraDiskOf(instance, disk))];
}

export function lanSocketOf({ id, runDirectory }: Pick<DriverInstance, "id" | "runDirectory">): string {
  return path.join(runDirectory, `${id.slice(0, 8)}.lan`);
}

class FakeRunning implements Running {
  readonly exited: Promise<Exit>;
  readonly guest: GuestAccess;
  readonly ssh: SshAddress;
  readonly accelerator = "tcg";
  readonly startedAt: Date;
  readonly problems: readonly Problem[];
  /** Ports of this host that a test has given to another program cannot be had. */
  readonly ports: PortSupport = {
    open: async (_ctx, { hostPort }) => {
      if (this.#host.takenPorts.has(hostPort))
        throw new EngineError("already-exists", `cannot forward ${hostPort}: it is taken`);
      this.#host.openPorts.set(hostPort, this.#guest.name);
    },
    close: async (_ctx, { hostPort }) => void this.#host.openPorts.delete(hostPort),
  };
  readonly lan: string | undefined;
  readonly disks: HotDisks | undefined;
  readonly console: Running["console"];
  readonly screen: string | undefined;
  readonly openDisplay: Running["openDisplay"];
  readonly changeMedium: Running["changeMedium"];
  readonly lend: Running["lend"];
  readonly #host: FakeHost;
  readonly #guest: FakeGuest;
  readonly #instance: DriverInstance;
  #released = false;

  constructor(host: FakeHost, guest: FakeGuest, instance: DriverInstance) {
    this.#host = host;
    this.#guest = guest;
    this.#instance = instance;
    this.disks = instance.guest === "linux" ? fakeHotDisks(host, guest, instance) : undefined;
    this.lend = async ({ signal }, disk) => {
      signal.throwIfAborted();
      host.lent.set(instance.id, [...(host.lent.get(instance.id) ?? []), disk]);
    };
    this.screen = instance.display ? `/run/${instance.name}.vnc` : undefined;
    this.changeMedium =
      instance.guest === "linux"
        ? undefined
        : async (_ctx, file) => {
            guest.medium = file;
          };
    this.openDisplay =
      this.screen === undefined
        ? undefined
        : async ({ signal }) => {
            signal.throwIfAborted();
            return fakeDisplay(instance.name, displayLog(instance), guest.over);
          };
    this.console = host.withConsole ? async () => guest.serial.connect() : undefined;
    this.startedAt = guest.startedAt;
    this.problems = host.problems;
    this.lan = host.withLan ? lanSocketOf(instance) : undefined;
    // A released instance is nobody's: what happens to its guest afterwards is not told.
    this.exited = new Promise((resolve) => {
      void guest.ended.promise.then((exit) => {
        if (!this.#released) resolve(exit);
      });
    });
    this.guest =
      instance.guest === "linux"
        ? new FakeAccess(host, guest)
        : createScreenGuest(instance.name, this.screen);
    this.ssh = {
      host: "127.0.0.1",
      port: guest.port,
      user: instance.login.user,
      keyFile: path.join(instance.directory, "id"),
      knownHostsFile: path.join(instance.directory, "known_hosts"),
    };
  }

  get network(): NetworkMode {
    return this.#guest.network;
  }

  async changeNetwork(_ctx: Ctx, mode: NetworkMode): Promise<boolean> {
    if (this.#host.changesNetworks) this.#guest.network = mode;
    return this.#host.changesNetworks;
  }

  openPoint: OpenPoint = async (ctx, instance, request) => {
    ctx.signal.throwIfAborted();
    return openFake(this.#host, "crash", instance, request);
  };

  async suspend(ctx: Ctx): Promise<void> {
    this.#host.calls.push(`suspend ${this.#guest.name}`);
    await this.#host.step("suspend", this.#guest.name, ctx.signal);
    await writeFile(memoryOf(this.#instance), this.#guest.bootId);
    this.#host.end(this.#guest.id, { how: "stopped" });
  }

  async stop(ctx: Ctx, how: "graceful" | "force"): Promise<void> {
    this.#host.calls.push(`stop ${this.#guest.name} ${how}`);
    ctx.signal.throwIfAborted();
    const step = how === "graceful" ? "stop" : "force-stop";
    await this.#host.step(step, this.#guest.name, ctx.signal);
    this.#host.end(this.#guest.id, { how: "stopped" });
    await this.exited;
  }

  fill: NonNullable<Running["fill"]> = (ctx, disk) =>
    fillFake(ctx, this.#host, this.#guest, this.#instance, disk);

  release(): void {
    this.#released = true;
    this.guest.dispose();
  }
}

/** What a viewer did, as a guest could say it on its serial port. */
function displayLog({ directory }: DriverInstance): Partial<FakeDisplayEvents> {
  const say = (text: string) => appendFileSync(path.join(directory, "serial.log"), `${text}\n`);
  return {
    key: (keysym, down) => say(`key 0x${keysym.toString(16)} ${down ? "down" : "up"}`),
    pointer: (x, y, buttons) => say(`pointer ${x},${y} ${buttons}`),
    resized: (width, height) => say(`size ${width}x${height}`),
  };
}

class FakeAccess implements GuestAccess {
  readonly #host: FakeHost;
  readonly #guest: FakeGuest;

  constructor(host: FakeHost, guest: FakeGuest) {
    this.#host = host;
    this.#guest = guest;
  }

  async waitReady(ctx: Ctx): Promise<ReadyReport> {
    ctx.progress({ phase: "boot" });
    ctx.progress({ phase: "cloud-init" });
    await this.#host.step("ready", this.#guest.name, ctx.signal);
    return { cloudInit: "done", errors: [] };
  }

  async exec({ signal }: Pick<Ctx, "signal">, request: ExecRequest): Promise<GuestProcess> {
    signal.throwIfAborted();
    this.#mustRun();
    this.#host.commands.push(`${this.#guest.name}: ${(request.argv ?? []).join(" ")}`);
    const script = request.argv?.join(" ") ?? "";
    const [, printed] = [...this.#host.prints].find(([part]) => script.includes(part)) ?? [];
    return fakeProcess(printed === undefined ? request : { ...request, argv: ["echo", printed] }, signal);
  }

  /** An SSH server that says its first words, and all that it is told. */
  async connect({ signal }: Pick<Ctx, "signal">, port: number): Promise<Duplex> {
    signal.throwIfAborted();
    this.#mustRun();
    const real = this.#host.guestPorts.get(port);
    if (real !== undefined) return connectHere(real);
    if (port !== 22)
      throw new EngineError("guest-unreachable", `cannot connect to port ${port}: nothing listens`);
    const server = new PassThrough();
    server.write(`SSH-2.0-${this.#guest.name}\r\n`);
    return server;
  }

  async sftp({ signal }: Pick<Ctx, "signal">): Promise<Duplex> {
    signal.throwIfAborted();
    this.#mustRun();
    return sftpHere(tmpdir());
  }

  async details({ signal }: Pick<Ctx, "signal">): Promise<InstanceDetails> {
    await this.#host.step("details", this.#guest.name, signal);
    this.#mustRun();
    return { hostname: this.#guest.name, bootId: this.#guest.bootId, addresses: ["10.0.2.15"] };
  }

  async cloudInitLog(): Promise<string> {
    const { ready } = this.#host.knobs;
    if (typeof ready === "object" && "refuses" in ready) throw ready.refuses;
    return "Cloud-init finished\n";
  }

  dispose(): void {}

  #mustRun(): void {
    if (this.#host.guests.get(this.#guest.id) === this.#guest) return;
    throw new EngineError("guest-unreachable", `cannot reach ${this.#guest.name}: it does not run`);
  }
}

export async function connectHere(port: number): Promise<Duplex> {
  const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  await once(socket, "connect");
  return socket;
}

/** `echo a b`, `cat`, `exit n`; anything else waits for a signal, an abort or the end of its input. */
function fakeProcess(request: ExecRequest, signal: AbortSignal): GuestProcess {
  const [program, ...args] = request.argv ?? ["cat"];
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const exited = deferred<{ code?: number; signal?: string }>();
  const end = (exit: { code?: number; signal?: string }) => {
    stdout.end();
    stderr.end();
    exited.resolve(exit);
  };
  const stdin = new Writable({
    write: (chunk, _encoding, done) => {
      if (program === "cat") stdout.write(chunk, () => done());
      else done();
    },
    final: (done) => {
      end({ code: 0 });
      done();
    },
  });
  if (program === "echo") stdout.write(`${args.join(" ")}\n`, () => end({ code: 0 }));
  if (program === "exit") end({ code: Number(args[0] ?? 0) });
  signal.addEventListener("abort", () => end({ signal: "HUP" }), { once: true });
  return {
    stdin,
    stdout,
    stderr,
    exited: exited.promise,
    resize: () => {},
    signal: (name) => end({ signal: name }),
    close: () => end({ signal: "HUP" }),
  };
}
