/** Zones, and networks between instances, on the command line, over a real engine and fake guests. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;
let multipass: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({}, bundle.cli);
  multipass = berth.as({ BERTH_COMMAND_NAME: "multipass" });
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
});

const list = async () => (await multipass.ok(["list", "--format", "csv"])).trim().split("\n").slice(1);

test("launch tells the zone under the name multipass, and takes it", async () => {
  expect(await multipass.ok(["launch", "--name", "web"])).toBe("Launched: web in zone1\n");
  expect(await multipass.ok(["launch", "--name", "db", "--zone", "zone3"])).toBe("Launched: db in zone3\n");
  expect(await berth.ok(["launch", "--name", "api"])).toBe("Launched: api\n");
  expect((await list()).map((line) => line.split(",").slice(-2).join())).toEqual([
    "zone2,true",
    "zone3,true",
    "zone1,true",
  ]);
  expect(await multipass.run(["launch", "--zone", "zone7"])).toEqual({
    code: 2,
    stdout: "",
    stderr: 'launch failed: zone "zone7" does not exist\n',
  });
});

test("zones prints names, availability and subnets", async () => {
  const zones = (await berth.json(["zones"])) as Record<string, { available: boolean; subnet: string }>;
  expect(Object.keys(zones)).toEqual(["zone1", "zone2", "zone3"]);
  expect(zones["zone2"]).toMatchObject({
    available: true,
    subnet: expect.stringMatching(/^10\.\d+\.32\.0\/20$/),
  });
  expect(await multipass.ok(["zones"])).toMatch(/^Name {4}State {8}Subnet\nzone1 {3}Available {4}10\./);
});

test("disable-zones wants a confirmation, stops what runs, and enable-zones brings it back", async () => {
  expect(await multipass.run(["disable-zones", "1"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("Use '--force' to forcefully make unavailable"),
  });
  expect(await multipass.ok(["disable-zones", "--force", "1", "zone2"])).toBe(
    "Zones disabled: zone1, zone2\n",
  );
  expect((await list()).map((line) => line.split(",").slice(0, 2).join())).toEqual([
    "api,Unavailable",
    "db,Running",
    "web,Unavailable",
  ]);
  expect(await multipass.ok(["list"])).toMatch(/^web .*Unavailable.*--.*zone1\(n\/a\)$/m);
  for (const verb of [
    ["start", "web"],
    ["exec", "web", "--", "true"],
    ["shell", "web"],
    ["suspend", "web"],
  ]) {
    const { code, stderr } = await multipass.run(verb);
    expect({ code, stderr }, verb.join(" ")).toEqual({
      code: 2,
      stderr: `${verb[0]} failed: its zone, zone1, is disabled\n`,
    });
  }
  expect(await multipass.run(["launch", "--zone", "zone1"])).toMatchObject({
    code: 2,
    stderr: "launch failed: zone1 is disabled\n",
  });
  expect(await multipass.ok(["enable-zones", "zone1"])).toBe("Zone enabled: zone1\n");
  expect(await multipass.ok(["enable-zones", "--all"])).toBe("All zones enabled\n");
  expect((await list()).filter((line) => line.includes(",Running,"))).toHaveLength(3);
});

test("wrong words are refused", async () => {
  expect((await multipass.run(["disable-zones"])).code).toBe(1);
  expect((await multipass.run(["enable-zones", "--all", "zone1"])).code).toBe(1);
  expect(await multipass.run(["enable-zones", "7"])).toMatchObject({
    code: 2,
    stderr: 'enable-zones failed: zone "7" does not exist\n',
  });
});

test("berth.yaml says the zone", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "berth-zone-file-"));
  const file = path.join(folder, "berth.yaml");
  try {
    await writeFile(file, "instances:\n  placed: {zone: zone3}\n");
    await berth.ok(["up", "--file", file]);
    expect(await list()).toContainEqual(expect.stringMatching(/^placed,Running,.*,zone3,true$/));
    await writeFile(file, "instances:\n  placed: {zone: zone2}\n");
    expect(await berth.ok(["status", "--file", file])).toMatch(/placed +Running +zone \w+, file says/);
    expect((await berth.run(["up", "--file", file])).stderr).toContain("placed is in zone3, and stays there");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("networks between instances are made, filled, told and taken away", async () => {
  expect(await berth.run(["launch", "--name", "mate", "--network", "private:team"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Make it: berth network create team"),
  });
  await berth.ok(["network", "create", "team"]);
  await berth.ok(["launch", "--name", "mate", "--network", "private:team"]);
  await berth.ok(["launch", "--name", "other", "--network", "nat"]);
  expect(await berth.ok(["info", "other"])).toContain("Reaches:        what this host reaches (nat)\n");
  await berth.ok(["network", "set", "other", "private:team"]);
  expect(await berth.ok(["info", "other"])).toContain("Reaches:        the instances in team\n");
  expect(await berth.ok(["network", "list"])).toBe("Name  Instances\nteam  mate, other\n");
  expect(await berth.json(["network", "info", "team"])).toMatchObject({
    ...{ name: "team", instances: [{ name: "mate", state: "running" }, { name: "other" }] },
  });
  expect(await berth.run(["network", "delete", "team"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("mate, other are in it"),
  });
  for (const name of ["mate", "other"]) await berth.ok(["delete", "--purge", name]);
  await berth.ok(["network", "delete", "team"]);
  expect(await berth.ok(["network", "list"])).toBe("No networks between instances found.\n");
  expect((await berth.run(["network", "set", "web", "private:Team"])).stderr).toContain(
    "Write default, nat, isolated, or private:NAME.",
  );
});

test("berth.yaml says what it reaches, and up makes the network", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "berth-reach-file-"));
  const file = path.join(folder, "berth.yaml");
  try {
    await writeFile(file, "instances:\n  x: {network: private:lab}\n  y: {network: private:lab}\n");
    await berth.ok(["up", "--file", file]);
    expect(await berth.ok(["network", "list"])).toBe("Name  Instances\nlab   x, y\n");
    await writeFile(file, "instances:\n  x: {network: isolated}\n  y: {network: private:lab}\n");
    expect(await berth.ok(["status", "--file", file])).toMatch(
      /x +Running +network private:lab, file says isolated/,
    );
    await berth.ok(["up", "--file", file]);
    expect(await berth.ok(["network", "list"])).toBe("Name  Instances\nlab   y\n");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
