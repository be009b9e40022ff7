import { describe, expect, test } from "vitest";
import { loginUnit, UNIT_MARK, type UnitInputs } from "../../../src/cli/login-unit.ts";

const linux: UnitInputs = {
  ...{ platform: "linux", env: {}, home: "/home/ada" },
  ...{ execPath: "/usr/bin/node", engine: "/opt/berth/engine.js" },
};
const darwin: UnitInputs = { ...linux, platform: "darwin", home: "/Users/ada" };
const win32: UnitInputs = {
  ...{ platform: "win32", env: {}, home: "C:\\Users\\ada" },
  ...{ execPath: "C:\\Program Files\\node.exe", engine: "C:\\berth\\engine.js" },
};

test.each([
  [linux, {}, "/home/ada/.config/systemd/user/berth.service"],
  [linux, { XDG_CONFIG_HOME: "/c" }, "/c/systemd/user/berth.service"],
  [darwin, {}, "/Users/ada/Library/LaunchAgents/dev.berth.engine.plist"],
  [
    win32,
    {},
    "C:\\Users\\ada\\AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Startup\\berth.cmd",
  ],
  [win32, { APPDATA: "D:\\R" }, "D:\\R\\Microsoft\\Windows\\Start Menu\\Programs\\Startup\\berth.cmd"],
] as const)("%# goes where that platform looks", (inputs, env, file) => {
  const unit = loginUnit({ ...inputs, env });
  expect(unit.file).toBe(file);
  expect(unit.text).toContain(UNIT_MARK);
});

describe("systemd", () => {
  test("the engine leaves without taking its instances with it, and starts at login", () => {
    const { text, enable, disable, hint } = loginUnit(linux);
    expect(text.split("\n")).toEqual([
      "# berth-autostart",
      "[Unit]",
      "Description=Berth's engine: starts the instances that shall start by themselves",
      "",
      "[Service]",
      "Type=exec",
      'Environment="ELECTRON_RUN_AS_NODE=1"',
      'ExecStart="/usr/bin/node" "/opt/berth/engine.js"',
      "KillMode=process",
      "",
      "[Install]",
      "WantedBy=default.target",
      "",
    ]);
    expect(enable.at(-1)).toEqual(["systemctl", "--user", "enable", "berth.service"]);
    expect(disable).toEqual([["systemctl", "--user", "disable", "berth.service"]]);
    expect(hint).toContain("loginctl enable-linger");
  });

  test("nothing in a path is a specifier, a variable or the end of its quotes", () => {
    const odd = '/o "d%d/$x\\y';
    const { text } = loginUnit({ ...linux, execPath: odd, env: { BERTH_HOME: odd } });
    expect(text).toContain('ExecStart="/o \\"d%%d/$$x\\\\y" ');
    expect(text).toContain('Environment="BERTH_HOME=/o \\"d%%d/$x\\\\y"\n');
  });
});

test("launchd runs the engine at login and leaves its instances alone", () => {
  const { text, enable } = loginUnit({ ...darwin, engine: "/a & <b>/engine.js", env: { BERTH_HOME: "/h" } });
  expect(text).toContain("<string>/usr/bin/node</string><string>/a &amp; &lt;b&gt;/engine.js</string>");
  expect(text).toContain("<key>BERTH_HOME</key><string>/h</string>");
  expect(text).toContain("<key>RunAtLoad</key><true/>\n  <key>AbandonProcessGroup</key><true/>");
  expect(enable).toEqual([]);
});

test("Windows runs a script that leaves no window and expands nothing in a path", () => {
  const { text } = loginUnit({ ...win32, engine: "C:\\100%\\engine.js", env: { BERTH_HOME: "D:\\b" } });
  expect(text.split("\r\n")).toEqual([
    "@echo off",
    "rem berth-autostart",
    "setlocal",
    'set "ELECTRON_RUN_AS_NODE=1"',
    'set "BERTH_HOME=D:\\b"',
    'start "" /b "C:\\Program Files\\node.exe" "C:\\100%%\\engine.js"',
    "",
  ]);
});
