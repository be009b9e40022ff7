import fc from "fast-check";
import { expect, test } from "vitest";
import { type PathInputs, pathsFor } from "../../../src/base/paths.ts";

const linux: PathInputs = { platform: "linux", env: {}, home: "/home/ada", tmp: "/tmp", user: "ada" };
const mac: PathInputs = {
  platform: "darwin",
  env: {},
  home: "/Users/ada",
  tmp: "/var/folders/x/T",
  user: "ada",
};
const windows: PathInputs = {
  platform: "win32",
  env: { LOCALAPPDATA: "C:\\Users\\ada\\AppData\\Local" },
  home: "C:\\Users\\ada",
  tmp: "C:\\Temp",
  user: "ada",
};

test("Linux follows XDG", () => {
  const paths = pathsFor(linux);
  expect(paths.data).toBe("/home/ada/.local/share/berth");
  expect(paths.images).toBe("/home/ada/.cache/berth/images");
  expect(paths.endpoint).toEqual({ kind: "unix", path: "/home/ada/.local/share/berth/run/engine.sock" });
  const moved = pathsFor({ ...linux, env: { XDG_DATA_HOME: "/srv/data", XDG_CACHE_HOME: "/srv/cache" } });
  expect([moved.data, moved.cache]).toEqual(["/srv/data/berth", "/srv/cache/berth"]);
});

test("macOS uses Library", () => {
  const paths = pathsFor(mac);
  expect(paths.data).toBe("/Users/ada/Library/Application Support/berth");
  expect(paths.cache).toBe("/Users/ada/Library/Caches/berth");
});

test("Windows uses LOCALAPPDATA and a named pipe of this user and data directory", () => {
  const paths = pathsFor(windows);
  expect(paths.database).toBe("C:\\Users\\ada\\AppData\\Local\\berth\\data\\berth.db");
  expect(paths.endpoint.kind).toBe("pipe");
  expect(paths.endpoint.path).toMatch(/^\\\\\.\\pipe\\berth-[0-9a-f]{12}$/);
  expect(pathsFor({ ...windows, user: "bob" }).endpoint.path).not.toBe(paths.endpoint.path);
});

test("BERTH_HOME holds everything", () => {
  const paths = pathsFor({ ...linux, env: { BERTH_HOME: "/x" } });
  expect([paths.data, paths.cache, paths.run]).toEqual(["/x/data", "/x/cache", "/x/data/run"]);
});

test("socket paths fit every platform's limit, however deep the home is", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9]{1,160}$/), fc.constantFrom(linux, mac), (deep, base) => {
      const paths = pathsFor({ ...base, home: `/home/${deep}` });
      expect(`${paths.run}/`.length + 24).toBeLessThanOrEqual(103);
      expect(paths.endpoint.path.length).toBeLessThanOrEqual(103);
    }),
  );
});
