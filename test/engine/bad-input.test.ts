/** Everything the API must refuse, over its socket: with a clear error, and every byte of every instance as it was. */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { request } from "node:http";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { silentLog } from "../../src/engine/log.ts";
import { type EngineServer, startServer } from "../../src/engine/server/server.ts";
import { FakeWorld, succeeded } from "../support/fake-engine.ts";

let world: FakeWorld;
let engine: EngineCore;
let server: EngineServer;

beforeAll(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
  for (const name of ["stopped", "running", "deleted"])
    await succeeded(engine, engine.instances.launch({ name }));
  await succeeded(engine, engine.instances.stop("stopped", { force: true }));
  await succeeded(engine, engine.snapshots.take("stopped", { name: "one", comment: "" }));
  await succeeded(engine, engine.instances.delete("deleted", { purge: false }));
  engine.aliases.add("ll", { instance: "stopped", command: "ls", workingDirectory: "map" });
  await mkdir(path.join(world.root, "shared"));
  await writeFile(path.join(world.root, "a-file"), "");
  await symlink(path.join(world.paths.instances), path.join(world.root, "link"));
  const { endpoint } = world.paths;
  server = await startServer({ core: engine, version: "0", endpoint, user: "tester", log: silentLog });
});
afterAll(async () => {
  await server?.close();
  await world?.dispose();
});

type Answer = { status: number; code: string | undefined; message: string };

function ask(method: string, url: string, body: string): Promise<Answer> {
  const headers = {
    host: "localhost",
    ...(method === "DELETE" ? {} : { "content-type": "application/json" }),
  };
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: world.paths.endpoint.path, path: `/v1${url}`, method, headers },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => {
          const answer = JSON.parse(text) as { code?: string; message?: string };
          const { code, message = "" } = answer;
          resolve({ status: response.statusCode ?? 0, code, message });
        });
      },
    );
    asked.on("error", reject);
    asked.end(method === "DELETE" ? undefined : body);
  });
}

/** Every file of every instance by its content, and what the API shows of them. */
async function state(): Promise<unknown> {
  const names = await readdir(world.paths.instances, { recursive: true, withFileTypes: true });
  const files = names.filter((one) => one.isFile()).map((one) => path.join(one.parentPath, one.name));
  const sums = await Promise.all(
    files.sort().map(async (file) => [
      file,
      createHash("sha256")
        .update(await readFile(file))
        .digest("hex"),
    ]),
  );
  const { aliases, instances, snapshots } = engine;
  return { sums, instances: instances.list(), snapshots: snapshots.list("stopped"), aliases: aliases.list() };
}

const HUGE = "9".repeat(400);
const bomb = `#cloud-config\na: &a [x,x,x,x,x,x,x,x,x]\n${[..."bcdefghi"]
  .map((key, index) => {
    const before = "abcdefgh"[index];
    return `${key}: &${key} [${Array(9).fill(`*${before}`).join(",")}]`;
  })
  .join("\n")}\n`;

type Case = [name: string, method: string, url: string, body: unknown, code: string];

const launch = (name: string, body: object, code = "invalid-argument"): Case => [
  `launch with ${name}`,
  "POST",
  "/instances",
  { name: "fresh", ...body },
  code,
];

const LAUNCHES: Case[] = [
  launch("a taken name", { name: "running" }, "already-exists"),
  launch("the name of a deleted one", { name: "deleted" }, "already-exists"),
  launch("a path for a name", { name: "../running" }),
  launch("a name with a line break", { name: "a\nb" }),
  launch("a name that is too long", { name: "a".repeat(64) }),
  launch("no CPU", { cpus: 0 }),
  launch("negative memory", { memoryBytes: -1 }),
  launch("memory that is no whole number", { memoryBytes: 2 ** 30 + 0.5 }),
  launch("memory beyond all numbers", { memoryBytes: 2 ** 60 }),
  launch("a disk beyond all numbers", { diskBytes: 1e300 }),
  launch("a tiny disk", { diskBytes: 1024 }),
  launch("an unknown key", { cpu: 2 }),
  launch("user-data that is no cloud-config", { userData: "hello" }),
  launch("user-data that is no YAML", { userData: "#cloud-config\na: [\n" }),
  launch("a YAML bomb", { userData: bomb }),
  launch("user-data with a NUL", { userData: "#cloud-config\na: \0\n" }),
  launch("huge user-data", { userData: `#cloud-config\n${"#".repeat(2 ** 20)}` }),
  launch("a mount of nothing", { mounts: [{ source: "/nonesuch" }] }),
  launch("a mount of a relative path", { mounts: [{ source: "shared" }] }),
  launch("no time", { timeoutMs: 0 }),
  launch("an unknown zone", { zone: "../zone1" }, "not-found"),
];

const ON_ONE: Case[] = [
  ["start an unknown one", "POST", "/instances/nobody/start", {}, "not-found"],
  ["start a deleted one", "POST", "/instances/deleted/start", {}, "wrong-state"],
  ["start by a path", "POST", "/instances/..%2Frunning/start", {}, "not-found"],
  ["suspend a stopped one", "POST", "/instances/stopped/suspend", {}, "wrong-state"],
  ["restart a stopped one", "POST", "/instances/stopped/restart", {}, "wrong-state"],
  ["recover an unknown one", "POST", "/instances/nobody/recover", {}, "not-found"],
  ["purge one that is not deleted", "POST", "/instances/running/purge", {}, "wrong-state"],
  ["enlarge a running one", "PATCH", "/instances/running", { cpus: 2 }, "wrong-state"],
  ["shrink a disk", "PATCH", "/instances/stopped", { diskBytes: 2 ** 30 }, "invalid-argument"],
  ["give it no CPU", "PATCH", "/instances/stopped", { cpus: 0 }, "invalid-argument"],
  ["give it a half CPU", "PATCH", "/instances/stopped", { cpus: 1.5 }, "invalid-argument"],
  ["rename to a taken name", "POST", "/instances/stopped/rename", { to: "running" }, "already-exists"],
  ["rename to a path", "POST", "/instances/stopped/rename", { to: "../x" }, "invalid-argument"],
  ["rename to nothing", "POST", "/instances/stopped/rename", { to: "" }, "invalid-argument"],
  ["clone a running one", "POST", "/instances/running/clone", {}, "wrong-state"],
  ["clone to a path", "POST", "/instances/stopped/clone", { as: "a/b" }, "invalid-argument"],
  ["snapshot a running one", "POST", "/instances/running/snapshots", {}, "wrong-state"],
  ["a taken snapshot name", "POST", "/instances/stopped/snapshots", { snapshot: "one" }, "already-exists"],
  ["a snapshot path", "POST", "/instances/stopped/snapshots", { snapshot: "../x" }, "invalid-argument"],
  ["restore a missing snapshot", "POST", "/instances/stopped/snapshots/two/restore", {}, "not-found"],
  ["remove a missing snapshot", "DELETE", "/instances/stopped/snapshots/two", {}, "not-found"],
  ["port 0", "POST", "/instances/running/ports", { guestPort: 0 }, "invalid-argument"],
  ["port 65536", "POST", "/instances/running/ports", { guestPort: 65_536 }, "invalid-argument"],
  [
    "a port at a name",
    "POST",
    "/instances/running/ports",
    { guestPort: 80, hostAddress: "localhost" },
    "invalid-argument",
  ],
  ["close no port", "DELETE", "/instances/running/ports/tcp/1", {}, "not-found"],
  ["mount nothing", "POST", "/instances/running/mounts", { source: "" }, "invalid-argument"],
  ["mount a relative path", "POST", "/instances/running/mounts", { source: "../x" }, "invalid-argument"],
  ["mount what is missing", "POST", "/instances/running/mounts", { source: "/nonesuch" }, "invalid-argument"],
  ["mount with a NUL", "POST", "/instances/running/mounts", { source: "/tmp\0" }, "invalid-argument"],
  ["unmount nothing", "POST", "/instances/running/unmount", { target: "/nothing" }, "not-found"],
  [
    "an alias of an unknown one",
    "POST",
    "/aliases",
    { alias: "x", instance: "no", command: "ls", workingDirectory: "map" },
    "not-found",
  ],
];

async function refused([name, method, url, body, code]: Case): Promise<void> {
  const before = await state();
  const text = JSON.stringify(body);
  const answer = await ask(method, url, text);
  expect({ name, ...answer }).toMatchObject({ code });
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(answer.message).not.toBe("");
  expect(await state()).toEqual(before);
}

describe("launches", () => {
  test.each(LAUNCHES)("%s", (...one) => refused(one));
});

describe("what is asked of one", () => {
  test.each(ON_ONE)("%s", (...one) => refused(one));

  test("a mount of a file, or into the guest's own roots", async () => {
    const source = path.join(world.root, "a-file");
    await refused(["a file", "POST", "/instances/running/mounts", { source }, "invalid-argument"]);
    const shared = path.join(world.root, "shared");
    for (const target of ["/", "/proc", "/a\nb", "../../etc", "/srv/../../etc", "/srv/../"])
      await refused([
        target,
        "POST",
        "/instances/running/mounts",
        { source: shared, target },
        "invalid-argument",
      ]);
  });
});

test.each([
  ["not JSON", "{"],
  ["a list", "[]"],
  ["a number of four hundred digits", `{"cpus": ${HUGE}}`],
  ["a number that is a text", '{"cpus": "2"}'],
  ["a prototype", '{"__proto__": {"cpus": 2}, "constructor": 1}'],
])("a body that is %s", async (_name, body) => {
  const before = await state();
  const answer = await ask("POST", "/instances", body);
  expect(answer).toMatchObject({ code: "invalid-argument" });
  expect(await state()).toEqual(before);
});
