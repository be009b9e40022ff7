/** In what an instance differs from its `berth.yaml`, in words. */
import { expect, test } from "vitest";
import type { Instance } from "../../../src/api/instance.ts";
import type { ProjectInstance } from "../../../src/api/project.ts";
import { driftOf } from "../../../src/client/project/drift.ts";
import { writtenOf } from "../../../src/client/project/plan.ts";

const now = {
  ...{ name: "web", state: "running", cpus: 1, memoryBytes: 2 ** 30, diskBytes: 5 * 2 ** 30 },
  ...{ zone: { name: "zone1", available: true }, display: false, encrypted: false },
  networks: [{ network: "br0", mode: "auto", mac: "52:54:00:00:00:01" }],
  ports: [{ protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 }],
  mounts: [{ source: "/work/site", target: "srv" }],
  disks: [{ id: "1", name: "data", sizeBytes: 2 ** 30 }],
} as unknown as Instance;

test.each<[ProjectInstance, string[]]>([
  [{}, []],
  [{ cpus: 1, memory: "1G", disk: "5G", zone: "zone1", ports: ["8080:80"], networks: ["br0"] }, []],
  [{ cpus: 2 }, ["cpus 1, file says 2"]],
  [{ memory: "2G" }, ["memory 1 GiB, file says 2 GiB"]],
  [{ disk: "1G" }, []],
  [{ disk: "7.5G" }, ["disk 5 GiB, file says 7.5 GiB"]],
  [{ zone: "zone2" }, ["zone zone1, file says zone2"]],
  [{ display: false }, []],
  [{ display: true }, ["display false, file says true"]],
  [{ encrypted: false }, []],
  [{ encrypted: true }, ["encrypted false, file says true"]],
  [{ networks: ["bridged", "br1"] }, ["networks without br1"]],
  [{ ports: ["8080:80", "53:53/udp", "443"] }, ["ports without 53:53/udp, 443"]],
  [{ mounts: ["./site:srv", "./more:/srv/more"] }, ["mounts without /srv/more"]],
  [{ disks: { data: "2G", logs: "1G" } }, ["disks without data of 2 GiB, logs of 1 GiB"]],
  [{ cpus: 4, memory: "512M" }, ["cpus 1, file says 4", "memory 1 GiB, file says 512 MiB"]],
])("%j: %j, whether it runs or not", (wanted, texts) => {
  for (const state of ["running", "stopped", "suspended"] as const) {
    const drift = driftOf(wanted, { ...now, state }, writtenOf(wanted, "/work", "br0"));
    expect(drift.map(({ text }) => text)).toEqual(texts);
  }
});

test("what is not there differs in nothing else", () => {
  expect(driftOf({ cpus: 2 }, undefined, {})).toEqual([]);
});
