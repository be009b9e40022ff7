import { describe, expect, test } from "vitest";
import type { EngineInfo } from "../../../../src/api/engine-info.ts";
import type { Instance } from "../../../../src/api/instance.ts";
import { LaunchSpec } from "../../../../src/api/instance.ts";
import { type PlanInput, planMove, specOf } from "../../../../src/client/move/plan.ts";
import { parseTarget } from "../../../../src/client/move/target.ts";
import { fakeInstance } from "../../../support/fake-core.ts";

const GIB = 2 ** 30;
const DISK = { id: "0b2f7a9e-3c1d-4e5f-8a6b-7c8d9e0f1a2b", name: "data", sizeBytes: GIB };

const info = (id: string, arch: "x86_64" | "aarch64" = "x86_64"): EngineInfo => ({
  ...{
    id,
    version: "1",
    protocol: 1,
    pid: 1,
    draining: false,
    startedAt: "",
    dataDirectory: "",
    logFile: "",
  },
  host: { cpus: 4, memoryBytes: 8 * GIB, freeDiskBytes: 100 * GIB, arch },
  ...{ drivers: [], problems: [] },
});

const planned = (instance: Partial<Instance> = {}, more: Partial<PlanInput> = {}) =>
  planMove({
    instance: fakeInstance("web", { state: "running", ...instance }),
    ...{ as: "web", verb: "move", to: "/there" },
    there: { here: info("a"), info: info("b"), found: [] },
    ...more,
  });

const rows = (plan: ReturnType<typeof planMove>) =>
  Object.fromEntries(plan.rows.map(({ what, becomes }) => [what, becomes]));

describe("the plan", () => {
  test("says of everything that touches the host what becomes of it", () => {
    const plan = planned({
      networks: [{ network: "br0", mode: "auto", mac: "52:54:00:00:00:01" }],
      ports: [{ protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 } as never],
      mounts: [{ source: "/home/me", target: "/mnt", type: "classic" } as never],
      ...{ snapshotCount: 2, autostart: "on", encrypted: true, disks: [DISK] },
      medium: { reference: "/isos/debian.iso" },
    });
    expect(plan.problems).toEqual([]);
    expect(rows(plan)).toMatchObject({
      "instance web": "web at /there",
      "its run": "stopped here, then started there",
      "NIC on br0": expect.stringContaining("stays behind"),
      "port 127.0.0.1:8080 to 80/tcp": expect.stringContaining("berth port add"),
      "mount /home/me at /mnt": expect.stringContaining("stays behind"),
      encryption: "encrypted there, by a key of that engine",
      "2 snapshots": "stays with the source",
      "the ISO /isos/debian.iso": "stays with the source",
      "autostart on": "stays with the source",
      "the source": "stopped, and kept until the move is confirmed",
    });
    expect(rows(plan)["its disks"]).toContain("100");
  });

  test("a copy leaves the source alone", () => {
    expect(rows(planned({}, { verb: "copy", as: "web2" }))).toMatchObject({
      "instance web": "web2 at /there",
      "its run": expect.stringContaining("goes on here"),
    });
    expect(rows(planned({}, { verb: "copy" }))["the source"]).toBeUndefined();
  });

  test.each<[string, Partial<Instance>, Partial<PlanInput>, string]>([
    ["a container", { kind: "container" }, {}, "container"],
    [
      "one that is moved",
      { move: { to: "/x", id: DISK.id, as: "web", step: "moved", ran: true } },
      {},
      "moved",
    ],
    ["one that something works on", { operation: DISK.id }, {}, "busy"],
    ["kept memory", { state: "suspended" }, {}, "suspended"],
    ["one in the trash", { state: "deleted" }, {}, "state"],
    ["the same engine", {}, { there: { here: info("a"), info: info("a"), found: [] } }, "same-engine"],
    [
      "another architecture",
      {},
      { there: { here: info("a"), info: info("b", "aarch64"), found: [] } },
      "arch",
    ],
    [
      "what a launch there would be refused for",
      {},
      {
        there: {
          here: info("a"),
          info: info("b"),
          found: [{ code: "name-taken", severity: "error", message: "taken" }],
        },
      },
      "name-taken",
    ],
  ])("%s is refused", (_what, instance, more, code) => {
    expect(planned(instance, more).problems).toMatchObject([{ code, severity: "error" }]);
  });

  test("asks for what a launch of the same machine would, without removed disks", () => {
    const removed = { ...DISK, name: "old", removedAt: "2026-11-30T12:00:00.000Z" };
    const spec = specOf(fakeInstance("web", { disks: [DISK, removed] }), "new");
    expect(LaunchSpec.parse(spec)).toMatchObject({ name: "new", disks: [{ name: "data", sizeBytes: GIB }] });
  });
});

describe("a target", () => {
  test.each([
    ["repository:main", { kind: "repository", name: "main" }],
    ["ssh:me@host.example", { kind: "ssh", destination: "me@host.example", port: undefined }],
    ["ssh://host:2222", { kind: "ssh", destination: "host", port: 2222 }],
    ["/srv/berth", { kind: "home", path: "/srv/berth", text: "/srv/berth" }],
    ["../other", { kind: "home", path: "/work/other", text: "/work/other" }],
    ["./run/engine.sock", { kind: "socket", path: "/work/here/run/engine.sock" }],
  ])("%s", (text, target) => {
    expect(parseTarget(text, "/work/here")).toMatchObject(target);
  });

  test.each([
    "web",
    "ssh:-oProxyCommand=x",
    "ssh:me@-x",
    "ssh:a b",
    "ssh:",
    "https://host/",
    "repository:",
    "ssh:h:x",
  ])("%s is none", (text) => {
    expect(() => parseTarget(text, "/work/here")).toThrow(/names no engine/);
  });
});
