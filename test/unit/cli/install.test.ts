import { expect, test } from "vitest";
import { shimPlace } from "../../../src/cli/install.ts";
import { SHIM_MARK, shimScripts } from "../../../src/client/shim.ts";

test.each([
  ["linux", {}, "/home/ada", "/home/ada/.local/bin/berth"],
  ["darwin", {}, "/Users/ada", "/Users/ada/.local/bin/berth"],
  ["win32", { LOCALAPPDATA: "C:\\L" }, "C:\\Users\\ada", "C:\\L\\berth\\bin\\berth.cmd"],
  ["win32", {}, "C:\\Users\\ada", "C:\\Users\\ada\\AppData\\Local\\berth\\bin\\berth.cmd"],
] as const)("on %s the command goes where users' commands are", (platform, env, home, file) => {
  expect(shimPlace(platform, env, home).file).toBe(file);
});

test("scripts carry our mark, quote what they run and pass all arguments on", () => {
  const scripts = shimScripts({ execPath: "/opt/it's here/code", cli: "/x y/cli.js" });
  expect(scripts["berth"]).toContain(SHIM_MARK);
  expect(scripts["berth"]).toContain(`'/opt/it'\\''s here/code' '/x y/cli.js' "$@"`);
  expect(scripts["berth.cmd"]).toContain(SHIM_MARK);
});
