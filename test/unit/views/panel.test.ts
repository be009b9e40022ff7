/** What an instance's panel shows, and what its page may ask for. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Snapshot } from "../../../src/api/snapshot.ts";
import { escapeHtml, pageHtml } from "../../../src/views/panel/html.ts";
import { readMessage, readTold } from "../../../src/views/panel/protocol.ts";
import { sizeChangeOf } from "../../../src/views/panel/sizes.ts";
import { type PanelInputs, panelState } from "../../../src/views/panel/state.ts";
import { dateText } from "../../../src/views/phrases.ts";
import { anyInstancesIn } from "../../../src/views/targets.ts";
import { container, instance, operation } from "./fixtures.ts";

const stateOf = (patch: Partial<PanelInputs> = {}) =>
  panelState({ instance: instance(), snapshots: [], backups: [], operations: [], ...patch });

function snapshot(name: string, parent?: string, patch: Partial<Snapshot> = {}): Snapshot {
  return {
    ...{ id: crypto.randomUUID(), name, instance: "primary", comment: "", children: [], current: false },
    ...(parent === undefined ? {} : { parent }),
    createdAt: `2026-11-23T10:0${name.length}:00.000Z`,
    ...{ cpus: 1, memoryBytes: 2 ** 30, diskBytes: 2 ** 33, mounts: [], sizeBytes: 0, ...patch },
  };
}

describe("the state", () => {
  test("says of an encrypted instance what is, and what is not", () => {
    const facts = (encrypted: boolean) =>
      Object.fromEntries(stateOf({ instance: instance({ encrypted }) }).facts);
    expect(facts(true)).toMatchObject({
      Encrypted: expect.stringMatching(/suspended memory; not its image/),
    });
    expect(facts(false)).not.toHaveProperty("Encrypted");
  });

  test("names the instance, its sizes, its facts and what can be done", () => {
    const state = stateOf({
      details: { addresses: ["10.77.0.5", "10.0.0.9"], kernel: "6.1.0", release: "Ubuntu 24.04.1 LTS" },
    });
    expect(state).toMatchObject({ word: "Running", tone: "on", running: true, canSnapshot: false });
    expect(state.summary).toBe("Ubuntu 24.04 · 2 cpus · 1 GiB memory · 5 GiB disk");
    const facts = Object.fromEntries(state.facts);
    expect(facts).toMatchObject({
      Address: "10.77.0.5, 10.0.0.9",
      Image: "Ubuntu 24.04.1 LTS (20261015)",
      Kernel: "6.1.0",
      "Running since": dateText("2026-11-23T10:00:00.000Z"),
    });
    expect(state.actions.map(({ command }) => command)).toEqual([
      "berth.openShell",
      "berth.openConsole",
      "berth.stop",
      "berth.restart",
      "berth.delete",
    ]);
  });

  test("of a container tells what it has, and nothing of what it has not", () => {
    const own = {
      command: ["serve", "-v"],
      restart: "always",
      volumes: [{ name: "data", target: "/data" }],
    } as const;
    const state = stateOf({
      instance: container(
        { memoryBytes: 2 ** 29 },
        { ...own, command: [...own.command], volumes: [...own.volumes] },
      ),
    });
    expect(state).toMatchObject({
      isContainer: true,
      word: "Running",
      sizes: { cpus: "", memory: "512MiB" },
    });
    expect(state.summary).toBe("nginx:1.27 · Docker · 512 MiB");
    expect(state.sizes).not.toHaveProperty("disk");
    expect(Object.fromEntries(state.facts)).toMatchObject({
      ...{ Driver: "Docker, x86_64", Shape: "Application", Command: "serve -v", Environment: "MODE" },
      ...{ Volumes: "/data (data)", "When it ends": "always", Address: "172.17.0.2" },
    });
    expect(state.facts.map(([name]) => name)).not.toContain("SSH");
    expect(state.actions.map(({ command }) => command)).toContain("berth.viewLogs");
    expect(stateOf({ instance: container({}, { paused: true }) }).word).toBe("Paused");
    expect(stateOf().isContainer).toBe(false);
  });

  test("follows the operation, and offers nothing while the engine is away", () => {
    const doing = operation({ progress: { phase: "download", done: 1, total: 4 } });
    const busy = stateOf({
      instance: instance({ state: "creating", operation: doing.id }),
      operation: doing,
      operations: [doing],
    });
    expect(busy).toMatchObject({ tone: "busy", progress: { percent: 25 } });
    expect(busy.actions.map(({ command }) => command)).toContain("berth.openConsole");
    expect(busy.events[0]).toMatchObject({ what: "Launching", status: "running" });
    expect(stateOf({ lost: "the engine is gone" }).actions).toEqual([]);
  });

  test("shows a guest's words without what moves a cursor, and no other instance's events", () => {
    const problem = { code: "x", severity: "error", message: "\u001b[2Jbad\u0007 <b>news</b>" } as const;
    const failed = operation({
      status: "failed",
      target: "primary.s1",
      kind: "snapshot",
      error: { code: "internal", message: "no" },
    });
    const state = stateOf({
      instance: instance({ problems: [problem] }),
      operations: [failed, operation({ target: "primary-2" })],
    });
    expect(state.problems).toEqual([{ severity: "error", message: "Bad <b>news</b>", hint: undefined }]);
    expect(state.events).toMatchObject([{ what: "Taking a snapshot s1", status: "failed", detail: "no" }]);
  });

  test("only loopback forwards of TCP can be opened in a browser", () => {
    const port = { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 } as const;
    const ports = [port, { ...port, protocol: "udp" as const }, { ...port, hostAddress: "0.0.0.0" }];
    expect(stateOf({ instance: instance({ ports }) }).ports.map(({ url }) => url)).toEqual([
      "http://127.0.0.1:8080/",
      undefined,
      undefined,
    ]);
  });
});

test("networks are its own one, and those of this host", () => {
  const networks = [
    { network: "br0", mode: "auto" as const, mac: "52:54:00:00:00:07" },
    { network: "br1", mode: "manual" as const, mac: "52:54:00:00:00:08" },
  ];
  const shown = stateOf({ instance: instance({ networks, network: "isolated" }) }).networks;
  expect(shown.map(({ name }) => name)).toEqual([instance().address, "br0", "br1"]);
  expect(shown.map(({ detail }) => detail)).toEqual([
    `isolated: it reaches nothing, ${instance().mac}`,
    "asks for an address there, 52:54:00:00:00:07",
    "is set up in the guest by hand, 52:54:00:00:00:08",
  ]);
});

describe("sizes from the form", () => {
  const stopped = instance({ state: "stopped", memoryBytes: 2 ** 30 + 1000 });
  const form = { cpus: "2", memory: "1GiB", disk: "5GiB", autostart: "off" };

  test("what was not touched stays to the byte", () => {
    expect(sizeChangeOf(stopped, form)).toEqual({});
    expect(sizeChangeOf(stopped, { ...form, cpus: "3", disk: "6G", autostart: "on" })).toEqual({
      cpus: 3,
      diskBytes: 6 * 2 ** 30,
      autostart: "on",
    });
  });

  test("a field of a container that is left empty is no limit", () => {
    const container = { env: [], paused: false };
    const limited = instance({ state: "stopped", kind: "container", container, cpus: 2, diskBytes: 0 });
    expect(sizeChangeOf(limited, { ...form, cpus: "", memory: "", disk: "" })).toEqual({
      ...{ cpus: 0, memoryBytes: 0 },
    });
    expect(() => sizeChangeOf(stopped, { ...form, cpus: "" })).toThrow(/not a number of CPUs/);
  });

  test.each([
    [{ cpus: "0" }, /not a number of CPUs/],
    [{ cpus: "1.5" }, /not a number of CPUs/],
    [{ memory: "1CiG" }, /not a valid memory size/],
    [{ disk: "-1G" }, /not a valid disk size/],
    [{ autostart: "always" }, /not a policy/],
  ])("%j is refused", (patch, words) =>
    expect(() => sizeChangeOf(stopped, { ...form, ...patch })).toThrow(words),
  );
});

describe("what the page may say", () => {
  test.each([
    [{ type: "ready" }],
    [{ type: "command", command: "berth.start" }],
    [{ type: "log", source: "serial" }],
    [{ type: "resize", form: { cpus: "1", memory: "", disk: "", autostart: "" } }],
    [{ type: "moment", command: "berth.rollBack", kind: "backup", id: "main:1234" }],
    [{ type: "backups" }],
    [{ type: "open", url: "http://127.0.0.1:8080/" }],
  ])("%j", (message) => expect(readMessage(message)).toEqual(message));

  test.each([
    [undefined],
    ["ready"],
    [[]],
    [{ type: "toString" }],
    [{ type: "command" }],
    [{ type: "command", command: "x".repeat(2000) }],
    [{ type: "log", source: "../../etc/passwd" }],
    [{ type: "moment", command: "berth.rollBack", kind: "disk", id: "1" }],
    [{ type: "moment", command: "berth.rollBack", kind: "snapshot" }],
    [{ type: "resize", form: { cpus: 1 } }],
    [{ type: "open", url: "https://example.org/" }],
    [{ type: "open", url: "command:workbench.action.quit" }],
    [{ type: "open", url: "http://127.0.0.1:80@example.org/" }],
  ])("not %j", (message) => expect(readMessage(message)).toBeUndefined());

  test("nothing makes it throw", () => {
    fc.assert(fc.property(fc.anything(), (value) => void readMessage(value)));
  });
});

describe("what the page hears", () => {
  const state = JSON.parse(JSON.stringify(stateOf({ snapshots: [snapshot("clean")] }))) as object;
  test.each<[object]>([
    [{ type: "state", state }],
    [{ type: "metrics", metrics: { at: 1 } }],
    [{ type: "log", source: "serial", text: "x".repeat(2 ** 20) }],
    [{ type: "setup", status: "done", errors: [] }],
    [{ type: "away", reason: "the engine is gone" }],
    [{ type: "gone", name: "web" }],
  ])("%j", (message) => expect(readTold(message)).toBe(message));

  test.each([
    [undefined],
    ["state"],
    [{ type: "valueOf" }],
    [{ type: "state" }],
    [{ type: "state", state: { ...state, events: "none" } }],
    [{ type: "state", state: { name: "web" } }],
    [{ type: "metrics", metrics: 1 }],
    [{ type: "log", source: "syslog", text: "" }],
    [{ type: "setup", status: "done" }],
    [{ type: "gone" }],
  ])("not %j", (message) => expect(readTold(message)).toBeUndefined());

  test("nothing makes it throw", () => {
    fc.assert(fc.property(fc.anything(), (value) => void readTold(value)));
  });
});

test("the page loads nothing but our own script and style", () => {
  const html = pageHtml({
    source: "https://w",
    script: "https://w/panel.js",
    style: "https://w/p.css",
    nonce: "n1",
    title: '<img src=x>"',
  });
  expect(html).toContain(
    `default-src 'none'; script-src 'nonce-n1'; style-src https://w; font-src https://w;`,
  );
  expect(html).not.toContain("<img");
  const whole = pageHtml({
    ...{ source: "https://w", nonce: "n1", title: "web", first: { name: "</script><img src=x>" } },
    ...{ script: { code: 'say("</script>")' }, style: { code: "p { margin: 0 }" } },
  });
  expect(whole).toContain("script-src 'nonce-n1'; style-src 'nonce-n1';");
  expect(whole.match(/<\/script>/g)).toHaveLength(2);
  expect(whole).not.toContain("<img");
  const [, first = ""] = /id="first">(.*)<\/script>/.exec(whole) ?? [];
  expect(JSON.parse(first)).toEqual({ name: "</script><img src=x>" });
  expect(escapeHtml(`&<>"'`)).toBe("&#38;&#60;&#62;&#34;&#39;");
});

test("panels are for the rows that were chosen, in any state", () => {
  const one = instance({ state: "deleted" });
  const model = {
    get: (id: string) => (id === one.id ? one : undefined),
    byName: (name: string) => (name === one.name ? one : undefined),
  };
  const node = { type: "instance", id: one.id } as const;
  const selection = [node, { type: "trash" } as const];
  expect(anyInstancesIn([node], model, [])).toEqual([one]);
  expect(anyInstancesIn(["primary"], model, [])).toEqual([one]);
  expect(anyInstancesIn(["selection"], model, selection)).toEqual([one]);
  expect(anyInstancesIn([node, selection], model, [])).toEqual([one]);
  expect(anyInstancesIn([], model, selection)).toBeUndefined();
});
