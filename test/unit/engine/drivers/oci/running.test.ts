import { describe, expect, test } from "vitest";
import type { RestartPolicy } from "../../../../../src/api/container.ts";
import { exitOf, graceMs } from "../../../../../src/engine/drivers/oci/exits.ts";
import { execBody } from "../../../../../src/engine/drivers/oci/guest.ts";
import { AT_HOME, LOGIN_SHELL } from "../../../../../src/engine/drivers/oci/guest-scripts.ts";
import { metricsOf } from "../../../../../src/engine/drivers/oci/stats.ts";
import type { Exit } from "../../../../../src/engine/drivers/running.ts";

const ended = {
  ...{ Status: "exited", Running: false, Paused: false, Restarting: false, OOMKilled: false, ExitCode: 0 },
  StartedAt: "2026-01-01T00:00:00Z",
};
const sizes = { cpus: 2, memoryBytes: 512 * 2 ** 20, name: "web" };

describe("how a container has ended", () => {
  test.each<[string, Partial<typeof ended> & { Error?: string }, boolean, Exit | undefined]>([
    ["it runs", { Running: true }, false, undefined],
    ["it is about to be restarted", { Restarting: true, ExitCode: 1 }, false, undefined],
    ["it is halted", { Paused: true }, false, undefined],
    ["it is but asked to end", { Status: "stopping" }, false, undefined],
    ["it was stopped", { ExitCode: 137 }, true, { how: "stopped" }],
    ["it ended by itself", {}, false, { how: "guest-shutdown" }],
    ["it failed", { ExitCode: 3 }, false, { how: "crashed", detail: "its command ended with code 3" }],
    [
      "it was killed",
      { ExitCode: 137 },
      false,
      { how: "crashed", detail: "its command was ended by SIGKILL, perhaps out of memory (limit 512MiB)" },
    ],
    [
      "its runtime says more",
      { ExitCode: 127, Error: "no such file" },
      false,
      { how: "crashed", detail: "its command ended with code 127: no such file" },
    ],
    [
      "it took too much memory",
      { ExitCode: 137, OOMKilled: true },
      false,
      { how: "crashed", detail: "out of memory (limit 512MiB)" },
    ],
  ])("%s", (_name, state, stopping, exit) => {
    expect(exitOf({ State: { ...ended, ...state } }, sizes, stopping)).toEqual(exit);
  });

  test("it is gone", () => {
    expect(exitOf(undefined, sizes, true)).toEqual({ how: "stopped" });
    expect(exitOf(undefined, sizes, false)).toEqual({
      how: "crashed",
      detail: "its container was removed outside of Berth",
    });
  });
});

test.each<[string, Partial<typeof ended>, RestartPolicy | undefined, boolean]>([
  ["it ended well", {}, undefined, false],
  ["it failed", { ExitCode: 3 }, "no", false],
  ["its runtime has not read its code yet", { Status: "stopped" }, "no", true],
  ["its runtime has read its code", { Status: "stopped", ExitCode: 3 }, "no", false],
  ["it is perhaps being removed", { ExitCode: 137 }, "no", true],
  ["it is started again", {}, "always", true],
])("something else may be said of its end in a moment: %s", (_name, state, restart, may) => {
  expect(graceMs({ State: { ...ended, ...state } }, restart) > 0).toBe(may);
});

describe("what a container uses", () => {
  const at = (seconds: number, total: number, rx: number) => ({
    read: new Date(seconds * 1000).toISOString(),
    cpu_stats: { cpu_usage: { total_usage: total }, online_cpus: 8 },
    memory_stats: { usage: 1000, limit: 9999, stats: { inactive_file: 300 } },
    networks: { eth0: { rx_bytes: rx, tx_bytes: 0 }, eth1: { rx_bytes: rx, tx_bytes: 0 } },
  });

  test("is a share of its own CPUs, and rates since the last time", () => {
    expect(metricsOf(at(10, 5e9, 100), undefined, sizes)).toEqual({
      at: "1970-01-01T00:00:10.000Z",
      memory: { usedBytes: 700, totalBytes: sizes.memoryBytes },
    });
    expect(metricsOf(at(12, 7e9, 200), at(10, 5e9, 100), sizes)).toMatchObject({
      cpu: 0.5,
      network: { receivedBytesPerSecond: 100, sentBytesPerSecond: 0 },
    });
  });

  test("is of the whole host where it has no limits, and no rate where a counter went back", () => {
    const free = { cpus: 0, memoryBytes: 0, name: "web" };
    const metrics = metricsOf(at(12, 13e9, 50), at(10, 5e9, 100), free);
    expect(metrics).toMatchObject({ cpu: 0.5, memory: { totalBytes: 9999 } });
    expect(metrics.network).toBeUndefined();
  });
});

describe("what is run in it", () => {
  const application = { container: { image: { reference: "", id: "" } } };
  const machine = { container: { shape: "machine" as const, image: { reference: "", id: "" } } };

  test("is the words as they are, where the image says", () => {
    expect(execBody({ argv: ["ls", "a b"] }, application)).toEqual({ Cmd: ["ls", "a b"], Env: [] });
    expect(execBody({ argv: ["ls"], cwd: "/srv", env: { A: "1 2" } }, application)).toEqual({
      ...{ Cmd: ["ls"], Env: ["A=1 2"], WorkingDir: "/srv" },
    });
  });

  test("is in the user's home where that is asked for, or it is a machine", () => {
    expect(execBody({ argv: ["ls"], cwd: "src" }, application).Cmd).toEqual([
      "sh",
      "-c",
      AT_HOME,
      "sh",
      "src",
      "ls",
    ]);
    expect(execBody({ argv: ["ls"] }, machine).Cmd).toEqual(["sh", "-c", AT_HOME, "sh", ".", "ls"]);
  });

  test("is the user's shell with a terminal's name where nothing is asked for", () => {
    const tty = { cols: 80, rows: 24 };
    expect(execBody({ tty }, application)).toEqual({
      Cmd: ["sh", "-c", LOGIN_SHELL],
      Env: ["TERM=xterm-256color"],
    });
  });
});
