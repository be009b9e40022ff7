import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { hostArch } from "../../src/base/paths.ts";
import { subnetAround } from "../../src/engine/networks/addresses.ts";
import { FakeDriver, FakeHost } from "../support/fake-driver.ts";
import { describeDriver } from "./driver.ts";

const key = { privateKey: "private", publicKey: "ssh-ed25519 AAAA" };

describeDriver("fake", async () => {
  const root = await mkdtemp(path.join(tmpdir(), "berth-contract-"));
  const host = new FakeHost();
  return {
    driver: new FakeDriver(host),
    anotherDriver: () => new FakeDriver(host),
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
        ...{ address: "10.77.0.9", mac: "52:54:00:00:00:01", directory, runDirectory: root },
        subnet: subnetAround("10.77.0.1"),
        image: { path: "/image", format: "qcow2", sizeBytes: 1, virtualBytes: 2 ** 30 },
        login: { user: "debian", client: key, host: key },
      };
    },
    dispose: () => rm(root, { recursive: true, force: true }),
  };
});
