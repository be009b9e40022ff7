/** Projects of the real composes of a real Docker and a real Podman, by the shipped command and engine. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Berth } from "../support/berth.ts";
import { containerCommands } from "../support/container-commands.ts";
import { loadImage, makeImage } from "../support/container-image.ts";

const IMAGE = "localhost/berth-test:1";
const FILE = `
version: "3"
services:
  web:
    image: ${IMAGE}
    command: ["sleep", "600"]
    labels: { tag: "\${TAG}" }
`;

const world = containerCommands();

type Listed = {
  name: string;
  directory: string;
  containers: { id: string; service: string; state: string }[];
};

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  let berth: Berth;
  let folder: string;
  const project = `shop${runtime}`;

  beforeAll(async () => {
    const { api } = world.runtimes[runtime];
    berth = await world.berthOn(runtime, { TAG: "7" });
    folder = path.join(berth.home, project);
    await mkdir(folder);
    await writeFile(path.join(folder, "docker-compose.yml"), FILE);
    await loadImage(api, await makeImage(), IMAGE);
  });
  afterAll(() => berth?.dispose());

  const listed = async () => (await berth.json(["compose", "list"])) as { projects: Listed[] };
  const projectOf = async () => (await listed()).projects.find(({ name }) => name === project);

  test("a project comes up where its files are, and is listed", async () => {
    await berth.ok(["compose", "up", "-e", "TAG"], { cwd: folder });
    const found = await projectOf();
    expect(found).toMatchObject({ directory: folder, containers: [{ service: "web", state: "running" }] });
    const at = `/containers/${found?.containers[0]?.id}/json`;
    const ctx = { signal: new AbortController().signal };
    const { Config } = await world.runtimes[runtime].api.json<{ Config: { Labels: object } }>(ctx, "GET", at);
    expect(Config.Labels).toMatchObject({ tag: "7" });
  });

  test("a file that is broken fails in compose's own words", async () => {
    const broken = path.join(berth.home, "broken");
    await mkdir(broken);
    await writeFile(path.join(broken, "docker-compose.yml"), "services: [");
    const failed = await berth.run(["compose", "up"], { cwd: broken });
    expect(failed.code).toBe(2);
    expect(failed.stderr).toMatch(/cannot bring .*broken up: .*compose ended with code \d+/);
  });

  test("it goes down by its name alone", async () => {
    await berth.ok(["compose", "down", project], { cwd: "/" });
    expect(await projectOf()).toBeUndefined();
  });
});
