/** Makes instances be and run as their file says, or ends them; a command and a window do it alike. */
import path from "node:path";
import type { LaunchSpec } from "../../api/instance.ts";
import { type NetworkMode, privateNetworkOf } from "../../api/network-mode.ts";
import type { Operation } from "../../api/operation.ts";
import type { Project, ProjectInstance } from "../../api/project.ts";
import { EngineError, messageOf, toEngineError } from "../../base/errors.ts";
import { containerReference } from "../container-text.ts";
import type { EngineApi, EngineClient } from "../engine-client.ts";
import { parseNetwork } from "../network-text.ts";
import {
  type Change,
  changesOf,
  digestOf,
  disksOf,
  isKeptFirst,
  mountsOf,
  portOf,
  selected,
  sizesOf,
  stepsOf,
  type Written,
  writtenOf,
} from "./plan.ts";
import { provision } from "./provision.ts";

/** On whose behalf it is done. */
export type Caller = {
  readonly signal: AbortSignal;
  client(): Promise<EngineClient>;
  /** Begins an operation and follows it to its end. */
  operate(begin: (api: EngineApi) => Promise<Operation>): Promise<Operation>;
  /** cloud-init user-data from a file or an http(s) URL. */
  userData(from: string): Promise<string>;
  /** What somebody who watches should know on the way. */
  note(text: string): void;
};

/** A file that was read. What it names by a relative path lies in `directory`. */
export type OpenProject = { project: Project; directory: string };

type Done = (name: string) => void;

/**
 * These, or all where none is named, each as soon as what it depends on is up. One that fails keeps those back that need
 * it, and no others.
 */
export async function bringUp(
  caller: Caller,
  { project, directory }: OpenProject,
  names: readonly string[],
  onUp: Done,
): Promise<void> {
  const all = new Map<string, Promise<void>>();
  for (const name of selected(project, names)) {
    const wanted = project.instances[name] ?? {};
    const before = (wanted["depends-on"] ?? []).map((other) =>
      (all.get(other) ?? Promise.resolve()).catch(() => {
        throw new EngineError(
          "wrong-state",
          `cannot bring ${name} up: ${other}, which it depends on, is not up`,
        );
      }),
    );
    const work = Promise.all(before)
      .then(() => upOne(caller, name, wanted, directory))
      .then(() => onUp(name));
    work.catch(() => {});
    all.set(name, work);
  }
  await settled([...all.values()]);
}

async function settled(all: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(all);
  const failures = results.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  const [first] = failures;
  if (failures.length === 0) return;
  if (failures.length === 1) throw first;
  const message = `The following errors occurred:\n${failures.map(messageOf).join("\n")}`;
  throw new EngineError(first instanceof EngineError ? first.code : "internal", message, { cause: first });
}

async function upOne(
  caller: Caller,
  name: string,
  wanted: ProjectInstance,
  directory: string,
): Promise<void> {
  const { api } = await caller.client();
  const now = (await api.instances.list()).items.find((one) => one.name === name);
  if (now?.state === "deleted") {
    throw new EngineError("wrong-state", `cannot bring ${name} up: it is in the trash`, {
      hint: `Recover it: berth recover ${name}. Or purge it, to have a new one made.`,
    });
  }
  const snapshots = wanted.snapshot && now ? (await api.snapshots.list({ instance: name })).items : [];
  const taken = snapshots.map((one) => one.name);
  const written = await readWritten(caller, wanted, directory);
  const changes = changesOf(name, wanted, now, taken, written);
  if (isKeptFirst(wanted, now, changes)) await keep(caller, name);
  for (const change of changes) await carryOut(caller, name, wanted, change, directory);
  await provision(caller, name, stepsOf(wanted));
  const broughtUpAs = digestOf(wanted);
  if (now?.broughtUpAs !== broughtUpAs)
    await caller.operate((one) => one.instances.update({ name, broughtUpAs }));
}

async function keep(caller: Caller, name: string): Promise<void> {
  const { api } = await caller.client();
  if (!(await api.settings.get())["snapshots.before-risky"]) return;
  const comment = "Before what has changed in its file was applied";
  await caller.operate((one) => one.snapshots.take({ name, comment, before: "up" }));
}

/** Asks the engine only where the file leaves something to its settings. */
export async function readWritten(
  caller: Pick<Caller, "client">,
  wanted: ProjectInstance,
  directory: string,
): Promise<Written> {
  if (!wanted.networks?.length) return writtenOf(wanted, directory);
  const { api } = await caller.client();
  return writtenOf(wanted, directory, (await api.settings.get())["local.bridged-network"]);
}

async function carryOut(
  caller: Caller,
  name: string,
  wanted: ProjectInstance,
  change: Change,
  directory: string,
): Promise<void> {
  switch (change.do) {
    case "launch":
      await launch(caller, name, wanted, directory);
      return;
    case "change-sizes":
      await caller.operate((api) => api.instances.update({ name, ...change.sizes }));
      return;
    case "add-disk":
      await caller.operate((api) => api.disks.add({ name, disk: change.name, sizeBytes: change.sizeBytes }));
      return;
    case "resize-disk":
      await caller.operate((api) =>
        api.disks.resize({ name, disk: change.name, sizeBytes: change.sizeBytes }),
      );
      return;
    case "restore":
      await caller.operate((api) =>
        api.snapshots.restore({ name, snapshot: change.snapshot, automatic: true }),
      );
      return;
    case "change-network":
      await makeNetwork(caller, change.mode);
      await caller.operate((api) => api.networks.change({ name, mode: change.mode }));
      return;
    case "add-network":
      await caller.operate((api) => api.networks.attach({ name, ...change.nic }));
      return;
    case "start":
      await caller.operate((api) => api.instances.start({ name }));
      return;
    case "add-port":
      await caller.operate((api) => api.ports.add({ name, ...change.port }));
      return;
    case "add-mount":
      await caller.operate((api) => api.mounts.add({ name, ...change.mount }));
      return;
    case "tell":
      caller.note(`warning: ${change.text}`);
  }
}

async function launch(
  caller: Caller,
  name: string,
  wanted: ProjectInstance,
  directory: string,
): Promise<void> {
  const userData = await userDataOf(caller, wanted, directory);
  const spec = { name, ...sizesOf(wanted), ...(userData === undefined ? {} : { userData }) };
  const image = imageOf(wanted);
  const place = wanted.zone === undefined ? {} : { zone: wanted.zone };
  const display = wanted.display === undefined ? {} : { display: wanted.display };
  const mounts = mountsOf(wanted, directory);
  const networks = (wanted.networks ?? []).map(parseNetwork);
  const encrypted = wanted.encrypted === undefined ? {} : { encrypted: wanted.encrypted };
  const { network } = wanted;
  if (network !== undefined) await makeNetwork(caller, network);
  const reach = network === undefined ? {} : { network };
  const devices = { ...display, ...reach, ...encrypted, mounts, disks: disksOf(wanted), networks };
  await caller.operate((api) => api.instances.launch({ ...spec, ...image, ...place, ...devices }));
}

/** A network that the file names comes with the first who is in it. */
async function makeNetwork(caller: Caller, mode: NetworkMode): Promise<void> {
  const name = privateNetworkOf(mode);
  if (name === undefined) return;
  const { api } = await caller.client();
  await api.privateNetworks.create({ name }).catch((error: unknown) => {
    if (toEngineError(error).code !== "already-exists") throw error;
  });
}

/** `docker:nginx`, `podman:nginx` and `oci:nginx` are containers, with their ports. */
function imageOf(wanted: ProjectInstance): Pick<LaunchSpec, "image" | "container" | "ports"> {
  const { image, ports = [] } = wanted;
  const container = image === undefined ? undefined : containerReference(image);
  if (!container) return image === undefined ? {} : { image };
  const { runtime } = container;
  return {
    image: container.image,
    container: runtime === undefined ? {} : { runtime },
    ports: ports.map((text) => ({ protocol: "tcp", hostAddress: "127.0.0.1", ...portOf(text) })),
  };
}

async function userDataOf(
  caller: Caller,
  wanted: ProjectInstance,
  directory: string,
): Promise<string | undefined> {
  const from = wanted["cloud-init"];
  if (from === undefined) return wanted["user-data"];
  return caller.userData(/^https?:\/\//i.test(from) ? from : path.resolve(directory, from));
}

/** Stops these, or moves them to the trash; what others depend on goes last. What is not there is passed over. */
export async function bringDown(
  caller: Caller,
  project: Project,
  names: readonly string[],
  { remove, onDown }: { remove: boolean; onDown: Done },
): Promise<void> {
  const { api } = await caller.client();
  const present = new Map((await api.instances.list()).items.map((one) => [one.name, one]));
  for (const name of selected(project, names)
    .reverse()
    .filter((one) => names.includes(one))) {
    const state = present.get(name)?.state;
    if (state === undefined || state === "deleted") continue;
    if (remove) await caller.operate(() => api.instances.delete({ name }));
    else if (state !== "stopped" && state !== "suspended")
      await caller.operate(() => api.instances.stop({ name }));
    onDown(name);
  }
}
