/** suspend, clone, rename, sizes and delayed stops on the command line, over a real engine and fake guests. */
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exists } from "../../src/base/durable.ts";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({}, bundle.cli);
  await berth.ok(["launch", "--name", "web"]);
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
});

const stateOf = async (name: string) => {
  const { list } = (await berth.json(["list"])) as { list: { name: string; state: string }[] };
  return list.find((one) => one.name === name)?.state;
};

test("suspend and start", async () => {
  await berth.ok(["suspend", "web"]);
  expect(await stateOf("web")).toBe("Suspended");
  expect(await berth.run(["clone", "web"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("cannot clone web: it is suspended"),
  });
  await berth.ok(["start", "web"]);
  expect(await stateOf("web")).toBe("Running");
  await berth.ok(["suspend", "--all"]);
  await berth.ok(["start", "--cold", "web"]);
  expect(await stateOf("web")).toBe("Running");
});

test("a delayed stop returns at once, and is cancelled", async () => {
  await berth.ok(["stop", "-t", "+30", "web"]);
  await berth.ok(["stop", "--cancel", "web"]);
  expect(await stateOf("web")).toBe("Running");
  for (const wrong of [
    ["--time", "soon"],
    ["--time", "-5"],
    ["--cancel", "--time", "5"],
    ["--force", "--time", "5"],
  ]) {
    expect(await berth.run(["stop", ...wrong, "web"]), wrong.join(" ")).toMatchObject({ code: 1 });
  }
  expect(await stateOf("web")).toBe("Running");
});

test("sizes are settings of a stopped instance", async () => {
  expect(await berth.run(["set", "local.web.cpus=2"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("cannot update web: it is running"),
  });
  await berth.ok(["stop", "web"]);
  await berth.ok(["set", "local.web.cpus=2"]);
  await berth.ok(["set", "local.web.memory=1.5G"]);
  await berth.ok(["set", "local.web.disk=6G"]);
  expect(await berth.ok(["get", "local.web.cpus"])).toBe("2\n");
  expect(await berth.ok(["get", "local.web.memory"])).toBe("1.5GiB\n");
  expect(await berth.ok(["get", "local.web.disk", "--raw"])).toBe(`${6 * 2 ** 30}\n`);
  expect((await berth.ok(["get", "--keys"])).split("\n")).toEqual(
    expect.arrayContaining(["local.web.cpus", "local.web.disk", "local.web.memory"]),
  );
  expect(await berth.run(["set", "local.web.disk=1G"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("cannot set disk of web: it can only be enlarged"),
  });
  expect((await berth.run(["set", "local.web.memory=1CiG"])).stderr).toContain(
    "1CiG is not a valid memory size",
  );
  expect((await berth.run(["get", "local.nosuch.cpus"])).stderr).toContain(
    'instance "nosuch" does not exist',
  );
  expect((await berth.run(["get", "local.web.colour"])).code).toBe(1);
});

test("clone and rename", async () => {
  expect(await berth.ok(["clone", "web"])).toBe("Cloned from web to web-clone1.\n");
  expect(await berth.ok(["clone", "web", "-n", "copy"])).toBe("Cloned from web to copy.\n");
  expect(await berth.run(["clone", "web", "-n", "copy"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('instance "copy" already exists'),
  });
  expect(await berth.ok(["rename", "copy", "shop"])).toBe("Renamed: copy to shop\n");
  expect(await stateOf("shop")).toBe("Stopped");
  expect(await stateOf("copy")).toBeUndefined();
  expect((await berth.run(["rename", "shop", "web"])).code).toBe(2);
  expect((await berth.run(["rename", "shop", "-bad"])).code).toBe(1);
  expect((await berth.run(["rename", "shop", "9bad"])).code).toBe(1);
});

test("an alias and its script are gone with their instance, and not before", async () => {
  await berth.ok(["launch", "--name", "short"]);
  await berth.ok(["alias", "short:echo", "speak"]);
  const script = path.join(berth.home, "data", "bin", "speak");
  await berth.ok(["delete", "short"]);
  expect(await exists(script)).toBe(true);
  await berth.ok(["purge"]);
  expect(await exists(script)).toBe(false);
  expect(await berth.ok(["aliases"])).toBe("No aliases defined.\n");
});

test("a start that takes too long is left alone, and goes on", async () => {
  await berth.ok(["launch", "--name", "slow"]);
  await berth.ok(["stop", "slow"]);
  await berth.ok(["rename", "slow", "never-ready"]);
  expect(await berth.run(["start", "never-ready", "--timeout", "1"])).toMatchObject({
    code: 5,
    stderr: expect.stringContaining("start failed: Timed out waiting for instance to start.\n"),
  });
  expect(await stateOf("never-ready")).toBe("Starting");
  await berth.ok(["stop", "--force", "never-ready"]);
  await berth.ok(["delete", "--purge", "never-ready"]);
});
