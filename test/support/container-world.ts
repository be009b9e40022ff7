/** Instances that are containers of a real runtime, each with a directory of its own. */
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { hostArch } from "../../src/base/paths.ts";
import type { Driver, DriverInstance } from "../../src/engine/drivers/driver.ts";
import { createOciDriver, type OciOptions } from "../../src/engine/drivers/oci/driver.ts";
import type { Endpoint, EndpointInputs } from "../../src/engine/drivers/oci/endpoints.ts";
import type { Running } from "../../src/engine/drivers/running.ts";
import { subnetAround } from "../../src/engine/networks/addresses.ts";
import { ctx, execIn } from "../contract/driver.ts";
import { loadImage, makeImage } from "./container-image.ts";
import type { TestRuntime } from "./runtimes.ts";

const NO_KEYS = { privateKey: "", publicKey: "" };
const IMAGE = "localhost/berth-test:1";
export const PRINTS = "it is up";

export type Started = { instance: DriverInstance; running: Running };

export type ContainerWorld = {
  driver: Driver;
  anotherDriver(): Driver;
  /** Runs until it is asked to end, unless told otherwise. */
  instance(name: string, more?: Partial<DriverInstance>): Promise<DriverInstance>;
  /** As `instance`, and its container is made. */
  created(name: string, more?: Partial<DriverInstance>): Promise<DriverInstance>;
  /** As `created`, and it runs. */
  started(name: string, more?: Partial<DriverInstance>): Promise<Started>;
  /** One that runs, and whose program is this script. */
  scripted(name: string, script: string): Promise<Started>;
  /** What makes an instance one whose program is this. */
  running(command: string[]): { container: NonNullable<DriverInstance["container"]> };
  /** What makes it a machine, of which nothing more is said. */
  machine(): { container: NonNullable<DriverInstance["container"]> };
  /** Removes its container as somebody else may. */
  remove(instance: DriverInstance): Promise<void>;
  rename(instance: DriverInstance, name: string): Promise<void>;
  /** Of its container. */
  idOf(instance: DriverInstance): Promise<string | undefined>;
  leftOf(instance: DriverInstance): Promise<{ containers: number; images: number }>;
  /** Makes a container that is not ours, for as long as this world is there; resolves with its id. */
  foreign(name: string, image?: string, more?: object): Promise<string>;
  isThere(id: string): Promise<boolean>;
  volumes(): Promise<string[]>;
  removeVolume(name: string): Promise<void>;
  /** Removes all of them. */
  dispose(): Promise<void>;
};

/** `more`: what else the driver is made with. */
export async function containerWorld(
  { api, runtime }: Pick<TestRuntime, "api" | "runtime">,
  more: Partial<OciOptions> = {},
): Promise<ContainerWorld> {
  await loadImage(api, await makeImage(), IMAGE);
  const { Id: id } = await api.json<{ Id: string }>(ctx(), "GET", `/images/${IMAGE}/json`);
  const root = await mkdtemp(path.join(tmpdir(), "berth-oci-"));
  const inputs = async () => inputsOf(api.endpoint, root);
  const make = () => createOciDriver({ data: root, inputs, ...more });
  const driver = make();
  const made: DriverInstance[] = [];
  const others: string[] = [];
  const image = { reference: IMAGE, id };
  const containersOf = (instance: DriverInstance) => {
    const filters = JSON.stringify({ label: [`berth.instance=${instance.id}`] });
    return api.json<{ Id: string }[]>(ctx(), "GET", "/containers/json", { query: { all: "true", filters } });
  };
  const remove = (container: string) =>
    api.json<void>(ctx(), "DELETE", `/containers/${container}`, { query: { force: "true" } });
  const instance = async (name: string, more: Partial<DriverInstance> = {}) => {
    const directory = path.join(root, `${name}-${made.length}`);
    await mkdir(directory, { mode: 0o700 });
    const command = ["sh", "-c", `trap 'exit 0' TERM; echo ${PRINTS}; while :; do sleep 1; done`];
    const instance: DriverInstance = {
      ...{ id: randomUUID(), name, arch: hostArch() },
      ...{ cpus: 1, memoryBytes: 256 * 2 ** 20, diskBytes: 5 * 2 ** 30 },
      ...{ address: `10.77.0.${made.length + 9}`, mac: `52:54:00:77:00:0${made.length}` },
      ...{
        directory,
        runDirectory: root,
        shares: [],
        disks: [],
        networks: [],
        network: "default",
        image: undefined,
      },
      ...{ guest: "linux", firmware: "bios", tpm: false, display: false },
      subnet: subnetAround("10.77.0.1"),
      login: { user: "root", client: NO_KEYS, host: NO_KEYS },
      ...more,
      container: more.container ?? { runtime, command, image },
    };
    made.push(instance);
    return instance;
  };
  const created: ContainerWorld["created"] = async (name, more) => {
    const one = await instance(name, more);
    await driver.create(ctx(), one);
    return one;
  };
  const started: ContainerWorld["started"] = async (name, more) => {
    const one = await created(name, more);
    return { instance: one, running: await driver.start(ctx(), one) };
  };
  const running = (command: string[]) => ({ container: { runtime, command, image } });
  return {
    driver,
    anotherDriver: make,
    instance,
    created,
    started,
    scripted: (name, script) => started(name, running(["sh", "-c", script])),
    running,
    machine: () => ({ container: { runtime, shape: "machine", image } }),
    remove: async (instance) => {
      for (const { Id } of await containersOf(instance)) await remove(Id);
    },
    rename: async (instance, name) => {
      for (const { Id } of await containersOf(instance))
        await api.json(ctx(), "POST", `/containers/${Id}/rename`, { query: { name } });
    },
    idOf: async (instance) => (await containersOf(instance))[0]?.Id,
    leftOf: async (instance) => {
      const images = await api.json<{ RepoTags: string[] | null }[]>(ctx(), "GET", "/images/json");
      const own = images.flatMap(({ RepoTags }) => RepoTags ?? []).filter((tag) => tag.includes(instance.id));
      return { containers: (await containersOf(instance)).length, images: own.length };
    },
    foreign: async (name, image = IMAGE, more = {}) => {
      const options = { query: { name }, body: { Image: image, ...more } };
      const { Id } = await api.json<{ Id: string }>(ctx(), "POST", "/containers/create", options);
      others.push(Id);
      return Id;
    },
    isThere: (container) =>
      api.json(ctx(), "GET", `/containers/${container}/json`).then(
        () => true,
        () => false,
      ),
    volumes: async () => {
      const { Volumes } = await api.json<{ Volumes: { Name: string }[] | null }>(ctx(), "GET", "/volumes");
      return (Volumes ?? []).map(({ Name }) => Name);
    },
    removeVolume: (volume) => api.json(ctx(), "DELETE", `/volumes/${volume}`),
    dispose: async () => {
      for (const other of others) await remove(other).catch(() => {}); // It may be gone.
      for (const instance of made) await driver.delete(ctx(), instance);
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** What a script prints in it. */
export async function shellIn(running: Running, script: string): Promise<string> {
  return (await execIn(running, { argv: ["sh", "-c", script] })).stdout;
}

function inputsOf({ address }: Endpoint, home: string): EndpointInputs {
  const env = { DOCKER_HOST: "socketPath" in address ? `unix://${address.socketPath}` : "" };
  return { platform: "linux", env, home, tmp: home, uid: 0, contexts: [], currentContext: undefined };
}
