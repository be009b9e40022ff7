/** Images of a real Docker and a real Podman by the shipped command and engine, with the logins of the user's own files. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Berth } from "../support/berth.ts";
import { containerCommands } from "../support/container-commands.ts";
import type { Pushed } from "../support/container-image.ts";
import { AUTH, publish } from "../support/image-world.ts";

const world = containerCommands();

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  let berth: Berth;
  let pushed: Pushed;

  beforeAll(async () => {
    berth = await world.berthOn(runtime);
    pushed = await publish(world.runtimes.privateRegistry, { extraLayers: [2 ** 20] });
  });
  afterAll(async () => {
    await berth?.run(["delete", "--purge", "--all"]);
    await berth?.dispose();
  });

  const listed = async (reference: string) => {
    const { images } = (await berth.json(["images"])) as { images: { references: string[] }[] };
    return images.find(({ references }) => references.includes(reference));
  };

  test("a private image comes by the user's login, and says why it does not without", async () => {
    const refused = await berth.run(["pull", `${runtime}:${pushed.reference}`]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain(`cannot pull ${pushed.reference}: `);
    expect(refused.stderr).toContain("docker login or podman login");
    const auths = { [world.runtimes.privateRegistry.host]: { auth: AUTH } };
    await mkdir(path.join(berth.home, ".docker"));
    await writeFile(path.join(berth.home, ".docker", "config.json"), JSON.stringify({ auths }));
    expect(await berth.ok(["pull", `${runtime}:${pushed.reference}`])).toBe(`Pulled: ${pushed.reference}\n`);
    expect(await listed(pushed.reference)).toMatchObject({ runtime, ours: true, digests: [pushed.digest] });
  });

  test("a build on it prints as it goes, and is launched", async () => {
    const folder = path.join(berth.home, "app");
    await mkdir(folder);
    await writeFile(path.join(folder, "word"), "ahoy\n");
    await writeFile(
      path.join(folder, "Containerfile"),
      `FROM ${pushed.reference}\nCOPY word /word\nRUN echo built\nCMD ["/bin/sh", "-c", "cat /word; exec sleep 600"]\n`,
    );
    const tag = `localhost/cli-${runtime}:1`;
    const printed = await berth.ok(["build", "-t", tag, folder]);
    expect(printed).toMatch(/^built$/m);
    expect(printed).toMatch(/^sha256:[0-9a-f]{64}\n$/m);
    await berth.ok(["launch", `${runtime}:${tag}`, "--name", "web"]);
    await expect.poll(() => berth.ok(["logs", "web"])).toBe("ahoy\n");

    expect(await listed(tag)).toMatchObject({ ours: true, inUse: true, usedBy: ["web"] });
    const busy = await berth.run(["images", "rm", tag]);
    expect(busy.stderr).toContain(`cannot remove image ${tag}: web stands on it`);
    await berth.ok(["images", "prune", "--all"]);
    expect(await listed(tag)).toBeDefined();
  });

  test("what is deleted for good lets its image go", async () => {
    const tag = `localhost/cli-${runtime}:1`;
    await berth.ok(["delete", "--purge", "web"]);
    const pruned = await berth.ok(["images", "prune"]);
    expect(pruned).toMatch(/^Removed [1-9]\d* images? \(.* freed\)\n$/);
    expect(await listed(tag)).toBeUndefined();
  });
});
