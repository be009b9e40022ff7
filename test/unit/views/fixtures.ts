/** Instances and operations to look at, with everything a test does not care about filled in. */
import { randomUUID } from "node:crypto";
import type { Instance } from "../../../src/api/instance.ts";
import type { Operation } from "../../../src/api/operation.ts";

export function instance(patch: Partial<Instance> = {}): Instance {
  return {
    id: randomUUID(),
    name: "primary",
    kind: "vm",
    driver: "qemu",
    arch: "x86_64",
    state: "running",
    ready: true,
    problems: [],
    image: { reference: "lts", os: "Ubuntu", release: "24.04 LTS", version: "20261015" },
    cpus: 2,
    memoryBytes: 2 ** 30,
    diskBytes: 5 * 2 ** 30,
    address: "10.77.0.5",
    mac: "52:54:00:00:00:05",
    zone: { name: "zone1", available: true },
    ssh: {
      host: "127.0.0.1",
      port: 40022,
      user: "ubuntu",
      keyFile: "/d/key",
      knownHostsFile: "/d/known_hosts",
    },
    accelerator: "kvm",
    ports: [],
    mounts: [],
    disks: [],
    ...{ guest: "linux", firmware: "bios", tpm: false },
    snapshotCount: 0,
    autostart: "off",
    network: "default",
    createdAt: "2026-11-23T10:00:00.000Z",
    updatedAt: "2026-11-23T10:00:00.000Z",
    startedAt: "2026-11-23T10:00:00.000Z",
    ...patch,
  };
}

export function operation(patch: Partial<Operation> = {}): Operation {
  return {
    id: randomUUID(),
    kind: "launch",
    target: "primary",
    status: "running",
    cancellable: true,
    warnings: [],
    createdAt: "2026-11-23T10:00:00.000Z",
    updatedAt: "2026-11-23T10:00:00.000Z",
    ...patch,
  };
}
