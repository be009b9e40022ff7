import { describe, expect, test } from "vitest";
import { instanceKey, sizeChange, sizeText } from "../../../src/cli/instance-settings.ts";

test.each([
  ["local.web.cpus", { key: "local.web.cpus", name: "web", property: "cpus" }],
  ["local.web-1.disk", { key: "local.web-1.disk", name: "web-1", property: "disk" }],
  ["local.web.autostart", { key: "local.web.autostart", name: "web", property: "autostart" }],
  ["local.web.bridged", { key: "local.web.bridged", name: "web", property: "bridged" }],
  ["local.driver", undefined],
  ["local.web.snapshot1.name", undefined],
  ["web.cpus", undefined],
  [undefined, undefined],
])("%s", (key, expected) => {
  expect(instanceKey(key)).toEqual(expected);
});

const sizes = {
  ...({ cpus: 2, memoryBytes: 2 ** 30, diskBytes: 5.5 * 2 ** 30, autostart: "on" } as const),
  labels: { web: "", env: "test" },
};

test.each([
  ["cpus", false, "2"],
  ["memory", false, "1.0GiB"],
  ["memory", true, "1073741824"],
  ["disk", false, "5.5GiB"],
  ["autostart", false, "on"],
  ["labels", false, "env=test,web"],
] as const)("%s (raw: %s) is %s", (property, raw, text) => {
  expect(sizeText(sizes, property, raw)).toBe(text);
});

test("a limit that a container has not is none", () => {
  const open = { ...sizes, cpus: 0, memoryBytes: 0, diskBytes: 0 };
  for (const property of ["cpus", "memory", "disk", "pids"] as const)
    expect(sizeText(open, property, true)).toBe("none");
  const container = { env: [], paused: false, pidsLimit: 64 };
  expect(sizeText({ ...open, container }, "pids", false)).toBe("64");
});

test("multipass knows the sizes, and nothing that only Berth has", () => {
  expect(instanceKey("local.web.disk", "multipass")).toBeDefined();
  expect(instanceKey("local.web.bridged", "multipass")).toBeDefined();
  expect(instanceKey("local.web.autostart", "multipass")).toBeUndefined();
});

describe("what is asked for", () => {
  test("is read as sizes", async () => {
    expect(sizeChange("web", { cpus: "2", memory: "1.5G", disk: "10GiB" })).toEqual({
      cpus: 2,
      memoryBytes: 1.5 * 2 ** 30,
      diskBytes: 10 * 2 ** 30,
    });
    expect(sizeChange("web", {})).toEqual({});
    expect(sizeChange("web", { autostart: "restore" })).toEqual({ autostart: "restore" });
    expect(sizeChange("web", { labels: "a=1, b" })).toEqual({ labels: { a: "1", b: "" } });
  });

  test("none takes a limit away", async () => {
    expect(sizeChange("web", { cpus: "none", memory: "none", pids: "none" })).toEqual({
      ...{ cpus: 0, memoryBytes: 0, pidsLimit: 0 },
    });
    expect(sizeChange("web", { pids: "100" })).toEqual({ pidsLimit: 100 });
  });

  test.each([
    [{ cpus: "0" }, "cannot set cpus of web: 0 is not a number of CPUs"],
    [{ cpus: "-1" }, "-1 is not a number of CPUs"],
    [{ cpus: "" }, "is not a number of CPUs"],
    [{ cpus: "1.5" }, "1.5 is not a number of CPUs"],
    [{ cpus: "999" }, "999 is not a number of CPUs"],
    [{ memory: "1CiG" }, "1CiG is not a valid memory size"],
    [{ memory: "1M" }, "cannot set memory of web: 1M is too small"],
    [{ pids: "0" }, "cannot set pids of web: 0 is not a number of processes"],
    [{ pids: "many" }, "many is not a number of processes"],
    [{ disk: "none" }, "none is not a valid disk size"],
    [{ autostart: "yes" }, "cannot set autostart of web: yes is not a policy"],
    [{ disk: "-5G" }, "-5G is not a valid disk size"],
  ])("%o is refused", async (given, message) => {
    expect(() => sizeChange("web", given)).toThrow(message);
  });
});
