/** Compose by programs that stand for the real ones, on a PATH of the test's own, and a runtime that answers. */
import { once } from "node:events";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ComposeRun } from "../../../../../src/api/compose.ts";
import { exists } from "../../../../../src/base/durable.ts";
import { RuntimeApi } from "../../../../../src/engine/drivers/oci/api.ts";
import { OciCompose } from "../../../../../src/engine/drivers/oci/compose.ts";
import { composeArgv, composeProjects } from "../../../../../src/engine/drivers/oci/compose-projects.ts";
import { hostOf, parseHost, type Runtime } from "../../../../../src/engine/drivers/oci/endpoints.ts";
import { foundOf } from "../../../../../src/engine/drivers/oci/foreign.ts";
import { silentLog } from "../../../../../src/engine/log.ts";

let directory: string;
let server: Server;
let listed: unknown[];
let printed: string;

beforeEach(async () => {
  directory = await realpath(await mkdtemp(path.join(tmpdir(), "berth-compose-")));
  await mkdir(path.join(directory, "bin"));
  vi.stubEnv("PATH", path.join(directory, "bin"));
  [listed, printed] = [[], ""];
  server = createServer((_request, response) => response.end(JSON.stringify(listed)));
  await once(server.listen(path.join(directory, "r.sock")), "listening");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true, force: true });
});

const program = (name: string, script: string) =>
  writeFile(path.join(directory, "bin", name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

const SAYS = 'echo "$0 $* in $PWD at $DOCKER_HOST $CONTAINER_HOST for $TAG"';

function run(runtime: Runtime, request: ComposeRun, signal = new AbortController().signal): Promise<void> {
  const address = { socketPath: path.join(directory, "r.sock") };
  const compose = new OciCompose(async () => [new RuntimeApi({ runtime, name: runtime, address })]);
  const ctx = { signal, progress: () => {}, log: silentLog };
  return compose.run(ctx, request, (text) => {
    printed += text;
  });
}

test("Docker's own word is preferred, and its stand-alone program taken where that word is unknown", async () => {
  await program("docker-compose", SAYS);
  await program("docker", 'echo "docker: unknown command" >&2; exit 1');
  await run("docker", { verb: "up", directory, env: { TAG: "7" } });
  const host = `unix://${directory}/r.sock`;
  expect(printed).toBe(`${directory}/bin/docker-compose up --detach in ${directory} at ${host}  for 7\n`);
  printed = "";
  await program("docker", SAYS);
  await run("docker", { verb: "down", project: "shop", files: [`${directory}/a.yaml`] });
  expect(printed).toContain(`docker compose --project-name shop --file ${directory}/a.yaml down in`);
});

test("Podman's is led to the same Podman", async () => {
  await program("podman", "exit 125");
  await program("podman-compose", SAYS);
  await run("podman", { verb: "up", directory });
  const host = `unix://${directory}/r.sock`;
  expect(printed).toContain(`podman-compose up --detach in ${directory} at ${host} ${host} for`);
});

test("what is not installed is said so, with what to do", async () => {
  await expect(run("docker", { verb: "up", directory })).rejects.toMatchObject({
    code: "missing-dependency",
    message: "cannot use compose: Docker has no compose here",
    hint: expect.stringContaining("docker-compose"),
  });
});

test("a failure ends with compose's last words", async () => {
  await program("docker-compose", 'echo pulling; echo "no such service: db" >&2; exit 14');
  await expect(run("docker", { verb: "up", directory })).rejects.toMatchObject({
    code: "driver-failed",
    message: `cannot bring ${directory} up: docker-compose ended with code 14: no such service: db`,
  });
  expect(printed).toContain("pulling\n");
});

test("whoever leaves ends it", async () => {
  await program(
    "docker-compose",
    `trap 'echo > ${directory}/ended; exit' TERM; echo up; while :; do :; done`,
  );
  const leaving = new AbortController();
  const ended = expect(run("docker", { verb: "up", directory }, leaving.signal)).rejects.toThrow();
  await expect.poll(() => printed).toBe("up\n");
  leaving.abort();
  await ended;
  expect(await exists(path.join(directory, "ended"))).toBe(true);
});

const DOCKER = "com.docker.compose.";
const container = (id: string, labels: Record<string, string>, State = "running") => ({
  ...{ Id: id, Names: [`/${id}`], Image: "web:1", State },
  Labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [DOCKER + key, value])),
});

test("a project that is there is known by its name alone; one whose files are nowhere told is not", async () => {
  await program("docker-compose", SAYS);
  const told = { "project.working_dir": directory, "project.config_files": "a.yaml,b.yaml" };
  listed = [container("a", { project: "shop", ...told }), container("b", { project: "mute" })];
  await run("docker", { verb: "down", project: "shop" });
  const files = `--file ${directory}/a.yaml --file ${directory}/b.yaml`;
  expect(printed).toContain(`--project-name shop ${files} down in ${directory} `);
  await expect(run("docker", { verb: "down", project: "mute" })).rejects.toThrow(
    "cannot bring mute down: its containers do not tell where its files are",
  );
  await expect(run("docker", { verb: "up", project: "none" })).rejects.toThrow("there is no such project");
});

test("containers are in their projects, in order", () => {
  const one = { project: "shop", service: "web", "project.working_dir": "/src/shop" };
  const projects = composeProjects("docker", [
    container("shop-web-2", { project: "shop" }, "exited"),
    { ...container("lone", {}), Labels: null },
    container("shop-web-1", { ...one, "project.config_files": "/etc/c.yaml" }),
    { Id: "f".repeat(64), Labels: { "io.podman.compose.project": "pod" } },
  ]);
  expect(projects).toMatchObject([
    {
      ...{ name: "shop", directory: "/src/shop", files: ["/etc/c.yaml"] },
      containers: [
        { name: "shop-web-1", service: "web", state: "running" },
        { name: "shop-web-2", service: "shop-web-2", state: "stopped" },
      ],
    },
    { name: "pod", files: [], containers: [{ name: "f".repeat(12) }] },
  ]);
});

test("a container tells its project, whoever's compose has made it", () => {
  const of = (labels: Record<string, string> | null) =>
    foundOf("docker", { ...container("a", {}), Labels: labels }).composeProject;
  expect(of({ "com.docker.compose.project": "shop" })).toBe("shop");
  expect(of({ "com.docker.compose.project": "", "io.podman.compose.project": "pod" })).toBe("pod");
  expect(of({ other: "x" })).toBeUndefined();
  expect(of(null)).toBeUndefined();
});

test("labels of strangers break no list, and never lead to a file without a place", () => {
  const labels = fc.dictionary(
    fc.constantFrom("project", "service", "project.working_dir", "project.config_files"),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(labels), (all) => {
      const projects = composeProjects(
        "docker",
        all.map((one, index) => container(String(index), one)),
      );
      for (const { files, directory: place } of projects)
        for (const file of [...files, place ?? "/"]) expect(path.isAbsolute(file)).toBe(true);
    }),
  );
});

test("an address is told as it is read", () => {
  for (const host of ["unix:///run/d.sock", "tcp://127.0.0.1:2375", "npipe:////./pipe/docker_engine"]) {
    const address = parseHost(host);
    if (typeof address === "string") throw new Error(address);
    expect(hostOf({ runtime: "docker", name: "d", address })).toBe(host);
  }
  expect(composeArgv(["docker", "compose"], { verb: "up" })).toEqual(["docker", "compose", "up", "--detach"]);
});
