import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
// @ts-expect-error See above.
import { isNewEnough } from "../../../scripts/lib/node24.mjs";
// @ts-expect-error The scripts are plain JavaScript, so that they run before anything is installed.
import { planInstall } from "../../../scripts/lib/system.mjs";
import { run } from "../../../src/base/run.ts";

const qemu = {
  program: "qemu-system-x86_64",
  "apt-get": "qemu-system-x86",
  brew: "qemu",
  winget: "SoftwareFreedomConservancy.QEMU",
};
const image = {
  program: "qemu-img",
  "apt-get": "qemu-utils",
  brew: "qemu",
  winget: "SoftwareFreedomConservancy.QEMU",
};
const debianOnly = { program: "mmdebstrap", "apt-get": "mmdebstrap" };

test("apt installs everything in one command, with sudo where needed", () => {
  const plan = planInstall([qemu, image, debianOnly], "apt-get", { root: false });
  expect(plan.commands).toEqual([
    ["sudo", "apt-get", "update", "-q"],
    [
      "sudo",
      "sh",
      "-c",
      expect.stringContaining("exit 101"),
      "/usr/sbin/policy-rc.d",
      "apt-get",
      "install",
      "-y",
      "-q",
      "--no-install-recommends",
      "qemu-system-x86",
      "qemu-utils",
      "mmdebstrap",
    ],
  ]);
  expect(planInstall([qemu], "apt-get", { root: true }).commands[0][0]).toBe("apt-get");
});

test("what apt installs starts no service, and what stood in the way before stays", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "berth-policy-"));
  try {
    const [, command] = planInstall([debianOnly], "apt-get", { root: true }).commands;
    const [shell, option, script] = command;
    const policy = path.join(folder, "policy-rc.d");
    const installing = (...argv: string[]) => run([shell, option, script, policy, ...argv]);
    await expect(installing(policy)).rejects.toMatchObject({ exitCode: 101 });
    expect(await readdir(folder)).toEqual([]);
    await writeFile(policy, "theirs");
    expect((await installing("cat", policy)).stdout).toBe("theirs");
    expect(await readFile(policy, "utf8")).toBe("theirs");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("brew and winget name a package once, never use sudo, and say what they do not have", () => {
  expect(planInstall([qemu, image, debianOnly], "brew", { root: false })).toEqual({
    packages: ["qemu"],
    commands: [["brew", "install", "qemu"]],
    unknown: ["mmdebstrap"],
  });
  const winget = planInstall([qemu], "winget", { root: false });
  expect(winget.commands).toHaveLength(1);
  expect(winget.commands[0]).toContain("SoftwareFreedomConservancy.QEMU");
});

test("nothing missing, nothing done", () => {
  expect(planInstall([], "apt-get", { root: true }).commands).toEqual([]);
});

test.each([
  ["v20.20.2", false],
  ["v22.14.0", false],
  ["v22.15.0", true],
  ["24.21.0", true],
])("Node %s is new enough: %s", (version, enough) => {
  expect(isNewEnough(version)).toBe(enough);
});
