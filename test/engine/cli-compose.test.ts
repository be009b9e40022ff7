/** Compose projects on the command line, over a real engine and a compose that is an object. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exists } from "../../src/base/durable.ts";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({ TAG: "7" }, bundle.cli);
  for (const folder of ["shop", "broken", "endless"]) await mkdir(path.join(berth.home, folder));
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
});

test("a project comes up from here, is listed, and goes down by its name from anywhere", async () => {
  expect(await berth.ok(["compose", "list"])).toBe("No compose projects on this host.\n");
  const cwd = path.join(berth.home, "shop");
  expect(await berth.ok(["compose", "up", "-e", "TAG"], { cwd })).toBe("bringing shop up at 7\n");
  expect(await berth.ok(["compose", "list"])).toMatch(
    /^Project +Service .*\nshop +web +shop-web-1 +running +compose.yaml +docker\n$/,
  );
  expect(await berth.json(["compose", "list"])).toMatchObject({
    projects: [{ name: "shop", directory: cwd, files: [path.join(cwd, "compose.yaml")] }],
  });
  expect(await berth.ok(["compose", "down", "shop"], { cwd: "/" })).toBe("bringing shop down\n");
  expect(await berth.json(["compose", "list"])).toEqual({ projects: [] });
});

test("files are meant as from here; the runtime is handed on", async () => {
  const cwd = berth.home;
  await berth.ok(["compose", "up", "two", "--runtime", "podman", "-f", "a.yaml", "-f", "b/c.yaml"], { cwd });
  expect(await berth.json(["compose", "list", "--runtime", "podman"])).toMatchObject({
    projects: [{ runtime: "podman", files: [path.join(cwd, "a.yaml"), path.join(cwd, "b/c.yaml")] }],
  });
  expect(await berth.json(["compose", "list", "--runtime", "docker"])).toEqual({ projects: [] });
});

test("what fails has printed before; what is nowhere is said so", async () => {
  const failed = await berth.run(["compose", "up"], { cwd: path.join(berth.home, "broken") });
  expect(failed).toMatchObject({ code: 2, stdout: "bringing broken up\n" });
  expect(failed.stderr).toContain("cannot bring broken up: compose ended with code 1");
  const unknown = await berth.run(["compose", "down", "nowhere"]);
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining("there is no such project") });
  const option = await berth.run(["compose", "down", "--", "--volumes"]);
  expect(option.code).not.toBe(0);
  expect(option.stderr).toContain("letters, digits and _.- are needed");
});

test("Ctrl-C ends it", async () => {
  const cwd = path.join(berth.home, "endless");
  const [node = "", ...args] = berth.argv;
  const child = spawn(node, [...args, "compose", "up"], { cwd, env: berth.env });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const closed = once(child, "close");
  await expect.poll(() => exists(path.join(cwd, "begun"))).toBe(true);
  child.kill("SIGINT");
  await closed;
  expect(stderr).toContain("cannot bring the project up: cancelled");
});
