/** From the words of a command line to a container that is asked for. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { ContainerSpec } from "../../../src/api/container.ts";
import { containerLaunch, containerNetworks } from "../../../src/cli/container-options.ts";
import { momentOf } from "../../../src/cli/logs.ts";
import {
  containerReference,
  parseCapability,
  parseEnv,
  parseTmpfs,
  parseVolume,
} from "../../../src/client/container-text.ts";

const here = { TOKEN: "secret" };

test.each([
  ["docker:nginx", { image: "nginx", runtime: "docker" }],
  ["podman:quay.io/x/y:1", { image: "quay.io/x/y:1", runtime: "podman" }],
  ["docker://nginx@sha256:00", { image: "nginx@sha256:00", runtime: "docker" }],
  ["oci:alpine:3.20", { image: "alpine:3.20" }],
  ["release:24.04", undefined],
  ["docker.io/library/nginx", undefined],
  ["file:///docker:x", undefined],
])("%s names %j", (text, reference) => expect(containerReference(text)).toEqual(reference));

test("a container is asked for by an option or by a prefix, with all that it is made of", () => {
  expect(containerLaunch("24.04", {}, [], here)).toBeUndefined();
  expect(containerLaunch("default", { container: true }, [], here)).toEqual({ container: {} });
  expect(containerLaunch("docker:nginx", {}, [], here)).toEqual({
    image: "nginx",
    container: { runtime: "docker" },
  });
  const wanted = containerLaunch(
    "alpine",
    {
      ...{
        container: true,
        shape: "machine",
        env: ["A=b=c", "TOKEN"],
        entrypoint: "/bin/x",
        user: "1000:1000",
      },
      ...{ workdir: "/srv", restart: "always", volume: ["data:/data:ro"], tmpfs: ["/run:64M"], pidsLimit: 9 },
      ...{ readOnly: true, capAdd: ["cap_net_admin"], capDrop: ["all"], privileged: true },
      ...{ interactive: true, tty: true },
      ...{ healthCmd: "test -e /well", healthInterval: 5000, healthRetries: 2 },
    },
    ["sleep", "9"],
    here,
  );
  expect(wanted).toEqual({
    image: "alpine",
    container: {
      ...{ shape: "machine", env: { A: "b=c", TOKEN: "secret" }, entrypoint: ["/bin/x"], user: "1000:1000" },
      ...{ workdir: "/srv", restart: "always", volumes: [{ name: "data", target: "/data", readOnly: true }] },
      ...{ tmpfs: [{ target: "/run", sizeBytes: 64 * 2 ** 20 }], pidsLimit: 9, readOnlyRoot: true },
      ...{ capAdd: ["NET_ADMIN"], capDrop: ["ALL"], privileged: true, command: ["sleep", "9"] },
      ...{ interactive: true, tty: true },
      health: { command: ["/bin/sh", "-c", "test -e /well"], intervalMs: 5000, retries: 2 },
    },
  });
  expect(ContainerSpec.parse(wanted?.container)).toEqual(wanted?.container);
});

test("what only a container has is refused without one, by its name", () => {
  expect(() => containerLaunch("24.04", { env: ["A=b"] }, [], here)).toThrow("--env is for containers alone");
  expect(() => containerLaunch("24.04", { readOnly: true }, [], here)).toThrow(
    "--read-only is for containers",
  );
  expect(() => containerLaunch("24.04", {}, ["ls"], here)).toThrow("a command is for containers alone");
});

test("networks of a container are its runtime's", () => {
  expect(containerNetworks({}, { network: ["isolated"] })).toEqual({ network: "isolated", container: {} });
  expect(containerNetworks({}, { network: ["front", "back"] })).toEqual({
    container: { networks: ["front", "back"] },
  });
  expect(() => containerNetworks({}, { bridged: true })).toThrow("no NICs on networks of this host");
});

test.each([
  () => parseEnv(["NOTHING"], here),
  () => parseEnv(["1A=b"], here),
  () => parseEnv(["=b"], here),
  () => parseVolume("/host/dir:/data"),
  () => parseVolume("data"),
  () => parseVolume("data:relative"),
  () => parseVolume("data:/x:exec"),
  () => parseTmpfs("run"),
  () => parseTmpfs("/run:much"),
  () => containerReference("docker:"),
])("what cannot be read is an invalid argument (%#)", (parse) =>
  expect(parse).toThrow(expect.objectContaining({ code: "invalid-argument" })),
);

test("a value may hold whatever a value may, and a capability has one name", () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      expect(parseEnv([`A=${value}`], {})).toEqual({ A: value });
    }),
  );
  expect(parseCapability("CAP_SYS_PTRACE")).toBe(parseCapability("sys_ptrace"));
});

test("a moment is so long ago, or a date", () => {
  expect(momentOf("10m", 1_000_000)).toBe(400_000);
  expect(momentOf("2026-11-30T00:00:00Z", 0)).toBe(Date.UTC(2026, 10, 30));
  for (const wrong of ["soon", "", "-5"]) expect(() => momentOf(wrong, 0)).toThrow("not a valid time");
});

test("how often is of no use without what", () => {
  expect(() => containerLaunch("docker:nginx", { healthRetries: 3 }, [], here)).toThrow(/nothing to be run/);
  expect(() => containerLaunch("24.04", { healthCmd: "true" }, [], here)).toThrow(
    /--health-cmd is for containers/,
  );
});
