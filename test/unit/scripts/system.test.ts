import { expect, test } from "vitest";
// @ts-expect-error See above.
import { isNewEnough } from "../../../scripts/lib/node24.mjs";
// @ts-expect-error The scripts are plain JavaScript, so that they run before anything is installed.
import { planInstall } from "../../../scripts/lib/system.mjs";

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
