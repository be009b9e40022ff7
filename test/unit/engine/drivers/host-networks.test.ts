import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HostNetwork } from "../../../../src/api/network.ts";
import { run, which } from "../../../../src/base/run.ts";
import { FIRST_TAP } from "../../../../src/engine/drivers/qemu/argv.ts";
import {
  allows,
  type LinuxFacts,
  problemOnDarwin,
  problemOnLinux,
  withTaps,
} from "../../../../src/engine/drivers/qemu/host-networks.ts";

const HELPER = "/usr/lib/qemu/qemu-bridge-helper";
const ready: LinuxFacts = {
  helper: { file: HELPER, privileged: true },
  python: "/usr/bin/python3",
  config: { text: "allow br0\n" },
};
const network = (name: string, type: HostNetwork["type"] = "bridge"): HostNetwork => ({
  name,
  type,
  description: "",
});

describe("what keeps guests from a network", () => {
  test("nothing, where a bridge is allowed and the helper may make taps", () => {
    expect(problemOnLinux(network("br0"), ready)).toBeUndefined();
    expect(problemOnLinux(network("br0"), { ...ready, config: "unreadable" })).toBeUndefined();
  });

  test.each<[string, Partial<LinuxFacts>, string, string]>([
    ["no helper", { helper: undefined }, "bridge helper is not installed", "apt install qemu-system-common"],
    ["no Python", { python: undefined }, "python3, which starts the helper", "Install python3."],
    [
      "no rules",
      { config: undefined },
      "/etc/qemu/bridge.conf does not allow br0",
      "echo 'allow br0' | sudo tee -a",
    ],
    [
      "no right",
      { helper: { file: HELPER, privileged: false } },
      `${HELPER} may not make taps`,
      `sudo chmod u+s ${HELPER}`,
    ],
  ])("%s", (_case, facts, message, hint) => {
    const problem = problemOnLinux(network("br0"), { ...ready, ...facts });
    expect(problem?.message).toContain(message);
    expect(problem?.hint).toContain(hint);
  });

  test("all that is to be done is told at once", () => {
    const problem = problemOnLinux(network("br0"), { config: undefined });
    expect(problem?.message.split(";")).toHaveLength(3);
    expect(problem?.hint).toMatch(/apt install.*Install python3.*sudo tee/s);
  });

  test("an interface that is no bridge cannot be taken, and what to do depends on what it is", () => {
    const ethernet = problemOnLinux(network("eth0", "ethernet"), ready);
    expect(ethernet).toMatchObject({ code: "network-no-bridge" });
    expect(ethernet?.message).toContain("eth0 is no bridge");
    expect(ethernet?.hint).toContain("nmcli connection add type bridge ifname br0");
    expect(problemOnLinux(network("wlan0", "wifi"), ready)?.hint).toContain("berth port add");
  });

  test("macOS wants root", () => {
    expect(problemOnDarwin(network("en0", "other"), true)).toBeUndefined();
    expect(problemOnDarwin(network("en0", "other"), false)?.message).toContain("macOS lets only root");
  });
});

test.each([
  ["allow br0", true],
  ["allow all", true],
  ["  allow\tbr0  # the office", true],
  ["# allow br0", false],
  ["allow br01", false],
  ["", false],
  ["allow all\ndeny br0", false],
  ["deny all\nallow br0", false],
])("the rules %j let br0 be used: %j", (text, answer) => expect(allows(text, "br0")).toBe(answer));

describe("the launcher", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "berth-taps-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** Sends the file that it is told for a bridge over its socket, as the real one sends a tap. */
  async function fakeHelper(python: string): Promise<string> {
    const file = path.join(folder, "helper, with comma");
    await writeFile(
      file,
      `#!${python}
import array, os, socket, sys
options = dict(one[2:].split("=") for one in sys.argv[1:] if "=" in one)
assert "--use-vnet" in sys.argv
if options["br"] == "denied":
    sys.exit("access denied by acl file")
sock = socket.socket(fileno=int(options["fd"]))
tap = os.open(os.path.join(${JSON.stringify(folder)}, options["br"]), os.O_RDWR | os.O_CREAT)
sock.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [tap]))])
`,
    );
    await chmod(file, 0o755);
    return file;
  }

  const nics = (...names: string[]) => names.map((name) => ({ network: name }));

  test("leaves a command without such NICs as it is", () => {
    expect(withTaps(["/usr/bin/qemu", "-S"], [], { helper: HELPER, python: "p" })).toEqual([
      "/usr/bin/qemu",
      "-S",
    ]);
  });

  test("becomes the command, which has each tap under the number that QEMU is told", async () => {
    const python = (await which("/usr/bin/python3")) ?? (await which("python3")) ?? "";
    const writing = `os.write(${FIRST_TAP}, b"one"); os.write(${FIRST_TAP + 1}, b"two")`;
    const script = `import os, sys; ${writing}; print(sys.argv[1], os.getppid())`;
    const command = [python, "-c", script, "a b"];
    const tools = { helper: await fakeHelper(python), python };
    const { stdout } = await run(withTaps(command, nics("br0", "br1"), tools));
    expect(stdout).toBe(`a b ${process.pid}\n`);
    expect(await readFile(path.join(folder, "br0"), "utf8")).toBe("one");
    expect(await readFile(path.join(folder, "br1"), "utf8")).toBe("two");
  });

  test("ends with the helper's own words where it gets none", async () => {
    const python = (await which("/usr/bin/python3")) ?? (await which("python3")) ?? "";
    const tools = { helper: await fakeHelper(python), python };
    const failing = run(withTaps(["/bin/echo", "never"], nics("br0", "denied"), tools));
    const error = (await failing.catch((one: unknown) => one)) as { stdout: string; stderr: string };
    expect(error.stdout).toBe("");
    expect(error.stderr).toContain("access denied by acl file");
    expect(error.stderr).toContain("no tap could be had on the bridge denied");
  });
});
