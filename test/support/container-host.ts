/** A real VM with a container runtime in it, as the driver of containers is given it by the engine. */
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { EngineError, messageOf } from "../../src/base/errors.ts";
import { hostArch } from "../../src/base/paths.ts";
import { withoutControls } from "../../src/base/plain-text.ts";
import type { ContainerHost } from "../../src/engine/drivers/container-host.ts";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import { RuntimeApi } from "../../src/engine/drivers/oci/api.ts";
import { prepareRuntime } from "../../src/engine/drivers/oci/container-runtime.ts";
import { endpointIn } from "../../src/engine/drivers/oci/endpoints.ts";
import { createQemuDriver } from "../../src/engine/drivers/qemu/driver.ts";
import type { Running } from "../../src/engine/drivers/running.ts";
import { flushDisk } from "../../src/engine/guest/flush.ts";
import { generateLogin } from "../../src/engine/guest/keys.ts";
import { subnetAround } from "../../src/engine/networks/addresses.ts";
import { DEFAULT_SETTINGS } from "../../src/engine/settings.ts";
import { ctx } from "../contract/driver.ts";
import { containerHostImage } from "./container-host-image.ts";

export type TestContainerHost = ContainerHost & {
  /** Its runtime. */
  api: RuntimeApi;
  guest: Running["guest"];
  /** Shuts it down, so that what its runtime has written is on its disk; `open` starts it again. */
  stop(): Promise<void>;
  dispose(): Promise<void>;
};

/** Boots it, and waits until its runtime answers. */
export async function startContainerHost(): Promise<TestContainerHost> {
  const root = await mkdtemp(path.join(tmpdir(), "berth-host-"));
  const driver = createQemuDriver({ settings: () => DEFAULT_SETTINGS });
  const instance = await hostInstance(root);
  let running: Running | undefined;
  const open = async () => {
    if (running) return instance.id;
    await driver.create(ctx(), instance);
    running = await driver.start(ctx(), instance);
    await running.guest.waitReady(ctx());
    await prepareRuntime(ctx(), running.guest, instance.name);
    return instance.id;
  };
  const connect: ContainerHost["connect"] = async (ctx, _id, to) => {
    const guest = running?.guest;
    if (guest?.tunnel) return guest.tunnel(ctx, to);
    throw new EngineError("missing-dependency", `cannot reach ${instance.name}: it does not run`);
  };
  const flush: ContainerHost["flush"] = async (ctx) => {
    if (running) await flushDisk(running.guest, ctx);
  };
  const stop = async () => {
    const before = running;
    running = undefined;
    await before?.stop(ctx(), "graceful");
    before?.guest.dispose();
  };
  const dispose = async () => {
    await stop();
    await driver.delete(ctx(), instance);
    await rm(root, { recursive: true, force: true });
  };
  const endpoint = endpointIn(instance.id);
  const api = new RuntimeApi(endpoint, (ctx, to) => connect(ctx, instance.id, to));
  try {
    await open();
  } catch (cause) {
    // What it was busy with, as its files end with it.
    const said = await readFile(path.join(instance.directory, "serial.log"), "utf8").catch(() => "");
    await dispose();
    const words = withoutControls(said.slice(-3000));
    throw new Error(`the container host did not come up: ${messageOf(cause)}\n${words}`, { cause });
  }
  return {
    ...{ open, connect, flush, stop, dispose, api },
    get running() {
      return running && instance.id;
    },
    get guest() {
      if (!running) throw new Error("it does not run");
      return running.guest;
    },
  };
}

async function hostInstance(root: string): Promise<DriverInstance> {
  const image = await containerHostImage();
  const directory = path.join(root, "host");
  await mkdir(directory, { mode: 0o700 });
  return {
    ...{ id: randomUUID(), name: "container-host", arch: hostArch() },
    ...{ cpus: 2, memoryBytes: 2 ** 30, diskBytes: 5 * 2 ** 30 },
    ...{ address: "10.77.0.200", mac: "52:54:00:77:01:00" },
    ...{ directory, runDirectory: root, shares: [], disks: [], networks: [], network: "default" },
    ...{ guest: "linux", firmware: "bios", tpm: false, display: false },
    subnet: subnetAround("10.77.0.1"),
    image: { path: image.path, format: "qcow2", sizeBytes: image.sizeBytes, virtualBytes: 2 * 2 ** 30 },
    login: await generateLogin(image.user),
    // Its later boots are quicker without what has set it up.
    userData: "#cloud-config\nruncmd: [touch /etc/cloud/cloud-init.disabled]\n",
  };
}
