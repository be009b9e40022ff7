/** An engine over fakes in a directory of its own, which several engines may use one after the other. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Operation } from "../../src/api/operation.ts";
import { type Paths, pathsFor } from "../../src/base/paths.ts";
import type { Driver } from "../../src/engine/drivers/driver.ts";
import { openEngine } from "../../src/engine/engine.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import { type Log, silentLog } from "../../src/engine/log.ts";
import { FakeDriver, FakeHost } from "./fake-driver.ts";
import { FakeImages } from "./fake-images.ts";
import { FakeKeychain } from "./fake-keychain.ts";

const pair = (name: string) => ({
  privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${name}-canary\n-----END OPENSSH PRIVATE KEY-----\n`,
  publicKey: `ssh-ed25519 ${name}`,
});

/** The directories and the host that engines of one test share. Dispose it at the test's end. */
export class FakeWorld {
  readonly root: string;
  readonly paths: Paths;
  readonly host = new FakeHost();
  readonly keychain = new FakeKeychain();
  log: Log = silentLog;
  /** Those who back up put a real one in. */
  repository: EngineOptions["repository"] = { worker: new URL("data:text/javascript,") };
  images: FakeImages;
  /** Those of an engine that is opened. */
  drivers: () => Driver[] = () => [new FakeDriver(this.host)];
  readonly #open = new Set<EngineCore>();

  private constructor(root: string) {
    this.root = root;
    const env = { BERTH_HOME: root };
    this.paths = pathsFor({ platform: "linux", env, home: root, tmp: root, user: "test" });
    this.images = new FakeImages(this.paths);
  }

  static async make(): Promise<FakeWorld> {
    return new FakeWorld(await mkdtemp(path.join(tmpdir(), "berth-core-")));
  }

  /** Over directories that another process has used, or will. */
  static at(root: string): FakeWorld {
    return new FakeWorld(root);
  }

  async open(options: Partial<EngineOptions> = {}): Promise<EngineCore> {
    const engine = await openEngine({
      paths: this.paths,
      version: "0.0.0",
      log: this.log,
      env: {},
      drivers: this.drivers,
      keychain: this.keychain,
      repository: this.repository,
      images: ({ imageUsers, locations }) => {
        const { download, virtualBytes, entries } = this.images;
        this.images = new FakeImages(locations, imageUsers);
        Object.assign(this.images, { download, virtualBytes, entries });
        return this.images;
      },
      makeLogin: (user) => ({ user, client: pair("client"), host: pair("host") }),
      hostNetworks: async () =>
        [...this.host.networks.keys()].map((name) => ({ name, type: "bridge", description: "" })),
      hostFacts: async () => ({ cpus: 64, memoryBytes: 2 ** 40, freeDiskBytes: 2 ** 44 }),
      ...options,
    });
    this.#open.add(engine);
    return engine;
  }

  async close(engine: EngineCore): Promise<void> {
    this.#open.delete(engine);
    await engine.close();
  }

  /** Leaves an engine that has died as it is: it is not closed at the end. */
  forget(engine: EngineCore): void {
    this.#open.delete(engine);
  }

  /** Directories of instances, and what lies in the trash. */
  async leftovers(): Promise<{ instances: string[]; trash: string[] }> {
    const [instances, trash] = await Promise.all([readdir(this.paths.instances), readdir(this.paths.trash)]);
    return { instances, trash };
  }

  async dispose(): Promise<void> {
    for (const engine of this.#open) await engine.close();
    await rm(this.root, { recursive: true, force: true, maxRetries: 10 }); // One that died in a test may still write.
  }
}

/** Waits for an operation's end, whatever it is. */
export async function ended(
  engine: EngineCore,
  operation: Operation | Promise<Operation>,
): Promise<Operation> {
  return engine.operations.wait((await operation).id, AbortSignal.timeout(20_000));
}

/** Waits for an operation's end and expects it to be good. */
export async function succeeded(
  engine: EngineCore,
  operation: Operation | Promise<Operation>,
): Promise<Operation> {
  const end = await ended(engine, operation);
  if (end.status !== "succeeded") throw new Error(`${end.kind} ${end.target}: ${JSON.stringify(end)}`);
  return end;
}

/** Resolves with the first instance event that fits, or with the present state where that fits. */
export async function instanceBecomes(
  engine: EngineCore,
  name: string,
  fits: (instance: ReturnType<EngineCore["instances"]["get"]>) => boolean,
): Promise<ReturnType<EngineCore["instances"]["get"]>> {
  const controller = new AbortController();
  const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(20_000)]);
  try {
    for await (const event of engine.events.subscribe({}, signal)) {
      const instance =
        event.type === "resync"
          ? engine.instances.list().find((one) => one.name === name)
          : event.type === "instance" && event.instance.name === name
            ? event.instance
            : undefined;
      if (instance && fits(instance)) return instance;
    }
    throw new Error(`${name} did not become as expected: ${JSON.stringify(engine.instances.get(name))}`);
  } finally {
    controller.abort();
  }
}
