import fc from "fast-check";
import { expect, test } from "vitest";
import { ContainerSpec } from "../../../../../src/api/container.ts";
import { PortForward } from "../../../../../src/api/port.ts";
import { adoptionOf, type MadeElsewhere } from "../../../../../src/engine/drivers/oci/adoption.ts";
import { nameFrom } from "../../../../../src/engine/instances/adopt.ts";

const IMAGE = {
  ...{ id: "sha256:1", references: ["postgres:16"], digests: [], os: "linux", arch: "arm64", sizeBytes: 1 },
  ...{ entrypoint: [], command: [], exposedPorts: [], labels: {} },
};
const made = (config: MadeElsewhere["Config"], host: MadeElsewhere["HostConfig"] = {}): MadeElsewhere => ({
  ...{ Image: "sha256:1", Mounts: [], Config: config, HostConfig: host },
});

test("what an instance can say of it is taken over", () => {
  const found: MadeElsewhere = {
    ...made(
      {
        ...{ Image: "postgres:16", Entrypoint: ["entry"], Cmd: ["postgres", "-v"], Env: ["A=b=c", "=odd"] },
        ...{ User: "postgres", WorkingDir: "/data", OpenStdin: true, Tty: true },
        Healthcheck: { Test: ["CMD-SHELL", "pg_isready"], Interval: 5e9, Retries: 4 },
      },
      {
        ...{ NanoCpus: 1.5e9, Memory: 2 ** 28, PidsLimit: 64, NetworkMode: "backend" },
        ...{ RestartPolicy: { Name: "always" }, Tmpfs: { "/run": "" }, CapAdd: ["CAP_NET_ADMIN"] },
        PortBindings: {
          "5432/tcp": [
            { HostIp: "127.0.0.1", HostPort: "15432" },
            { HostIp: "::", HostPort: "15432" },
          ],
          "9999/tcp": [{ HostPort: "" }],
          "53/udp": [{ HostPort: "5353" }],
          "1/sctp": [{ HostPort: "1" }],
        },
      },
    ),
    Mounts: [
      { Type: "volume", Name: "data", Destination: "/data", RW: false },
      { Type: "volume", Name: "f".repeat(64), Destination: "/anonymous" },
      { Type: "bind", Destination: "/bound" },
    ],
  };
  expect(adoptionOf(found, IMAGE)).toEqual({
    ...{ arch: "aarch64", cpus: 2, memoryBytes: 2 ** 28, isolated: false },
    ports: [
      { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 15_432, guestPort: 5432 },
      { protocol: "udp", hostAddress: "0.0.0.0", hostPort: 5353, guestPort: 53 },
    ],
    spec: {
      ...{ image: { reference: "postgres:16", id: "sha256:1" }, shape: "application" },
      ...{ entrypoint: ["entry"], command: ["postgres", "-v"], env: { A: "b=c" }, user: "postgres" },
      ...{ interactive: true, tty: true },
      ...{ workdir: "/data", restart: "always", pidsLimit: 64, networks: ["backend"] },
      ...{ volumes: [{ name: "data", target: "/data", readOnly: true }], tmpfs: [{ target: "/run" }] },
      capAdd: ["NET_ADMIN"],
      health: { command: ["/bin/sh", "-c", "pg_isready"], intervalMs: 5000, retries: 4 },
    },
  });
});

test("what cannot be said hides nothing else, and nothing is isolated but what reaches nothing", () => {
  const odd = made({ User: "a b", WorkingDir: "relative", Cmd: ["sh"] }, { NetworkMode: "none" });
  const { spec, isolated } = adoptionOf(odd, IMAGE);
  expect(spec).toEqual({
    ...{ image: { reference: "postgres:16", id: "sha256:1" }, command: ["sh"], shape: "machine", env: {} },
  });
  expect(isolated).toBe(true);
});

test("whatever a runtime tells, what is made of it is a spec", () => {
  const text = fc.oneof(fc.string(), fc.constantFrom("CMD", "NONE", "always", "53/udp", "1/tcp", "CAP_X"));
  const config = fc.record(
    {
      ...{
        Entrypoint: fc.oneof(text, fc.array(text), fc.constant(null)),
        Cmd: fc.array(text),
        Env: fc.array(text),
      },
      ...{ User: text, WorkingDir: text },
      Healthcheck: fc.record({ Test: fc.array(text), Interval: fc.integer(), Retries: fc.integer() }),
    },
    { requiredKeys: [] },
  );
  const host = fc.record(
    {
      ...{ PidsLimit: fc.integer(), NetworkMode: text, RestartPolicy: fc.record({ Name: text }) },
      ...{ CapAdd: fc.array(text), Tmpfs: fc.dictionary(text, text) },
      PortBindings: fc.dictionary(text, fc.array(fc.record({ HostIp: text, HostPort: text }))),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(config, host, (one, other) => {
      const { spec, ports } = adoptionOf(made(one, other), IMAGE);
      const { image: _, ...rest } = spec;
      expect(ContainerSpec.safeParse(rest).success).toBe(true);
      for (const port of ports) expect(PortForward.safeParse(port).success).toBe(true);
    }),
  );
});

test.each([
  ["web", "web"],
  ["my_app-web.1", "my-app-web-1"],
  ["_2fast", "fast"],
  ["123", ""],
  [`${"a".repeat(62)}_b`, "a".repeat(62)],
])("a container called %s becomes %s", (name, expected) => {
  expect(nameFrom(name)).toBe(expected);
});
