/** `sandbox` from end to end, over a real engine process; what stands for guests are directories of this computer. */
import { chmod, lstat, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { run } from "../../src/base/run.ts";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;
let project: string;
let guest: string;
let turn = 0;
let name: string;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({}, bundle.cli);
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
});
beforeEach(async () => {
  turn += 1;
  name = `box${turn}`;
  project = path.join(berth.home, `project${turn}`);
  guest = path.join(berth.home, "guests", name, `project${turn}`);
  await mkdir(path.join(project, "src"), { recursive: true });
  await writeFile(path.join(project, "README"), "one\ntwo\nthree\n");
  await writeFile(path.join(project, "src/old"), "old\n");
  await writeFile(path.join(project, "src/run"), "#!/bin/sh\n");
  await chmod(path.join(project, "src/run"), 0o755);
  await symlink("src/run", path.join(project, "link"));
});

const begin = (...args: string[]) => berth.ok(["sandbox", project, "--name", name, ...args]);
const sandbox = (...args: string[]) => berth.run(["sandbox", ...args]);
const here = (file: string) => readFile(path.join(project, file), "utf8");
const write = async (file: string, text: string | Buffer) => {
  await mkdir(path.dirname(path.join(guest, file)), { recursive: true });
  await writeFile(path.join(guest, file), text);
};

test("begin, change, diff, accept, change again, discard", async () => {
  expect(await begin()).toBe(`Sandbox: ${name}\n`);
  expect(await berth.json(["info", name])).toMatchObject({
    info: { [name]: { state: "Running", mounts: {}, berth: { network: "isolated" } } },
  });
  expect(await berth.ok(["list", "--snapshots"])).toContain("begin");
  expect(await readlink(path.join(guest, "link"))).toBe("src/run");
  expect((await lstat(path.join(guest, "src/run"))).mode & 0o777).toBe(0o755);
  expect(await sandbox("diff", name)).toMatchObject({
    code: 0,
    stdout: "",
    stderr: `${name}: nothing changed\n`,
  });

  await write("README", "one\n2\nthree\n");
  await write("new/deep/file", "new\n");
  await write("picture", Buffer.from([0, 1, 2, 255]));
  await rm(path.join(guest, "src/old"));
  await chmod(path.join(guest, "src/run"), 0o644);
  await rm(path.join(guest, "link"));
  await symlink("../README", path.join(guest, "src/up"));
  const { stdout, stderr } = await sandbox("diff", name);
  expect(stderr).toBe(`${name}: 3 files added, 2 changed, 2 deleted\n`);
  expect(stdout).toContain("--- a/README\n+++ b/README\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n");
  expect(stdout).toContain("diff --git a/src/run b/src/run\nold mode 100755\nnew mode 100644\n");
  expect(stdout).toContain("Binary files /dev/null and b/picture differ (4B)");
  expect(stdout).toContain("new file mode 120000");

  expect(await sandbox("accept", name)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--yes does it without a question"),
  });
  expect(await here("README")).toBe("one\ntwo\nthree\n");
  expect(await sandbox("accept", name, "--yes")).toMatchObject({
    code: 0,
    stdout: `Accepted into ${project}: 3 files added, 2 changed, 2 deleted\n`,
  });
  await run(["diff", "-r", "--no-dereference", project, guest]);
  expect((await lstat(path.join(project, "src/run"))).mode & 0o111).toBe(0);

  expect((await sandbox("diff", name)).stderr).toBe(`${name}: nothing changed\n`);
  await write("README", "again\n");
  expect((await sandbox("accept", name, "--yes")).code).toBe(0);
  expect(await here("README")).toBe("again\n");
  await write("README", "never\n");
  expect(await sandbox("discard", name, "--yes")).toMatchObject({ code: 0 });
  expect(await here("README")).toBe("again\n");
  expect(await berth.ok(["sandbox", "list"])).not.toContain(name);
  expect(await readdir(path.join(berth.home, "data/sandboxes"))).toEqual([]);
});

test("git applies the diff as it is printed", async () => {
  await run(["git", "init", "-q", project]);
  await begin();
  await write("README", "one\ntwo\n3");
  await write("src/a file", "text\n");
  await rm(path.join(guest, "src/old"));
  const { stdout } = await sandbox("diff", name);
  await run(["git", "-C", project, "apply", "-"], { input: stdout });
  expect(await here("README")).toBe("one\ntwo\n3");
  expect(await here("src/a file")).toBe("text\n");
  await expect(here("src/old")).rejects.toThrow("ENOENT");
  expect(await sandbox("accept", name, "--yes")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("has all of it already"),
  });
  expect((await sandbox("diff", name)).stderr).toBe(`${name}: nothing changed\n`);
});

test("what git ignores neither goes in nor comes out", async () => {
  await run(["git", "init", "-q", project]);
  await writeFile(path.join(project, ".gitignore"), "secret\nout/\n");
  await writeFile(path.join(project, "secret"), "token");
  await begin();
  expect((await readdir(guest)).sort()).toEqual([".gitignore", "README", "link", "src"]);
  await write("out/build", "built");
  await write("secret", "another");
  await write("kept", "kept");
  await write(".git/hooks/post-checkout", "#!/bin/sh\n");
  const { stdout, stderr } = await sandbox("diff", name);
  expect(stderr).toBe(`${name}: 1 file added\n`);
  expect(stdout).toContain("b/kept");
  await sandbox("accept", name, "--yes");
  expect(await here("secret")).toBe("token");
  await expect(here(".git/hooks/post-checkout")).rejects.toThrow("ENOENT");
});

test("one file that was changed here meanwhile keeps everything as it is", async () => {
  await begin();
  await write("README", "theirs\n");
  await write("src/old", "theirs\n");
  await write("added", "theirs\n");
  await writeFile(path.join(project, "src/old"), "mine\n");
  await writeFile(path.join(project, "added"), "mine\n");
  const { code, stderr } = await sandbox("accept", name, "--yes");
  expect(code).toBe(2);
  expect(stderr).toContain("added (it was changed here meanwhile), src/old (it was changed here meanwhile)");
  expect(await here("README")).toBe("one\ntwo\nthree\n");
  expect(await here("src/old")).toBe("mine\n");
  await rm(path.join(project, "added"));
  await writeFile(path.join(project, "src/old"), "theirs\n");
  expect((await sandbox("accept", name, "--yes")).code).toBe(0);
  expect(await here("added")).toBe("theirs\n");
});

test("nothing of a sandbox reaches beyond its folder", async () => {
  const outside = path.join(berth.home, `outside${turn}`);
  await mkdir(outside);
  await begin();
  for (const [link, target] of [
    ["absolute", outside],
    ["up", `../outside${turn}`],
    ["through", "src/../../escape"],
  ] as const) {
    await symlink(target, path.join(guest, link));
    const { code, stderr } = await sandbox("accept", name, "--yes");
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("it is a link that leads out of the project"),
    ]);
    await rm(path.join(guest, link));
  }
  await rm(path.join(project, "src"), { recursive: true });
  await symlink(outside, path.join(project, "src"));
  await write("src/planted", "x");
  const { code, stderr } = await sandbox("accept", name, "--yes");
  expect([code, stderr]).toEqual([2, expect.stringContaining("a link is on the way to it here")]);
  expect(await readdir(outside)).toEqual([]);
});

test("a directory in the place of a file, and a file in the place of a directory", async () => {
  await begin();
  await rm(path.join(guest, "README"));
  await write("README/inner", "deep\n");
  await rm(path.join(guest, "src"), { recursive: true });
  await write("src", "flat\n");
  await rm(path.join(guest, "link"));
  expect(await sandbox("accept", name, "--yes")).toMatchObject({
    code: 0,
    stderr: expect.any(String),
    stdout: expect.stringContaining("Accepted"),
  });
  await run(["diff", "-r", project, guest]);
});

test("a sandbox that cannot begin leaves nothing", async () => {
  const before = await berth.ok(["list"]);
  expect(await sandbox(path.join(project, "none"))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("there is no such directory"),
  });
  expect(await sandbox(project, "--name", name, "--cpus", "400")).toMatchObject({ code: 2 });
  expect(await berth.ok(["list"])).toBe(before);
  expect(
    (await readdir(path.join(berth.home, "data/sandboxes"))).filter((one) => one.startsWith(".")),
  ).toEqual([]);
});

test("a guest that never works is taken back with all that was begun", async () => {
  const { code, stderr } = await sandbox(project, "--name", "hostile");
  expect(code).toBe(2);
  expect(stderr).toContain("cleared");
  expect(stderr).not.toContain("\u001b");
  expect(await berth.ok(["list"])).not.toContain("hostile");
  const left = await readdir(path.join(berth.home, "data/sandboxes"));
  expect(left.filter((one) => one.startsWith("."))).toEqual([]);
});

test("an instance whose name a sandbox was to have is left alone", async () => {
  await berth.ok(["launch", "--name", name]);
  const instances = await berth.json(["info", name]);
  expect(await sandbox(project, "--name", name)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("already exists"),
  });
  expect(await berth.json(["info", name])).toEqual(instances);
  expect(await berth.ok(["sandbox", "list"])).not.toContain(name);
});

test("an instance that is no sandbox is told so", async () => {
  await berth.ok(["launch", "--name", name]);
  for (const verb of ["diff", "accept", "discard"])
    expect(await sandbox(verb, name)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("it was not made as one"),
    });
});
