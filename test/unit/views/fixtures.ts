/** Instances and operations to look at, with everything a test does not care about filled in. */
import { randomUUID } from "node:crypto";
import type { Backup, BackupPlan, BackupRepository } from "../../../src/api/backup.ts";
import type { StoredContainerImage } from "../../../src/api/container-image.ts";
import type { Disk } from "../../../src/api/disk.ts";
import type { ForeignContainer } from "../../../src/api/foreign-container.ts";
import type { CachedImage, ImageEntry } from "../../../src/api/image.ts";
import type { Instance } from "../../../src/api/instance.ts";
import type { Operation } from "../../../src/api/operation.ts";
import type { PortListener } from "../../../src/api/port.ts";
import type { Snapshot } from "../../../src/api/snapshot.ts";

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
    networks: [],
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
    ...{ guest: "linux", firmware: "bios", tpm: false, display: false, encrypted: false },
    snapshotCount: 0,
    autostart: "off",
    network: "default",
    labels: {},
    createdAt: "2026-11-23T10:00:00.000Z",
    updatedAt: "2026-11-23T10:00:00.000Z",
    startedAt: "2026-11-23T10:00:00.000Z",
    ...patch,
  };
}

/** A container that others have made. */
export function foreignContainer(patch: Partial<ForeignContainer> = {}): ForeignContainer {
  return {
    ...{ runtime: "podman", id: "a".repeat(64), name: "db", image: "postgres:16", state: "running" },
    ...{ createdAt: "2026-11-23T10:00:00.000Z", otherBerth: false },
    ...patch,
  };
}

/** A container of an image that serves something. */
export function container(
  patch: Partial<Instance> = {},
  own: Partial<NonNullable<Instance["container"]>> = {},
): Instance {
  const { ssh: _, accelerator: __, ...machine } = instance();
  return {
    ...machine,
    ...{ name: "web", kind: "container", driver: "oci", cpus: 0, memoryBytes: 0, diskBytes: 0 },
    image: { reference: "docker.io/library/nginx:1.27", os: "", release: "", version: "" },
    address: "172.17.0.2",
    ...patch,
    container: {
      ...{ runtime: "docker", shape: "application", env: ["MODE"], paused: false },
      image: { reference: "docker.io/library/nginx:1.27", id: "sha256:00" },
      ...own,
    },
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

export function snapshot(patch: Partial<Snapshot> = {}): Snapshot {
  return {
    ...{
      id: randomUUID(),
      name: "snapshot1",
      instance: "primary",
      comment: "",
      children: [],
      current: false,
    },
    ...{ createdAt: "2026-11-23T10:00:00.000Z", cpus: 1, memoryBytes: 2 ** 30, diskBytes: 5 * 2 ** 30 },
    ...{ mounts: [], sizeBytes: 2 ** 20 },
    ...patch,
  };
}

export function cachedImage(patch: Partial<CachedImage> = {}): CachedImage {
  return {
    ...{ id: "abc", reference: "24.04", os: "Ubuntu", release: "24.04 LTS", version: "20261015" },
    ...{ arch: "x86_64", sizeBytes: 600 * 2 ** 20, verified: true, usedBy: [] },
    ...{ fetchedAt: "2026-11-20T10:00:00.000Z", lastUsedAt: "2026-11-22T10:00:00.000Z" },
    ...patch,
  };
}

export function storedImage(patch: Partial<StoredContainerImage> = {}): StoredContainerImage {
  return {
    ...{ runtime: "docker", id: `sha256:0123456789ab${"0".repeat(52)}`, digests: [], sizeBytes: 67_108_864 },
    ...{ references: ["docker.io/library/nginx:1.27"], createdAt: "2026-11-20T12:00:00.000Z" },
    ...{ ours: true, inUse: false, usedBy: [] },
    ...patch,
  };
}

export function imageEntry(patch: Partial<ImageEntry> = {}): ImageEntry {
  return {
    ...{
      reference: "24.04",
      remote: "release",
      aliases: ["noble", "lts"],
      os: "Ubuntu",
      release: "24.04 LTS",
    },
    ...{ version: "20261015", arch: "x86_64", sizeBytes: 600 * 2 ** 20, supported: true, cached: false },
    ...patch,
  };
}

export function listener(patch: Partial<PortListener> = {}): PortListener {
  return { protocol: "tcp", port: 8080, address: "0.0.0.0", via: "network", process: "python3", ...patch };
}

export function repository(patch: Partial<BackupRepository> = {}): BackupRepository {
  return {
    ...{ name: "main", place: "/srv/backups", id: "0".repeat(64), createdAt: "2026-11-20T10:00:00.000Z" },
    ...patch,
  };
}

export function backup(patch: Partial<Backup> = {}): Backup {
  return {
    ...{ id: randomUUID().replaceAll("-", ""), repository: "main", at: "2026-11-23T10:00:00.000Z" },
    ...{ instance: { id: randomUUID(), kind: "vm", name: "primary" }, consistency: "frozen" },
    isProtected: false,
    ...{ sizeBytes: 5 * 2 ** 30, addedBytes: 2 ** 20 },
    ...patch,
  };
}

export function plan(patch: Partial<BackupPlan> = {}): BackupPlan {
  return {
    ...{ instance: "primary", repository: "main", nextAt: "2026-11-24T02:30:00.000Z" },
    ...{ schedule: { every: "day", at: "02:30" }, retention: { daily: 7 } },
    ...patch,
  };
}

export function extraDisk(patch: Partial<Disk> = {}): Disk {
  return { id: crypto.randomUUID(), name: "data", sizeBytes: 2 ** 30, ...patch };
}
