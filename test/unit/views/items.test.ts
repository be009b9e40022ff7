import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { type Instance, InstanceState } from "../../../src/api/instance.ts";
import type { Operation } from "../../../src/api/operation.ts";
import {
  actionsOf,
  compareInstances,
  contextValueOf,
  instanceItem,
  runningCount,
  worstOf,
} from "../../../src/views/items.ts";
import { isBusy } from "../../../src/views/possible.ts";
import { container, instance, operation } from "./fixtures.ts";

const NGINX = "nginx:1.27";

type Case = {
  of: Partial<Instance>;
  operation?: Partial<Operation>;
  description: string;
  icon: string;
  mark?: string;
};

const downloading = { phase: "download", done: 43, total: 100 };
const lost = { code: "disk-missing", severity: "error", message: "the disk is missing" } as const;
const slow = { code: "accelerator-unusable", severity: "warning", message: "KVM does not work" } as const;

const CASES: Case[] = [
  { of: {}, description: "Ubuntu 24.04 · 2 cpus · 1 GiB · 10.77.0.5", icon: "vm-running charts.green" },
  {
    of: { cpus: 1, memoryBytes: 1.5 * 2 ** 30 },
    description: "Ubuntu 24.04 · 1 cpu · 1.5 GiB · 10.77.0.5",
    icon: "vm-running charts.green",
  },
  {
    of: { encrypted: true },
    description: "Ubuntu 24.04 · 2 cpus · 1 GiB · encrypted · 10.77.0.5",
    icon: "vm-running charts.green",
  },
  {
    of: { ready: false },
    description: "not ready · Ubuntu 24.04 · 2 cpus · 1 GiB · 10.77.0.5",
    icon: "vm-running charts.green",
  },
  {
    of: { problems: [slow] },
    description: "Ubuntu 24.04 · 2 cpus · 1 GiB · 10.77.0.5",
    icon: "vm-running charts.green",
    mark: "problem",
  },
  {
    of: { problems: [{ ...slow, severity: "info" }] },
    description: "Ubuntu 24.04 · 2 cpus · 1 GiB · 10.77.0.5",
    icon: "vm-running charts.green",
  },
  { of: { state: "stopped" }, description: "Ubuntu 24.04 · 2 cpus · 1 GiB", icon: "vm-outline" },
  { of: { state: "starting" }, description: "starting", icon: "loading~spin" },
  { of: { state: "restarting" }, description: "restarting", icon: "sync~spin" },
  { of: { state: "creating" }, operation: {}, description: "launching", icon: "loading~spin" },
  {
    of: { state: "creating", image: { reference: "lts", os: "", release: "", version: "" } },
    operation: { progress: downloading },
    description: "downloading 43 %",
    icon: "loading~spin",
  },
  {
    of: { state: "running", ready: false },
    operation: { progress: { phase: "cloud-init" } },
    description: "setting up",
    icon: "loading~spin",
  },
  {
    of: { state: "failed", problems: [slow, lost] },
    description: "failed: the disk is missing",
    icon: "error list.errorForeground",
    mark: "failed",
  },
  {
    of: { state: "deleted" },
    description: "Ubuntu 24.04",
    icon: "trash disabledForeground",
    mark: "deleted",
  },
  {
    of: { state: "unknown" },
    description: "unknown · Ubuntu 24.04 · 2 cpus · 1 GiB",
    icon: "question list.warningForeground",
  },
];

test.each(CASES)("$of.state $operation is shown as $description", (one) => {
  const running = one.operation && operation(one.operation);
  const item = instanceItem(instance(one.of), running);
  expect(item.description).toBe(one.description);
  expect([item.icon.id, item.icon.color].filter(Boolean).join(" ")).toBe(one.icon);
  expect(item.mark).toBe(one.mark);
});

/** Every row can be looked at in detail; whose console can be, a test of its own says. */
const beyondLooking = (action: string) => action !== "details" && action !== "console";

test("what can be done follows from the state", () => {
  const of = (patch: Partial<Instance>, doing?: Partial<Operation>) =>
    actionsOf(instance(patch), doing && operation(doing))
      .filter(beyondLooking)
      .join(" ");
  const kept = "mount addPort backUp moveAway export rename addDisk autostart labels";
  const power = "stop forceStop restart suspend";
  const enter = "shell exec copyTo open browse log cloudInitLog";
  expect(of({})).toBe(`${power} stopLater ${enter} ssh address ${kept} delete`);
  expect(of({ ssh: undefined })).toBe(`${power} stopLater ${enter} address ${kept} delete`);
  expect(of({ stopAt: "2026-11-23T10:00:00.000Z" })).toContain("suspend cancelStop shell");
  const look = "shell exec open browse log address";
  expect(of({ state: "stopped" })).toBe(`start ${look} snapshot clone sizes ${kept} delete`);
  expect(of({ state: "stopped", encrypted: true })).toContain(" sizes rotateKey ");
  expect(of({ encrypted: true })).not.toContain("rotateKey");
  expect(of({ state: "suspended" })).toBe(`start startCold ${look} ${kept} delete`);
  expect(of({ guest: "windows" })).toBe(
    `${power} stopLater log address addPort backUp moveAway export rename addDisk autostart labels delete`,
  );
  expect(of({ state: "deleted" })).toBe("recover purge");
  const move = { to: "/there", id: randomUUID(), as: "web", step: "moved" as const, ran: true };
  expect(of({ state: "stopped", move })).toBe("settleMove log delete");
  expect(of({ move })).toBe("stop forceStop settleMove log delete");
  expect(instanceItem(instance({ state: "stopped", move })).description).toMatch(/^moved to \/there · /);
  expect(of({ state: "deleted", move })).toBe("recover purge settleMove");
  expect(of({ state: "failed" })).toBe("log purge");
  expect(of({ state: "unknown" })).toBe("forceStop log delete");
  expect(of({ state: "creating" }, {})).toBe("log cancel");
  expect(of({ state: "creating" }, { cancellable: false })).toBe("log");
  expect(of({ state: "stopping" }, { kind: "stop", cancellable: false })).toBe("forceStop log");
  expect(of({ state: "deleted" }, { kind: "purge" })).toBe("");
});

test("a serial console is offered of what runs or is about to, whatever works on it and whoever is in it", () => {
  const offered = (patch: Partial<Instance>, doing?: Partial<Operation>) =>
    actionsOf(instance(patch), doing && operation(doing)).includes("console");
  const having = InstanceState.options.filter((state) => offered({ state }));
  expect([...having].sort()).toEqual(["creating", "restarting", "running", "starting", "stopping"]);
  expect(offered({ state: "starting" }, {})).toBe(true);
  expect(offered({ guest: "windows" })).toBe(true);
});

test("what it has decides what can be taken from it", () => {
  const port = { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 } as const;
  const mount = { source: "/s", target: "s", type: "classic", uids: [], gids: [] } as const;
  const disk = { id: randomUUID(), name: "data", sizeBytes: 1 };
  const of = (patch: Partial<Instance>) => actionsOf(instance(patch));
  expect(of({ ports: [port] })).toContain("removePort");
  expect(of({ mounts: [{ ...mount, uids: [], gids: [] }] })).toContain("unmount");
  expect(of({ snapshotCount: 1 })).toContain("snapshots");
  expect(of({ disks: [disk] })).toContain("removeDisk");
  expect(of({ disks: [{ ...disk, removedAt: "2026-11-23T10:00:00.000Z" }] })).not.toContain("removeDisk");
});

test("an instance in a disabled zone can be ended, and its zone enabled", () => {
  const zone = { name: "zone2", available: false };
  expect(
    actionsOf(instance({ state: "stopped", zone }))
      .filter(beyondLooking)
      .join(" "),
  ).toBe("enableZone log delete");
  expect(actionsOf(instance({ zone })).filter(beyondLooking).join(" ")).toBe(
    "enableZone stop forceStop log delete",
  );
  const item = instanceItem(instance({ state: "stopped", zone }));
  expect(item.description).toBe("zone2 is disabled · Ubuntu 24.04 · 2 cpus · 1 GiB");
  expect(item.ariaLabel).toContain("zone2 is disabled");
});

test("nothing that changes an instance is offered while it is busy, whatever its state", () => {
  for (const state of InstanceState.options) {
    const one = instance({ state });
    const busy = operation();
    expect(isBusy(one, busy)).toBe(true);
    for (const action of ["start", "stop", "restart", "delete", "recover", "purge", "shell"] as const)
      expect(actionsOf(one, busy)).not.toContain(action);
  }
});

test("a backup keeps nobody from using what runs", () => {
  const busy = operation({ kind: "backup", status: "running", cancellable: true });
  const actions = actionsOf(instance({ operation: busy.id }), busy);
  expect(actions).toEqual(expect.arrayContaining(["shell", "browse", "stop", "forceStop", "cancel"]));
  expect(actions).not.toContain("snapshots");
  expect(actionsOf(instance({ state: "stopped", operation: busy.id }), busy)).toContain("start");
});

test("the context value names the state and each action as a flag", () => {
  expect(contextValueOf(instance({ state: "stopped" }))).toBe(
    "instance.stopped+start+shell+exec+open+browse+log+address+snapshot+clone+sizes+mount+addPort+backUp+moveAway+export+rename+addDisk+autostart+labels+delete+details",
  );
  expect(contextValueOf(instance())).toMatch(/\+stop(\+|$)/);
  expect(contextValueOf(instance({ state: "failed" }))).not.toMatch(/\+stop(\+|$)/);
});

test("a row's id is the instance's, whatever happens to it", () => {
  const one = instance();
  const later = { ...one, name: "renamed", state: "failed" as const };
  expect(instanceItem(later).id).toBe(instanceItem(one).id);
});

test("a screen reader hears name, state, size, address and problems", () => {
  const problems = [slow, { ...slow, code: "other" }];
  expect(instanceItem(instance({ problems })).ariaLabel).toBe(
    "primary, running, Ubuntu 24.04, 2 cpus, 1 GiB memory, address 10.77.0.5, 2 problems",
  );
  expect(instanceItem(instance({ state: "creating" }), operation({ progress: downloading })).ariaLabel).toBe(
    "primary, creating, downloading 43 %, Ubuntu 24.04, 2 cpus, 1 GiB memory",
  );
});

test("primary comes first, then names as people sort them", () => {
  const names = ["web-10", "Alpha", "web-2", "primary"].map((name) => instance({ name }));
  expect(names.sort(compareInstances).map(({ name }) => name)).toEqual([
    "primary",
    "Alpha",
    "web-2",
    "web-10",
  ]);
});

test("only what runs is counted, and errors come before warnings", () => {
  expect(runningCount([instance(), instance({ state: "stopped" }), instance({ state: "deleted" })])).toBe(1);
  expect(worstOf(instance({ problems: [slow, lost] }))).toBe(lost);
});

test("a container is shown as what it is, without what it has not", () => {
  expect(instanceItem(container())).toMatchObject({
    ...{ description: `${NGINX} · Docker · 172.17.0.2`, icon: { id: "package", color: "charts.green" } },
    ariaLabel: `web, running, ${NGINX}, container, Docker, address 172.17.0.2`,
  });
  const small = container({ cpus: 1, memoryBytes: 2 ** 29, state: "stopped", address: "" });
  expect(instanceItem(small)).toMatchObject({
    ...{ description: `${NGINX} · Docker · 1 cpu · 512 MiB`, icon: { id: "package" } },
  });
  expect(instanceItem(container({ address: "" }, { paused: true }))).toMatchObject({
    ...{ description: `paused · ${NGINX} · Docker`, icon: { id: "debug-pause" } },
  });
});

test("what can be done with a container follows from what it is", () => {
  const of = (patch: Partial<Instance>, paused = false) => actionsOf(container(patch, { paused })).join(" ");
  const kept = "addPort backUp export rename autostart labels delete details";
  const enter = "shell exec copyTo browse";
  expect(of({})).toBe(
    `stop forceStop restart stopLater ${enter} log address ${kept} attach attachMain pause logs release`,
  );
  expect(of({}, true)).toBe(`stop forceStop restart stopLater log address ${kept} unpause logs release`);
  expect(of({ state: "stopped" })).toBe(
    "start shell exec browse log address snapshot clone mount addPort backUp export rename autostart labels delete details attach logs release",
  );
  const snapshotCount = 1;
  expect(of({ snapshotCount })).not.toContain("release");
  expect(actionsOf(container({ state: "stopped" }, { adopted: true })).join(" ")).toBe(
    "start shell exec browse log address snapshot clone backUp export rename autostart labels delete details attach logs release",
  );
  expect(of({ state: "deleted" })).toBe("recover purge details");
  expect(actionsOf(container({}, { shape: "machine" }))).toContain("open");
  expect(actionsOf(container({}, { shape: "machine", paused: true }))).not.toContain("open");
  const ports = [{ protocol: "tcp" as const, hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 }];
  expect(of({ ports })).toContain(" openPort ");
  expect(contextValueOf(container())).toMatch(/\+attach\b/);
  expect(contextValueOf(container())).not.toMatch(/\+shell\b/);
});

test("what is not well is marked and said; what is well needs no words in its row", () => {
  const row = (healthStatus: "starting" | "healthy" | "unhealthy") =>
    instanceItem(container({}, { healthStatus }));
  expect(row("unhealthy")).toMatchObject({
    mark: "problem",
    description: expect.stringContaining("unhealthy"),
  });
  expect(row("unhealthy").ariaLabel).toContain("unhealthy");
  expect(row("starting").description).toContain("health not known yet");
  expect(row("healthy").description).not.toContain("health");
  expect(row("healthy").mark).toBeUndefined();
});
