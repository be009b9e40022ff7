/** What a backup says of a container: no secrets go in, and nothing that concerns a host comes out by itself. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EngineError } from "../../../../src/base/errors.ts";
import {
  type ContainerDefinition,
  containerDefinitionOf,
  leftOutOf,
  namedVolumes,
  restoredVolumes,
} from "../../../../src/engine/backup/container-definition.ts";
import {
  formatDefinition,
  parseAnyDefinition,
  parseDefinition,
} from "../../../../src/engine/backup/definition.ts";
import { specOf } from "../../../../src/engine/backup/restore-work.ts";
import { Descriptor } from "../../../../src/engine/store/record.ts";

const ID = "36a98c95-eead-4d86-8510-de96f72b20ab";
const OTHER = "0b2f7a9e-3c1d-4e5f-8a6b-7c8d9e0f1a2b";
const ANONYMOUS = "a".repeat(64);

const descriptor = Descriptor.parse({
  ...{ id: ID, name: "db", revision: 3, kind: "container", driver: "oci", arch: "x86_64" },
  ...{ cpus: 0, memoryBytes: 2 ** 28, diskBytes: 0, address: "", mac: "52:54:00:77:00:01", booted: true },
  image: { reference: "docker.io/library/postgres:17", os: "", release: "", version: "" },
  container: {
    ...{
      runtime: "docker",
      shape: "application",
      env: { POSTGRES_PASSWORD: "canary-4711", PGDATA: "/var/lib/rows" },
      command: ["postgres"],
    },
    ...{
      privileged: true,
      capAdd: ["SYS_ADMIN"],
      networks: ["team"],
      restart: "always",
      adopted: "f".repeat(64),
    },
    volumes: [{ name: "rows", target: "/var/lib/rows", readOnly: true }],
    image: { reference: "docker.io/library/postgres:17", id: `sha256:${"1".repeat(64)}` },
  },
  ...{ labels: { team: "blue" }, network: "isolated", createdAt: "2026-11-30T12:00:00.000Z" },
});
const volumes = [
  { name: "rows", target: "/var/lib/rows", isAnonymous: false },
  { name: ANONYMOUS, target: "/tmp/own", isAnonymous: true },
];
const definition = containerDefinitionOf(descriptor, { volumes, image: { Env: ["PGDATA=/var/lib/rows"] } });
const parsed = (more: object) =>
  parseAnyDefinition(Buffer.from(JSON.stringify({ ...definition, ...more })), "1a2b");

describe("a definition of a container", () => {
  test("comes back as it was, and has neither secrets nor what is this host's own", () => {
    const bytes = formatDefinition(definition);
    expect(parseAnyDefinition(bytes, "1a2b")).toEqual(definition);
    const text = Buffer.from(bytes).toString();
    for (const secret of ["canary-4711", "52:54:00", "f".repeat(64)]) expect(text).not.toContain(secret);
    expect(() => parseDefinition(bytes, "1a2b")).toThrow("it is one of a container, and has no disks");
    expect(definition).toMatchObject({ env: ["POSTGRES_PASSWORD"], labels: { team: "blue" } });
  });

  test.each<[string, object]>([
    ["a volume whose name leads elsewhere", { volumes: [{ ...volumes[0], name: "../../etc" }] }],
    ["a volume that is called as none may be", { volumes: [{ ...volumes[0], name: ".." }] }],
    ["a volume in the place of all", { volumes: [{ ...volumes[0], target: "/" }] }],
    ["a volume whose place leads elsewhere", { volumes: [{ ...volumes[0], target: "/a/../../b" }] }],
    ["a variable that is none", { env: ["A=B"] }],
    ["an image without an id", { container: { ...definition.container, image: { reference: "x" } } }],
    ["a container that is none", { container: null }],
    ["a name that leads elsewhere", { name: "../x" }],
    ["more volumes than can be", { volumes: Array.from({ length: 1001 }, () => volumes[0]) }],
  ])("with %s is refused", (_what, more) => {
    expect(() => parsed(more)).toThrow("damaged");
  });

  test("of anything at all is read or refused, and nothing else", () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(definition)), fc.jsonValue(), (key, value) => {
        try {
          expect(parsed({ [key]: value }).version).toBe(1);
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError);
        }
      }),
    );
  });

  test("asks for what a launch would, but for what concerns the host", () => {
    const spec = specOf(definition, "again", { POSTGRES_PASSWORD: "new" });
    expect(spec).toEqual({
      ...{ name: "again", arch: "x86_64", network: "isolated", labels: { team: "blue" } },
      ...{ image: "docker.io/library/postgres:17", memoryBytes: 2 ** 28 },
      container: {
        ...{ shape: "application", command: ["postgres"], restart: "always" },
        env: { POSTGRES_PASSWORD: "new" },
      },
    });
    expect(leftOutOf(definition, { POSTGRES_PASSWORD: "new" })).toEqual([
      "What concerns this host is not taken over: its privileges; the capabilities SYS_ADMIN; the networks team.",
    ]);
    expect(leftOutOf(definition, undefined)).toHaveLength(2);
  });
});

test("volumes of another instance are others, always the same, and as they were to be written to", () => {
  const restored = restoredVolumes(definition, OTHER);
  expect(restored).toEqual(restoredVolumes(definition, OTHER));
  expect(restored).toMatchObject([
    { name: "rows-0b2f7a9e", target: "/var/lib/rows", path: "/volumes/rows" },
    { name: expect.stringMatching(/^[0-9a-f]{64}$/), target: "/tmp/own", path: `/volumes/${ANONYMOUS}` },
  ]);
  expect(restored[1]?.name).not.toBe(ANONYMOUS);
  expect(namedVolumes(definition, restored)).toEqual([
    { name: "rows-0b2f7a9e", target: "/var/lib/rows", readOnly: true },
  ]);
  const long: ContainerDefinition = {
    ...definition,
    volumes: [{ name: "v".repeat(128), target: "/v", isAnonymous: false }],
  };
  expect(restoredVolumes(long, OTHER)[0]?.name).toHaveLength(128);
});
