import { describe, expect, test } from "vitest";
import type { ContainerSpec } from "../../../../../src/api/container.ts";
import type { PortForward } from "../../../../../src/api/port.ts";
import type { DriverInstance } from "../../../../../src/engine/drivers/driver.ts";
import {
  containerOf,
  createBody,
  furtherNetworks,
  KEEP_ALIVE,
  nameOf,
  specHash,
} from "../../../../../src/engine/drivers/oci/create-body.ts";
import { subnetAround } from "../../../../../src/engine/networks/addresses.ts";

const ID = "0f8fad5b-d9cb-469f-a165-70867728950e";
const key = { privateKey: "", publicKey: "" };

function instance(container: ContainerSpec = {}, more: Partial<DriverInstance> = {}) {
  return containerOf({
    ...{ id: ID, name: "web", arch: "x86_64", cpus: 2, memoryBytes: 2 ** 29, diskBytes: 0 },
    ...{
      address: "10.77.0.9",
      mac: "52:54:00:00:00:01",
      subnet: subnetAround("10.77.0.1"),
      networks: [],
      network: "default",
    },
    ...{ directory: "/d", runDirectory: "/r", image: undefined, shares: [], disks: [] },
    ...{ guest: "linux", firmware: "bios", tpm: false, display: false },
    login: { user: "root", client: key, host: key },
    container: { ...container, image: { reference: "nginx", id: "sha256:1" } },
    ...more,
  });
}

const image = { id: "sha256:1", entrypoint: ["/start.sh"], command: ["nginx"] };
const bodyOf = (
  container: ContainerSpec = {},
  more: Partial<DriverInstance> = {},
  config: Partial<typeof image> = {},
) => createBody(instance(container, more), "engine", { ...image, ...config });

describe("what a runtime is asked to make", () => {
  test("is the image's own program with the instance's limits, in a place of its own", () => {
    expect(bodyOf()).toEqual({
      Image: "sha256:1",
      Hostname: "web",
      Labels: {
        "berth.instance": ID,
        "berth.engine": "engine",
        "berth.network": "default",
        "berth.spec": expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      Env: [],
      Tty: false,
      OpenStdin: false,
      StopTimeout: 10,
      ExposedPorts: {},
      HostConfig: {
        ...{ CpuPeriod: 100_000, CpuQuota: 200_000, Memory: 2 ** 29, MemorySwap: 2 ** 29 },
        ...{ Privileged: false, ReadonlyRootfs: false, CapAdd: [], CapDrop: [] },
        SecurityOpt: ["no-new-privileges"],
        RestartPolicy: { Name: "no" },
        ...{ PortBindings: {}, Mounts: [], Tmpfs: {} },
        LogConfig: { Type: "json-file", Config: {} },
      },
    });
    expect(nameOf(instance())).toBe("berth-web-0f8fad5b");
  });

  test("has its input open, and a terminal, where that is asked; another container is due then", () => {
    expect(bodyOf({ interactive: true, tty: true })).toMatchObject({ OpenStdin: true, Tty: true });
    expect(specHash(instance({ interactive: false }), "engine", image)).toBe(
      specHash(instance(), "engine", image),
    );
    expect(specHash(instance({ tty: true }), "engine", image)).not.toBe(
      specHash(instance(), "engine", image),
    );
  });

  test("has no limits where none are asked for", () => {
    const { HostConfig } = bodyOf({}, { cpus: 0, memoryBytes: 0 });
    expect(Object.keys(HostConfig)).not.toContain("Memory");
    expect(Object.keys(HostConfig)).not.toContain("CpuQuota");
  });

  test.each<[string, ContainerSpec, Record<string, unknown>]>([
    ["a command", { command: ["ls", "-l"] }, { Cmd: ["ls", "-l"] }],
    ["an entry point", { entrypoint: ["sh"] }, { Entrypoint: ["sh"] }],
    ["variables, always in one order", { env: { B: "2", A: "x=y z" } }, { Env: ["A=x=y z", "B=2"] }],
    ["a user", { user: "1000:1000" }, { User: "1000:1000" }],
    ["a directory", { workdir: "/srv" }, { WorkingDir: "/srv" }],
    [
      "a health check",
      { health: { command: ["true"], intervalMs: 2000, retries: 4 } },
      { Healthcheck: { Test: ["CMD", "true"], Interval: 2e9, Timeout: 0, Retries: 4, StartPeriod: 0 } },
    ],
  ])("takes %s", (_name, spec, part) => {
    expect(bodyOf(spec)).toMatchObject(part);
  });

  test.each<[string, ContainerSpec, Record<string, unknown>]>([
    ["a policy", { restart: "on-failure" }, { RestartPolicy: { Name: "on-failure" } }],
    ["a limit of processes", { pidsLimit: 64 }, { PidsLimit: 64 }],
    [
      "volumes",
      { volumes: [{ name: "data", target: "/var//lib/", readOnly: true }] },
      { Mounts: [{ Type: "volume", Source: "data", Target: "/var/lib/", ReadOnly: true }] },
    ],
    [
      "memory as directories",
      { tmpfs: [{ target: "/tmp" }, { target: "/run", sizeBytes: 4096 }] },
      { Tmpfs: { "/tmp": "rw,nosuid,nodev", "/run": "rw,nosuid,nodev,size=4096" } },
    ],
    ["a root that stays as it is", { readOnlyRoot: true }, { ReadonlyRootfs: true }],
    [
      "capabilities",
      { capAdd: ["NET_ADMIN"], capDrop: ["ALL"] },
      { CapAdd: ["NET_ADMIN"], CapDrop: ["ALL"] },
    ],
    ["privileges, and then sudo too", { privileged: true }, { Privileged: true, SecurityOpt: [] }],
    ["new privileges", { noNewPrivileges: false }, { SecurityOpt: [] }],
    ["networks, the first at once", { networks: ["front", "back"] }, { NetworkMode: "front" }],
  ])("gives it %s", (_name, spec, part) => {
    expect(bodyOf(spec).HostConfig).toMatchObject(part);
  });

  test("publishes ports where they are asked for, but not those that go through SSH", () => {
    const port = (hostPort: number, more: Partial<PortForward> = {}): PortForward => ({
      ...{ protocol: "tcp", hostAddress: "127.0.0.1", hostPort, guestPort: 80 },
      ...more,
    });
    const ports = [
      port(8080),
      port(8081),
      port(53, { protocol: "udp", guestPort: 53 }),
      port(99, { via: "ssh" }),
    ];
    expect(bodyOf({}, { ports })).toMatchObject({
      ExposedPorts: { "80/tcp": {}, "53/udp": {} },
      HostConfig: {
        PortBindings: {
          "80/tcp": [
            { HostIp: "127.0.0.1", HostPort: "8080" },
            { HostIp: "127.0.0.1", HostPort: "8081" },
          ],
          "53/udp": [{ HostIp: "127.0.0.1", HostPort: "53" }],
        },
      },
    });
  });

  test("shows directories of this host, a relative place in the user's home", () => {
    const shares = [
      { source: "/src", target: "/code" },
      { source: "/home/me", target: "me" },
    ];
    const targets = (user?: string) =>
      (
        bodyOf(user === undefined ? {} : { user }, { shares }).HostConfig["Mounts"] as { Target: string }[]
      ).map(({ Target }) => Target);
    expect(targets()).toEqual(["/code", "/root/me"]);
    expect(targets("sailor:crew")).toEqual(["/code", "/home/sailor/me"]);
  });

  test("an isolated one is in no network and publishes nothing", () => {
    const ports = [{ protocol: "tcp" as const, hostAddress: "127.0.0.1", hostPort: 1, guestPort: 1 }];
    const isolated = { network: "isolated" as const, ports };
    expect(bodyOf({ networks: ["a", "b"] }, isolated)).toMatchObject({
      ExposedPorts: {},
      HostConfig: { NetworkMode: "none", PortBindings: {} },
    });
    expect(furtherNetworks(instance({ networks: ["a", "b"] }, isolated))).toEqual([]);
    expect(furtherNetworks(instance({ networks: ["a", "b"] }))).toEqual(["b"]);
  });

  test.each<[string, ContainerSpec, { command: string[] }, unknown]>([
    ["stays where its image has but a shell", {}, { command: ["bash"] }, KEEP_ALIVE],
    ["stays where its image has nothing", {}, { command: [] }, KEEP_ALIVE],
    ["runs its image's init", {}, { command: ["/sbin/init"] }, undefined],
    ["runs what it is told", { command: ["/bin/own-init"] }, { command: ["bash"] }, undefined],
  ])("a machine %s", (_name, spec, config, entrypoint) => {
    const body = bodyOf({ shape: "machine", ...spec }, {}, { entrypoint: [], ...config });
    expect(body["Entrypoint"]).toEqual(entrypoint);
    expect(body).toMatchObject({ StopTimeout: 120, HostConfig: { SecurityOpt: [] } });
  });
});

describe("whether another container is due", () => {
  const hashOf = (spec: ContainerSpec, more: Partial<DriverInstance> = {}, config = image) =>
    specHash(instance(spec, more), "engine", config);

  test("a machine without an init hashes alike before and after it was kept as an image", () => {
    const before = hashOf({ shape: "machine" }, {}, { ...image, entrypoint: [], command: ["bash"] });
    expect(hashOf({ shape: "machine" }, {}, { ...image, entrypoint: [...KEEP_ALIVE], command: [] })).toBe(
      before,
    );
  });

  test("it is when a limit, a port or the name changes, and not when the order of variables does", () => {
    const before = hashOf({ env: { A: "1", B: "2" } });
    expect(hashOf({ env: { B: "2", A: "1" } })).toBe(before);
    expect(hashOf({ env: { A: "1", B: "3" } })).not.toBe(before);
    expect(hashOf({ env: { A: "1", B: "2" } }, { cpus: 1 })).not.toBe(before);
    expect(hashOf({ env: { A: "1", B: "2" } }, { name: "other" })).not.toBe(before);
  });

  test("volumes that nobody named come along, and do not make another one due", () => {
    const kept = [
      { name: "a".repeat(64), target: "/data" },
      { name: "b".repeat(64), target: "/named" },
    ];
    const spec = { volumes: [{ name: "named", target: "/named" }] };
    const body = createBody(instance(spec), "engine", image, kept);
    expect(body["HostConfig"]).toMatchObject({
      Mounts: [
        { Source: "named", Target: "/named" },
        { Source: "a".repeat(64), Target: "/data" },
      ],
    });
    expect(body.Labels["berth.spec"]).toBe(hashOf(spec));
  });
});
