/** `berth.yaml`: what it may say, what is wrong with it and where, and what has to be done. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Instance } from "../../../src/api/instance.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { parseProject } from "../../../src/client/project/parse.ts";
import {
  changesOf,
  difference,
  digestOf,
  isKeptFirst,
  portOf,
  selected,
  stepsOf,
} from "../../../src/client/project/plan.ts";

const read = (text: string) => parseProject(text, "berth.yaml");

test("a whole file is read", () => {
  const project = read(
    `
instances:
  db:
    image: "24.04"
    cpus: 2
    memory: 2G
    disk: 20GiB
    user-data: |
      #cloud-config
      packages: [postgresql]
    ports: ["5432:5432"]
    provision:
      - echo hello
      - run: [systemctl, restart, postgresql]
        always: true
  web:
    depends-on: [db]
    snapshot: clean
    ports: [80, "0.0.0.0:8443:443/tcp"]
`.replace("[80,", '["80",'),
  );
  expect(Object.keys(project.instances)).toEqual(["db", "web"]);
  expect(stepsOf(project.instances["db"] ?? {})).toMatchObject([
    { argv: ["sh", "-ec", "echo hello"], always: false },
    { argv: ["systemctl", "restart", "postgresql"], always: true },
  ]);
});

test.each([
  ["instances:\n  web:\n    cpu: 2\n", /line 3, column 5: instances\.web: .*cpu/],
  ["instances:\n  web:\n    memory: 1CiG\n", /line 3, column 5: instances\.web\.memory: not a valid size/],
  ["instances:\n  web:\n    cpus: 0\n", /line 3, column 5: instances\.web\.cpus/],
  ["instances:\n  -web: {}\n", /line 2, column 3: instances\.-web/],
  ["instances: [web\n", /line \d, column \d+/],
  ["instance: {}\n", /line 1, column 1/],
  ["", /instances/],
  ["- a\n", /line 1, column 1/],
  ["instances:\n  web: {depends-on: [db]}\n", /line 2, column 9: .*there is no instance db/],
  [
    "instances:\n  a: {depends-on: [b]}\n  b: {depends-on: [a]}\n",
    /line 2, column 7: they wait for each other: a → b → a/,
  ],
  ["instances:\n  a: {cloud-init: x, user-data: y}\n", /line 2, column 22: .*both given/],
  ["instances:\n  a: {ports: [99]}\n", /line 2/],
  [
    "instances:\n  a:\n    networks: [br0, 'mode=auto']\n",
    /line 3, column 21: .*need at least a 'name' field/,
  ],
  ["instances:\n  a:\n    ports: ['80', '8080:65536']\n", /line 3, column \d+: .*ports\.1.*from 1 to 65535/],
  ["instances:\n  a: {ports: ['0:80']}\n", /line 2, column 15: .*from 1 to 65535/],
  ["instances:\n  a: {provision: [{run: []}]}\n", /line 2, column/],
  ["instances:\n  a: {snapshot: ../x}\n", /line 2, column 7: instances\.a\.snapshot/],
])("%j is refused, with the place", (text, words) => expect(() => read(text)).toThrow(words));

test("no text makes it throw anything but a clear error", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (text) => {
      try {
        read(text);
      } catch (error) {
        expect(error).toBeInstanceOf(EngineError);
        expect(error).toMatchObject({ code: "invalid-argument" });
      }
    }),
  );
});

const running = {
  ...{ name: "web", state: "running", cpus: 1, memoryBytes: 2 ** 30, diskBytes: 5 * 2 ** 30 },
  zone: { name: "zone1", available: true },
  networks: [] as Instance["networks"],
  ports: [{ protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 }],
  disks: [],
} as unknown as Instance;
const stopped = { ...running, state: "stopped" } as Instance;

test("what is not there is launched, its ports are opened", () => {
  expect(changesOf("web", { ports: ["8080:80"] }, undefined, [])).toEqual([
    { do: "launch" },
    { do: "add-port", port: { hostPort: 8080, guestPort: 80 } },
  ]);
});

test("what is as it should be is only started, which changes nothing where it runs", () => {
  const wanted = { cpus: 1, memory: "1G", disk: "5G", ports: ["8080:80"] };
  expect(changesOf("web", wanted, running, [])).toEqual([{ do: "start" }]);
  expect(changesOf("web", { disk: "1G", ports: ["80"] }, stopped, [])).toEqual([{ do: "start" }]);
});

test("disks that are missing are added, small ones enlarged; one that was removed is told of", () => {
  const disk = (name: string, sizeBytes: number, removedAt?: string) => ({
    id: name,
    name,
    sizeBytes,
    removedAt,
  });
  const disks = [disk("data", 2 ** 30), disk("big", 2 ** 40), disk("gone", 2 ** 30, "2026-01-01T00:00:00Z")];
  const wanted = { disks: { data: "2G", big: "2G", gone: "1G", more: "1G" } };
  const asked = [
    { do: "resize-disk", name: "data", sizeBytes: 2 ** 31 },
    { do: "tell", text: expect.stringContaining("berth disk recover web gone") },
    { do: "add-disk", name: "more", sizeBytes: 2 ** 30 },
  ];
  expect(changesOf("web", wanted, { ...running, disks } as Instance, [])).toEqual([
    { do: "start" },
    ...asked,
  ]);
  expect(changesOf("web", wanted, { ...stopped, disks } as Instance, [])).toEqual([
    ...asked,
    { do: "start" },
  ]);
  expect(() => read("instances: {a: {disks: {Data: 1G}}}")).toThrow(/instances.a.disks.Data/);
  expect(() => read("instances: {a: {disks: {data: 1X}}}")).toThrow(/not a valid size/);
});

test("what a machine is that rests is kept first where its file says another of it, and no change keeps it", () => {
  const wanted = { cpus: 2, provision: ["echo more"] };
  const rests = { ...stopped, kind: "vm" } as Instance;
  const start = [{ do: "start" as const }];
  expect(isKeptFirst(wanted, rests, start)).toBe(true);
  expect(isKeptFirst(wanted, { ...rests, broughtUpAs: digestOf(wanted) }, start)).toBe(false);
  expect(isKeptFirst(wanted, { ...rests, broughtUpAs: digestOf({ cpus: 2 }) }, start)).toBe(true);
  expect(isKeptFirst(wanted, { ...rests, state: "running" }, start)).toBe(false);
  expect(isKeptFirst(wanted, { ...rests, kind: "container" }, start)).toBe(false);
  expect(isKeptFirst(wanted, undefined, [{ do: "launch" }])).toBe(false);
  expect(isKeptFirst(wanted, rests, [{ do: "restore", snapshot: "clean" }])).toBe(false);
  expect(isKeptFirst(wanted, rests, [{ do: "change-sizes", sizes: { diskBytes: 1 } }])).toBe(false);
  expect(isKeptFirst(wanted, rests, [{ do: "change-sizes", sizes: { cpus: 2 } }])).toBe(true);
});

test("a stopped one is changed and restored first, a running one is told of", () => {
  const wanted = { cpus: 2, memory: "2G", snapshot: "clean" };
  expect(changesOf("web", wanted, stopped, ["clean"])).toEqual([
    { do: "restore", snapshot: "clean" },
    { do: "change-sizes", sizes: { cpus: 2, memoryBytes: 2 ** 31 } },
    { do: "start" },
  ]);
  expect(changesOf("web", wanted, stopped, [])[0]).toMatchObject({ do: "change-sizes" });
  expect(changesOf("web", wanted, running, ["clean"]).map((one) => one.do)).toEqual(["tell", "start"]);
});

test("an instance stays in its zone", () => {
  expect(changesOf("web", { zone: "zone1" }, stopped, [])).toEqual([{ do: "start" }]);
  const text = "web is in zone1, and stays there; its file says zone2";
  for (const now of [stopped, running]) {
    expect(changesOf("web", { zone: "zone2" }, now, [])).toEqual([{ do: "tell", text }, { do: "start" }]);
  }
});

test("an instance is encrypted for its whole life, or never", () => {
  expect(read("instances: {web: {encrypted: true}}").instances["web"]).toEqual({ encrypted: true });
  const has = { ...stopped, encrypted: true };
  expect(changesOf("web", { encrypted: true }, has, [])).toEqual([{ do: "start" }]);
  expect(changesOf("web", {}, has, [])).toEqual([{ do: "start" }]);
  expect(changesOf("web", { encrypted: true }, { ...has, encrypted: false }, [])).toEqual([
    {
      do: "tell",
      text: "web was launched in plain text, and stays so; its file says encrypted: true",
    },
    { do: "start" },
  ]);
});

test("a display is there from the launch on, or never", () => {
  expect(read("instances: {web: {display: true}}").instances["web"]).toEqual({ display: true });
  expect(() => read("instances: {web: {display: vnc}}")).toThrow(/instances.web.display/);
  const has = { ...stopped, display: true };
  expect(changesOf("web", { display: true }, has, [])).toEqual([{ do: "start" }]);
  expect(changesOf("web", { display: true }, { ...has, display: false }, [])).toEqual([
    { do: "tell", text: "web was launched without a display, and stays so; its file says display: true" },
    { do: "start" },
  ]);
});

test("NICs that are missing are added to a stopped instance", () => {
  const nic = (network: string) => ({ network, mode: "auto" as const, mac: "52:54:00:00:00:01" });
  const networks = [{ network: "br0" }, { network: "br0", mode: "manual" as const }, { network: "br1" }];
  const has = { ...stopped, networks: [nic("br0"), nic("br2")] };
  expect(changesOf("web", {}, has, [], { networks })).toEqual([
    { do: "add-network", nic: { network: "br0", mode: "manual" } },
    { do: "add-network", nic: { network: "br1" } },
    { do: "start" },
  ]);
  const changes = changesOf("web", { cpus: 2 }, { ...has, state: "running" }, [], { networks });
  expect(changes[0]).toMatchObject({
    text: expect.stringContaining("web has other sizes and networks than"),
  });
  expect(changes.map((one) => one.do)).toEqual(["tell", "start"]);
});

test("a disk is never shrunk", () => {
  expect(difference({ diskBytes: 2 ** 30 }, running)).toBeUndefined();
  expect(difference({ diskBytes: 6 * 2 ** 30 }, running)).toEqual({ diskBytes: 6 * 2 ** 30 });
});

test("an instance is chosen with what it depends on, each after that", () => {
  const project = read(
    "instances:\n  web: {depends-on: [api]}\n  api: {depends-on: [db]}\n  db: {}\n  other: {}\n",
  );
  expect(selected(project, ["web"])).toEqual(["db", "api", "web"]);
  expect(selected(project, [])).toEqual(["db", "api", "web", "other"]);
});

test("a port may be written in every way that the command takes", () => {
  expect(portOf("0.0.0.0:53:5353/udp")).toEqual({
    hostAddress: "0.0.0.0",
    hostPort: 53,
    guestPort: 5353,
    protocol: "udp",
  });
  expect(portOf("80")).toEqual({ guestPort: 80 });
});

test("mounts that are missing are added; those with the same target are left alone", () => {
  const running = { ...stopped, state: "running" as const };
  const mounted = { source: "/p/site", target: "srv/site", type: "classic" as const, uids: [], gids: [] };
  const wanted = [{ source: "/p/site", target: "~/srv/site/" }, { source: "/p/data" }];
  const add = (mount: object) => ({ do: "add-mount", mount });
  expect(changesOf("web", {}, { ...running, mounts: [mounted] }, [], { mounts: wanted })).toEqual([
    { do: "start" },
    add({ source: "/p/data" }),
  ]);
  expect(changesOf("web", {}, undefined, [], { mounts: wanted })).toEqual([{ do: "launch" }]);
});
