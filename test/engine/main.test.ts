/** The real engine, bundled as it is shipped: it composes, stays small and quiet, and leaves as it should. */

import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sleep } from "../../src/base/async.ts";
import { currentPaths } from "../../src/base/paths.ts";
import { isAlive, signalProcess } from "../../src/base/process-identity.ts";
import { connect } from "../../src/client/connect.ts";
import type { ConnectedClient } from "../../src/client/engine-client.ts";

const SRC = path.resolve(import.meta.dirname, "../../src");

let root: string;
let bundle: string;
let env: Record<string, string | undefined>;
let client: ConnectedClient;

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), "berth-main-"));
  bundle = path.join(root, "engine.cjs");
  env = { ...process.env, BERTH_HOME: path.join(root, "home") };
  await build({
    entryPoints: [path.join(SRC, "engine/main.ts")],
    outfile: bundle,
    ...{ bundle: true, platform: "node", target: "node22", format: "cjs", minify: true, logLevel: "error" },
    external: ["cpu-features", "*.node"],
  });
  client = await connect({ env, engineBundle: bundle });
});

afterAll(async () => {
  if (client) signalProcess(client.info.pid, "SIGKILL");
  await rm(root, { recursive: true, force: true, maxRetries: 5 });
});

const read = (file: string) => readFile(`/proc/${client.info.pid}/${file}`, "utf8");
const figure = (status: string, name: string) =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);

test("answers, with what this host offers", async () => {
  const info = await client.api.engine.info();
  expect(info).toMatchObject({
    id: client.info.id,
    pid: client.info.pid,
    protocol: 1,
    draining: false,
    problems: [],
  });
  expect(info.version).toMatch(/^\d+\.\d+\.\d+$/);
  expect(info.drivers.map(({ name }) => name)).toEqual(["qemu", "oci"]);
  expect((await client.api.instances.list()).items).toEqual([]);
  expect((await client.api.operations.list()).items).toEqual([]);
});

test("is called what it is", async () => {
  expect((await read("comm")).trim()).toBe("berth-engine");
});

test("refuses what cannot be, in its own words", async () => {
  await expect(client.api.instances.start({ name: "nope" })).rejects.toMatchObject({ code: "not-found" });
  await expect(client.exec("nope", {})).rejects.toMatchObject({ code: "not-found" });
});

test("idle, it takes at most 92 MiB and is woken at most once a second", async () => {
  await sleep(1000); // What its start and the calls above set off is over.
  const before = figure(await read("status"), "voluntary_ctxt_switches");
  await sleep(5000); // The time that is measured.
  const after = await read("status");
  expect(figure(after, "VmRSS") * 1024).toBeLessThanOrEqual(92 * 2 ** 20);
  expect(figure(after, "voluntary_ctxt_switches") - before).toBeLessThanOrEqual(5);
});

test.each(["the socket", "its directory"])(
  "where %s was cleaned away, it makes room for the next one",
  async (what) => {
    const other = { ...process.env, BERTH_HOME: path.join(root, `home-${what.slice(0, 3)}`) };
    const { endpoint, run } = currentPaths(other);
    const first = await connect({ env: other, engineBundle: bundle });
    first.dispose();
    await rm(what === "the socket" ? endpoint.path : run, { recursive: true });
    const second = await connect({ env: other, engineBundle: bundle });
    try {
      expect(second.info.pid).not.toBe(first.info.pid);
      expect((await second.api.instances.list()).items).toEqual([]);
    } finally {
      second.dispose();
      signalProcess(second.info.pid, "SIGKILL");
    }
  },
);

test("told to leave, it leaves without a trace but its files", async () => {
  const paths = currentPaths(env);
  signalProcess(client.info.pid, "SIGTERM");
  for (let n = 0; n < 500 && isAlive(client.info.pid); n += 1) {
    if (/^State:\s+Z/m.test(await read("status").catch(() => ""))) break;
    await sleep(10);
  }
  for (const file of [paths.engineFile, paths.endpoint.path])
    await expect(stat(file)).rejects.toMatchObject({ code: "ENOENT" });
  expect(await readFile(paths.log, "utf8")).toContain('"message":"leaving"');
  expect(await readFile(path.join(paths.data, "engine-output.log"), "utf8")).toBe("");
});
