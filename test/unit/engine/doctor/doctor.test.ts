/** What is made of the host's facts: routes, processes, rights, the clock, the log. */
import { describe, expect, test } from "vitest";
import { clockFinding, errorsIn, wrongRights } from "../../../../src/engine/doctor/examine.ts";
import { networkFindings, parseRoutes } from "../../../../src/engine/doctor/network.ts";
import { orphansIn } from "../../../../src/engine/doctor/processes.ts";

describe("routes", () => {
  const table = [
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
    "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0",
    "eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0",
    "tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0",
    "down\t0000000A\t00000000\t0000\t0\t0\t0\t000000FF\t0\t0\t0",
    "",
  ].join("\n");

  test("are read from the kernel's list", () => {
    expect(parseRoutes(table)).toEqual([
      { interface: "eth0", cidr: "0.0.0.0/0" },
      { interface: "eth0", cidr: "192.168.1.0/24" },
      { interface: "tun0", cidr: "10.0.0.0/8" },
    ]);
  });

  const eth = { interface: "eth0", cidr: "0.0.0.0/0", mtu: 1500 };
  test.each([
    ["a quiet host", [eth, { interface: "eth0", cidr: "192.168.1.0/24" }], ["eth0"], [/no VPN/]],
    [
      "a VPN that takes all",
      [{ ...eth, interface: "wg0" }],
      ["wg0"],
      [/everything goes out through a VPN: wg0/],
    ],
    ["a VPN by halves", [eth, { interface: "tun0", cidr: "128.0.0.0/1" }], ["tun0"], [/through a VPN: tun0/]],
    ["a VPN beside", [eth], ["eth0", "utun3"], [/may be up: utun3/]],
    ["small packets", [{ ...eth, mtu: 1280 }], ["eth0"], [/at most 1280 bytes/]],
    [
      "a route over the guests",
      [eth, { interface: "tun0", cidr: "10.0.0.0/8" }],
      ["tun0"],
      [/may be up/, /10\.77\.0\.0\/16 meets 10\.0\.0\.0\/8, which tun0 leads to/],
    ],
  ])("%s", (_name, routes, interfaces, words) => {
    const found = networkFindings(routes, interfaces, "10.77.0.0/16");
    expect(found).toHaveLength(words.length);
    for (const [index, pattern] of words.entries()) expect(found[index]?.text).toMatch(pattern);
    for (const { verdict, hint } of found) expect(hint === undefined).toBe(verdict === "ok");
  });
});

test("a QEMU on a disk of ours whose instance does not run is left over, and so is a second one", () => {
  const qemu = (pid: number, id: string, root = "/d/instances") => ({
    pid,
    argv: ["qemu", "-uuid", id, "-blockdev", `{"filename":"${root}/${id}/disk.qcow2"}`],
  });
  const processes = [
    qemu(1, "a"),
    qemu(2, "b"),
    qemu(3, "a"),
    qemu(4, "c", "/other/instances"),
    { pid: 5, argv: ["vi", "/d/instances/b/notes"] },
  ];
  const found = orphansIn(processes, "/d/instances", new Set(["a"]));
  expect(found.map(({ pid }) => pid)).toEqual([2, 3]);
});

test("rights that let others in, or another owner, are wrong", () => {
  expect(wrongRights({ mode: 0o40700, uid: 1 }, 1)).toBeUndefined();
  expect(wrongRights({ mode: 0o40750, uid: 1 }, 1)).toBe("others may use it (mode 750)");
  expect(wrongRights({ mode: 0o40700, uid: 2 }, 1)).toContain("another user");
  expect(wrongRights({ mode: 0o40777, uid: 2 }, undefined)).toBeUndefined();
});

test("a clock that is behind what was written down is told of", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(clockFinding(now, now + 60_000).verdict).toBe("ok");
  expect(clockFinding(now, now + 3600_000)).toMatchObject({ verdict: "warning", hint: expect.any(String) });
});

test("errors of the log are found, and nothing else", () => {
  const line = (level: string, at: string) => JSON.stringify({ at, level, message: `${level} at ${at}` });
  const text = [
    `tail of a line","level":"error"}`,
    line("error", "2026-01-01T00:00:00Z"),
    line("warn", "2026-01-02T12:00:00Z"),
    line("error", "2026-01-02T12:00:00Z"),
    "",
  ].join("\n");
  expect(errorsIn(text, Date.parse("2026-01-02T00:00:00Z"))).toEqual([
    { at: "2026-01-02T12:00:00Z", message: "error at 2026-01-02T12:00:00Z" },
  ]);
});
