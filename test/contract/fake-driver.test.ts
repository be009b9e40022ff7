import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { hostArch } from "../../src/base/paths.ts";
import type { Driver, DriverInstance } from "../../src/engine/drivers/driver.ts";
import { subnetAround } from "../../src/engine/networks/addresses.ts";
import { FakeContainerDriver, FakeRuntime } from "../support/fake-containers.ts";
import { FakeDriver, FakeHost } from "../support/fake-driver.ts";
import { describeDriver, type Harness } from "./driver.ts";

const key = { privateKey: "private", publicKey: "ssh-ed25519 AAAA" };

async function harnessOf(driver: () => Driver, own: Partial<DriverInstance>): Promise<Harness> {
  const root = await mkdtemp(path.join(tmpdir(), "berth-contract-"));
  return {
    driver: driver(),
    anotherDriver: driver,
    instance: async (name) => {
      const directory = path.join(root, name);
      await mkdir(directory, { recursive: true });
      return {
        ...{
          id: randomUUID(),
          name,
          arch: hostArch(),
          cpus: 1,
          memoryBytes: 2 ** 30,
          diskBytes: 5 * 2 ** 30,
        },
        shares: [],
        disks: [],
        ...{ guest: "linux", firmware: "bios", tpm: false, display: false },
        networks: [],
        network: "default",
        ...{ address: "10.77.0.9", mac: "52:54:00:00:00:01", directory, runDirectory: root },
        subnet: subnetAround("10.77.0.1"),
        image: { path: "/image", format: "qcow2", sizeBytes: 1, virtualBytes: 2 ** 30 },
        login: { user: "debian", client: key, host: key },
        ...own,
      };
    },
    prints: "started contract",
    dispose: () => rm(root, { recursive: true, force: true }),
  };
}

const host = new FakeHost();
describeDriver("fake", () => harnessOf(() => new FakeDriver(host), {}));

const runtime = new FakeRuntime();
const none = { privateKey: "", publicKey: "" };
const container: Partial<DriverInstance> = {
  ...{ image: undefined, diskBytes: 0, memoryBytes: 0, cpus: 0 },
  container: { shape: "machine", image: { reference: "docker.io/library/machine:1", id: "sha256:1" } },
  login: { user: "root", client: none, host: none },
};
describeDriver("fake-oci", () => harnessOf(() => new FakeContainerDriver(runtime), container), [
  "pause",
  "logs",
  "stats",
  "attach",
  "export",
]);
