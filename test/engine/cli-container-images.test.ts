/** Images of containers on the command line, over a real engine and a fake runtime. */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({}, bundle.cli);
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
});

test("pulls, lists and removes", async () => {
  expect(await berth.ok(["images"])).toBe("No images of containers on this host.\n");
  expect(await berth.ok(["pull", "docker:nginx:1"])).toBe("Pulled: nginx:1\n");
  expect(await berth.ok(["images"])).toMatch(/^Image +Id +Size +Runtime +Used by\nnginx:1 .* docker +--\n$/);
  expect(await berth.json(["images", "list"])).toMatchObject({
    images: [{ references: ["nginx:1"], runtime: "docker", ours: true, usedBy: [] }],
  });
  expect(await berth.ok(["push", "nginx:1"])).toBe("Pushed: nginx:1\n");
  expect(await berth.ok(["images", "rm", "nginx:1"])).toBe("Removed: nginx:1\n");
  const gone = await berth.run(["images", "rm", "nginx:1"]);
  expect(gone).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot remove image nginx:1") });
});

test("a runtime is named once", async () => {
  const both = await berth.run(["pull", "--runtime", "docker", "podman:nginx"]);
  expect(both).toMatchObject({ code: 1, stderr: expect.stringContaining("podman:nginx is not of docker") });
});

test("a build prints as it goes, and ends with the image's id", async () => {
  const folder = path.join(berth.home, "app");
  await mkdir(folder);
  const printed = "step 1\nstep 2\nstep 3\nsha256:app:1\n";
  expect(await berth.ok(["build", "-t", "app:1", folder])).toBe(printed);
  expect(await berth.ok(["build", "-t", "app:1"], { cwd: folder })).toBe(printed);
  const broken = await berth.run(["build", path.join(berth.home, "broken")]);
  expect(broken).toMatchObject({ code: 2, stderr: expect.stringContaining("it ended with code 1") });
});

test("archives are named as from here; a prune says what it freed", async () => {
  expect(await berth.ok(["images", "load", "a.tar"], { cwd: berth.home })).toBe("Loaded: a.tar\n");
  expect(await berth.ok(["images", "save", "loaded:1", "b.tar"], { cwd: berth.home })).toBe(
    "Saved: loaded:1 to b.tar\n",
  );
  expect(await berth.ok(["images", "prune"])).toMatch(/^Removed 2 images \(14B freed\)\n$/);
});
