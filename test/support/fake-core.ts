/**
 * An engine core that keeps everything in memory and whose guests are processes of this computer. Operations on an
 * instance called `…-<n>ms` take that long; those that run are kept in a file, and a later core goes on with them.
 */

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { EngineInfo, Settings } from "../../src/api/engine-info.ts";
import type { Instance, LaunchSpec } from "../../src/api/instance.ts";
import type { Operation, OperationKind } from "../../src/api/operation.ts";
import { abortable, type Deferred, deferred } from "../../src/base/async.ts";
import { EngineError } from "../../src/base/errors.ts";
import { Emitter } from "../../src/base/event.ts";
import { startChild } from "../../src/base/run.ts";
import { Access } from "../../src/engine/access/access.ts";
import { Audit } from "../../src/engine/access/audit.ts";
import { operationPath } from "../../src/engine/access/paths.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { EventLog } from "../../src/engine/event-log.ts";
import type { ExecRequest, GuestAccess, GuestProcess } from "../../src/engine/guest/guest.ts";
import { Listeners } from "../../src/engine/instances/listeners.ts";
import { MetricsFeeds } from "../../src/engine/instances/metrics.ts";
import { printed } from "../../src/engine/printed.ts";
import { fakeDisplay } from "./fake-display.ts";
import { sftpHere } from "./sftp-here.ts";

export type FakeOptions = { idleSeconds?: number; journal?: string; eventCapacity?: number };

export class FakeCore implements EngineCore {
  readonly id = randomUUID();
  readonly events: EventLog;
  readonly ended = new Map<string, Deferred<Operation>>();
  readonly processes: GuestProcess[] = [];
  readonly calls: string[] = [];
  readonly #instances = new Map<string, Instance>();
  readonly #operations = new Map<string, Operation>();
  readonly #idle = new Emitter<boolean>();
  readonly #drained = new Emitter<void>();
  readonly #over = new AbortController();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #journal: string | undefined;
  #settings: Settings;
  draining = false;
  closed = false;
  readonly onDidChangeIdle = this.#idle.event;
  readonly onDidDrain = this.#drained.event;

  constructor(options: FakeOptions = {}) {
    this.events = new EventLog(this.id, { capacity: options.eventCapacity ?? 64 });
    this.#journal = options.journal;
    this.#settings = {
      "images.ubuntu-url": "https://images.invalid/",
      "images.manifest-url": "",
      "instances.encrypted": false,
      "engine.idle-seconds": options.idleSeconds ?? 60,
      "engine.log-level": "info",
      "qemu.accelerator": "auto",
      "qemu.native-mounts": "auto",
      "containers.runtime": "auto",
      "containers.vm-image": "",
      "containers.vm-cpus": 2,
      "containers.vm-memory": "2G",
      "containers.vm-disk": "20G",
      "snapshots.before-risky": true,
      "backups.rate": "",
      "backups.cpu-percent": 100,
      "backups.files-image": "",
      "local.driver": "qemu",
      "local.privileged-mounts": true,
      "local.bridged-network": "",
      "local.image.mirror": "",
    };
    this.put(fakeInstance("primary"));
    if (this.#journal && existsSync(this.#journal)) {
      for (const operation of JSON.parse(readFileSync(this.#journal, "utf8")) as Operation[])
        this.#run(operation);
    }
  }

  readonly access = new Access({
    file: path.join(tmpdir(), `berth-access-${randomUUID()}.json`),
    now: () => new Date(),
  });

  readonly audit = new Audit({
    directory: path.join(tmpdir(), `berth-audit-${randomUUID()}`),
    now: () => new Date(),
  });

  readonly snapshots: EngineCore["snapshots"] = {
    list: () => [],
    take: async (instance) => this.#begin("snapshot", instance),
    restore: async (instance) => this.#begin("restore", instance),
    update: async (instance) => this.#begin("update", instance),
    remove: async (instance) => this.#begin("remove-snapshot", instance),
  };

  readonly repositories: EngineCore["repositories"] = {
    list: () => [],
    add: async ({ name }) => this.#begin("add-repository", name),
    reveal: async () => "open sesame",
    changePassword: async () => {},
    keys: async () => [],
    addKey: async () => {},
    removeKey: async () => {},
    remove: async () => {},
    check: async (name) => this.#begin("check-repository", name),
    prune: async (name) => this.#begin("prune-repository", name),
    unlock: async () => 0,
  };
  readonly backups: EngineCore["backups"] = {
    list: async () => ({ items: [], problems: [] }),
    create: async (name) => this.#begin("backup", name),
    restore: async ({ backup }, as = backup) => this.#begin("restore-backup", as),
    revert: async ({ backup }) => this.#begin("restore-backup", backup),
    update: () => Promise.reject(new EngineError("not-found", "cannot change the backup: there is none")),
    remove: async () => {},
    verify: async ({ backup }) => this.#begin("verify-backup", backup),
    browse: async ({ backup }) => this.#begin("browse-backup", backup),
    drill: async ({ backup }) => this.#begin("drill-backup", backup),
    files: () => Promise.reject(new EngineError("not-found", "cannot show the files: there is no backup")),
  };
  readonly transfers: EngineCore["transfers"] = {
    export: async (name) => Readable.from([Buffer.from(`a tar of ${this.instances.get(name).name}`)]),
    import: ({ as }, file, signal) =>
      printed(`import ${as}`, signal, async () => `${as}: ${(await buffer(file)).length}\n`),
    importDisk: async ({ name }) => this.#begin("import", name),
  };
  readonly backupPlans: EngineCore["backupPlans"] = {
    list: () => [],
    set: () => {
      throw new EngineError("not-supported", "cannot plan backups: this engine makes none");
    },
    remove: () => {},
  };
  readonly metrics = new MetricsFeeds(
    (name) => this.instances.guest(name),
    () => new Date(),
  );
  readonly consoles: EngineCore["consoles"] = {
    open: async (name) => {
      this.instances.get(name);
      return new PassThrough();
    },
  };
  readonly ports: EngineCore["ports"] = {
    add: async (instance) => this.#begin("add-port", instance),
    update: async (instance) => this.#begin("add-port", instance),
    remove: async (instance) => this.#begin("remove-port", instance),
  };
  readonly listeners = new Listeners((name) => this.instances.guest(name));
  readonly storage: EngineCore["storage"] = {
    show: async () => [],
    move: async ({ directory }) => this.#begin("move-storage", directory ?? "first"),
  };
  readonly passphrase: EngineCore["passphrase"] = {
    isSet: false,
    set: async () => {},
    verify: async () => {},
  };
  readonly keys: EngineCore["keys"] = {
    status: async () => ({
      state: "none",
      keychain: { name: "no keychain", problem: "there is none" },
      instances: 0,
    }),
    init: async () => {},
    unlock: async () => {},
    lock: async () => {},
    change: async () => {},
    export: async () => "",
    import: async () => {},
    rotate: async () => {},
  };
  readonly networks: EngineCore["networks"] = {
    list: async () => [],
    attach: async (instance) => this.#begin("add-network", instance),
    detach: async (instance) => this.#begin("remove-network", instance),
  };
  readonly reach: EngineCore["reach"] = {
    change: async (instance) => this.#begin("change-network", instance),
    test: async () => ({ mode: "default", probes: [] }),
  };
  readonly privateNetworks: EngineCore["privateNetworks"] = {
    list: () => [{ name: "team", instances: ["web"] }],
    get: (name) => ({ name, instances: ["web"] }),
    create: (name) => ({ name, instances: [] }),
    delete: async () => {},
  };
  readonly zones: EngineCore["zones"] = {
    list: () => [{ name: "zone1", available: true, subnet: "10.77.1.0/24" }],
    disable: async (zone) => this.#begin("disable-zone", zone),
    enable: async (zone) => this.#begin("enable-zone", zone),
  };
  readonly media: EngineCore["media"] = {
    insert: async (instance) => this.#begin("change-medium", instance),
    eject: async (instance) => this.#begin("change-medium", instance),
  };
  readonly disks: EngineCore["disks"] = {
    list: async () => [],
    add: async (instance) => this.#begin("add-disk", instance),
    resize: async (instance) => this.#begin("resize-disk", instance),
    remove: async (instance) => this.#begin("remove-disk", instance),
    recover: async (instance) => this.#begin("recover-disk", instance),
    purge: async (instance) => this.#begin("purge-disk", instance),
  };
  readonly mounts: EngineCore["mounts"] = {
    add: async (instance) => this.#begin("mount", instance),
    remove: async (instance) => this.#begin("unmount", instance),
    directoryIn: async () => undefined,
  };
  readonly sessions: EngineCore["sessions"] = {
    open: async (instance, request, _session, signal) =>
      this.instances.guest(instance).exec({ signal }, request),
    list: () => [],
    end: () => [],
  };
  readonly #book = { active: "default", contexts: {} };
  readonly aliases: EngineCore["aliases"] = {
    list: () => this.#book,
    add: () => this.#book,
    remove: () => this.#book,
    prefer: () => this.#book,
  };

  /** Adds or changes an instance, as if something had happened to it. */
  put(instance: Instance): void {
    this.#instances.set(instance.name, instance);
    this.events.publish({ type: "instance", instance });
  }

  remove(name: string): void {
    const { id } = this.instances.get(name);
    this.#instances.delete(name);
    this.events.publish({ type: "instance-removed", id, name });
  }

  info = async (): Promise<EngineInfo> => ({
    id: this.id,
    version: "0.0.0-fake",
    protocol: 1,
    pid: process.pid,
    startedAt: new Date().toISOString(),
    dataDirectory: "/nowhere",
    logFile: "/nowhere/engine.log",
    draining: this.draining,
    host: { cpus: 2, memoryBytes: 2 ** 33, freeDiskBytes: 2 ** 36, arch: "x86_64" },
    drivers: [],
    problems: [],
  });

  probe = async () => [];

  examine = async () => [];

  settings = {
    get: () => this.#settings,
    set: (patch: Partial<Settings>) => {
      this.#settings = { ...this.#settings, ...patch };
      return this.#settings;
    },
  };

  instances: EngineCore["instances"] = {
    list: () => [...this.#instances.values()],
    projects: () => [],
    projectOf: (name) => {
      const instance = this.#instances.get(name);
      return instance && (instance.project ?? "default");
    },
    get: (name) => {
      const instance = this.#instances.get(name);
      if (instance) return instance;
      throw new EngineError("not-found", `cannot find ${name}: there is no such instance`, {
        hint: "`berth list` shows them.",
        details: { known: [...this.#instances.keys()] },
      });
    },
    details: async (name, signal) => {
      if (name === "hangs") return abortable(new Promise<never>(() => {}), signal);
      if (name === "bug") throw new TypeError("secret internals");
      return { addresses: [this.instances.get(name).address] };
    },
    log: async (_name, source) => ({ text: `${source} log` }),
    logs: async (name) => Readable.from([Buffer.from(`${this.instances.get(name).name} says hello\n`)]),
    attach: async (name) => {
      this.instances.get(name);
      return this.#exec({ argv: ["cat"] });
    },
    check: async () => [],
    launch: async (spec: LaunchSpec) => this.#begin("launch", spec.name ?? "generated"),
    start: async (name) => this.#begin("start", name),
    stop: async (name, { force }) => this.#begin("stop", `${name}${force ? " by force" : ""}`),
    restart: async (name) => this.#begin("restart", name),
    delete: async (name) => this.#begin("delete", name),
    recover: async (name) => this.#begin("recover", name),
    purge: async (name) => this.#begin("purge", name),
    cancelStop: async (name) => this.#begin("cancel-stop", name),
    suspend: async (name) => this.#begin("suspend", name),
    pause: async (name) => this.#begin("pause", name),
    unpause: async (name) => this.#begin("unpause", name),
    update: async (name) => this.#begin("update", name),
    markMove: async (name) => this.#begin("move", name),
    rename: async (name) => this.#begin("rename", name),
    release: async (name) => this.#begin("release", name),
    rotateKey: async (name) => this.#begin("rotate-key", name),
    clone: async (name, as) => this.#begin("clone", as ?? `${name}-clone1`),
    guest: (name) => {
      this.instances.get(name);
      return this.guest;
    },
    screenshot: async () => ({ png: "", width: 0, height: 0 }),
    openDisplay: async (name) => {
      this.instances.get(name);
      return fakeDisplay(name, {}, this.#over.signal);
    },
  };

  operations: EngineCore["operations"] = {
    list: () => [...this.#operations.values()],
    originOf: (id) => {
      const operation = this.#operations.get(id);
      if (!operation) return undefined;
      return { path: operationPath(operation, this.instances.projectOf), by: undefined };
    },
    get: (id) => {
      const operation = this.#operations.get(id);
      if (!operation) throw new EngineError("not-found", `cannot find operation ${id}`);
      return operation;
    },
    wait: (id, signal) => {
      const operation = this.operations.get(id);
      if (operation.status !== "running") return Promise.resolve(operation);
      return abortable(this.#end(id).promise, signal);
    },
    cancel: (id) => this.finish(id, { status: "cancelled" }),
  };

  images: EngineCore["images"] = {
    find: async (query) => {
      this.calls.push(JSON.stringify(query));
      return { items: [], problems: [] };
    },
    cached: async () => [],
    pull: async (reference) => this.#begin("pull-image", reference),
    build: async (recipe) => this.#begin("build-image", recipe),
    remove: async () => ({ freedBytes: 1 }),
    prune: async () => ({ removed: [], freedBytes: 0 }),
  };

  containerImages: EngineCore["containerImages"] = {
    list: async () => [],
    pull: async ({ reference }) => this.#begin("pull-container-image", reference),
    push: async ({ reference }) => this.#begin("push-image", reference),
    load: async ({ file }) => this.#begin("load-image", file),
    save: async ({ reference }) => this.#begin("save-image", reference),
    remove: async () => {},
    prune: async () => ({ removed: [], freedBytes: 0 }),
    import: ({ reference }, tar, signal) =>
      printed(`import ${reference}`, signal, async () => `${reference}: ${(await buffer(tar)).length}\n`),
    build: ({ directory }) => Readable.from([`building ${directory}\n`]),
  };

  foreignContainers: EngineCore["foreignContainers"] = {
    list: async () => [],
    watch: async function* () {
      yield [];
    },
    logs: async ({ container }) => Readable.from([Buffer.from(`logs of ${container}\n`)]),
    adopt: async ({ container }) => this.#begin("adopt", container),
  };

  compose: EngineCore["compose"] = {
    list: async () => [],
    run: ({ verb, project }, signal) =>
      printed(`bring ${project} ${verb}`, signal, async (_signal, print) => {
        await print(`bringing ${project} ${verb}\n`);
        if (project === "broken") throw new EngineError("driver-failed", "it broke");
        return "";
      }),
  };

  /** A guest whose processes run here. */
  guest: GuestAccess = {
    waitReady: async () => ({ cloudInit: "done", errors: [] }),
    exec: async (_ctx, request) => this.#exec(request),
    connect: async (_ctx, port) => connectLocally(port),
    sftp: async () => sftpHere(tmpdir()),
    details: async () => ({ addresses: [] }),
    cloudInitLog: async () => "",
    dispose: () => {},
  };

  get idle(): boolean {
    return ![...this.#operations.values()].some(({ status }) => status === "running");
  }

  drain(): void {
    this.draining = true;
    this.events.publish({ type: "draining" });
    if (this.idle) this.#drained.fire();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.#over.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.events.close();
  }

  progress(id: string, phase: string): void {
    this.#set({ ...this.operations.get(id), progress: { phase } });
  }

  finish(id: string, end: Partial<Operation>): Operation {
    const operation = { ...this.operations.get(id), status: "succeeded" as const, ...end };
    this.#set({ ...operation, updatedAt: new Date().toISOString(), cancellable: false });
    this.#end(id).resolve(operation);
    if (this.idle) this.#idle.fire(true);
    if (this.idle && this.draining) this.#drained.fire();
    return operation;
  }

  #begin(kind: OperationKind, target: string): Operation {
    if (this.draining) throw new EngineError("engine-unavailable", `cannot ${kind} ${target}: draining`);
    const at = new Date().toISOString();
    const operation: Operation = {
      ...{ id: randomUUID(), kind, target, status: "running", cancellable: true, warnings: [] },
      createdAt: at,
      updatedAt: at,
    };
    this.#run(operation);
    return operation;
  }

  #run(operation: Operation): void {
    this.#set(operation);
    this.#idle.fire(false);
    const ms = /-(\d+)ms$/.exec(operation.target)?.[1];
    if (ms) {
      const timer = setTimeout(() => {
        if (this.operations.get(operation.id).status === "running") this.finish(operation.id, {});
      }, Number(ms));
      this.#timers.add(timer);
    }
  }

  #set(operation: Operation): void {
    this.#operations.set(operation.id, operation);
    const running = [...this.#operations.values()].filter(({ status }) => status === "running");
    if (this.#journal) writeFileSync(this.#journal, JSON.stringify(running));
    this.events.publish({ type: "operation", operation });
  }

  #end(id: string): Deferred<Operation> {
    const end = this.ended.get(id) ?? deferred<Operation>();
    this.ended.set(id, end);
    return end;
  }

  #exec(request: ExecRequest): GuestProcess {
    this.calls.push(JSON.stringify(request));
    const child = startChild(request.argv ?? ["sh"], request.env ? { env: { ...request.env } } : {});
    const exited = child.exited.then(({ code, signal }) =>
      signal ? { signal: signal.slice(3) } : { code: code ?? 0 },
    );
    exited.catch(() => {});
    const process: GuestProcess = {
      ...{ stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exited },
      resize: (size) => void this.calls.push(`resize ${size.cols}x${size.rows}`),
      signal: (name) => child.kill(`SIG${name}`),
      close: () => child.kill("SIGKILL"),
    };
    this.processes.push(process);
    return process;
  }
}

/** A port of this computer, as the guest whose processes run here has it. */
async function connectLocally(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return socket;
  } catch (cause) {
    const reason = `cannot connect to port ${port} of primary: nothing listens there`;
    throw new EngineError("guest-unreachable", reason, { cause });
  }
}

export function fakeInstance(name: string, more: Partial<Instance> = {}): Instance {
  const at = new Date().toISOString();
  return {
    ...{ id: randomUUID(), name, kind: "vm", driver: "fake", arch: "x86_64", state: "running", ready: true },
    problems: [],
    image: { reference: "24.04", os: "Ubuntu", release: "24.04 LTS", version: "20260101" },
    ...{
      cpus: 1,
      memoryBytes: 2 ** 30,
      diskBytes: 5 * 2 ** 30,
      address: "10.77.0.2",
      mac: "52:54:00:00:00:01",
      zone: { name: "zone1", available: true },
      networks: [],
    },
    ports: [],
    mounts: [],
    disks: [],
    ...{ guest: "linux", firmware: "bios", tpm: false, display: false, encrypted: false },
    snapshotCount: 0,
    autostart: "off",
    network: "default",
    labels: {},
    createdAt: at,
    updatedAt: at,
    ...more,
  };
}
