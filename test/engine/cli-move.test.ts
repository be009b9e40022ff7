/** export, import, move and copy as commands, over real engine processes of two homes; ssh is a program of ours. */
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let here: Berth;
let there: Berth;
let files: string;

/** Runs what it is asked for on this computer, as the other home; joins sockets as `-L` says. */
const SSH = `#!/usr/bin/env node
const { spawn } = require("node:child_process");
const net = require("node:net");
const argv = process.argv.slice(2);
const at = argv.indexOf("-L");
const command = argv.slice(argv.indexOf("--") + 2).join(" ");
const serve = (done) => {
  if (at < 0) return done();
  const [ours, theirs] = argv[at + 1].split(":");
  net.createServer((socket) => {
    const other = net.connect(theirs);
    socket.pipe(other).pipe(socket);
    for (const [one, two] of [[socket, other], [other, socket]]) one.on("error", () => two.destroy());
  }).listen(ours, done);
};
serve(() => {
  const child = spawn("sh", ["-c", command.replace("sh -lc", "sh -c")], { stdio: "inherit" });
  child.on("exit", (code) => process.exit(code ?? 1));
});
`;

beforeAll(async () => {
  files = await mkdtemp(path.join(tmpdir(), "berth-cli-move-"));
  bundle = await bundleCli();
  there = await Berth.make({}, bundle.cli);
  await writeFile(path.join(files, "ssh"), SSH);
  await writeFile(
    path.join(files, "berth"),
    `#!/bin/sh\nBERTH_HOME='${there.home}' exec '${process.execPath}' '${bundle.cli}' "$@"\n`,
  );
  for (const name of ["ssh", "berth"]) await chmod(path.join(files, name), 0o755);
  here = await Berth.make(
    { PATH: `${files}:${path.dirname(process.execPath)}:${process.env["PATH"]}` },
    bundle.cli,
  );
  await here.ok(["launch", "--name", "web"]);
}, 60_000);
afterAll(async () => {
  await here?.dispose();
  await there?.dispose();
  await bundle?.dispose();
  await rm(files, { recursive: true, force: true });
}, 60_000);

test("a VM goes to a file and comes back of it, by its name or through a pipe", async () => {
  const file = path.join(files, "web.berth");
  expect(await here.ok(["export", "web", file])).toBe(`Exported: web to ${file}\n`);
  const taken = await here.run(["import", file]);
  expect([taken.code, taken.stderr]).toEqual([2, expect.stringContaining("already exists")]);
  expect(await here.ok(["import", file, "--name", "again"])).toBe("Imported: again\n");
  expect(await here.ok(["import", "-", "--name", "third"], { input: await readFile(file) })).toBe(
    "Imported: third\n",
  );
  expect(await here.ok(["list"])).toMatch(/^again +Stopped/m);
  const asImage = await here.run(["import", file, "my/image"]);
  expect(asImage.stderr).toContain("it is a VM");
  const nothing = path.join(files, "nothing");
  await writeFile(nothing, "nothing");
  expect((await here.run(["import", nothing])).stderr).toContain("it is no VM that Berth has exported");
});

test("a file can be encrypted", async () => {
  const file = path.join(files, "sealed.berth");
  const [input, from] = ["battery staple\n", ["--passphrase-file", "-"]];
  await here.ok(["export", "web", file, ...from], { input });
  expect((await readFile(file)).subarray(0, 15).toString()).toBe("berth-sealed-v1");
  const other = await here.run(["import", file, "--name", "s", ...from], { input: "another one\n" });
  expect(other.stderr).toContain("its passphrase is another");
  expect(await here.ok(["import", file, "--name", "opened", ...from], { input })).toBe("Imported: opened\n");
});

test("a plan is shown and nothing done, or a move is done and taken back", async () => {
  const to = ["--to", there.home];
  const plan = await here.ok(["move", "web", ...to, "--plan"]);
  expect(plan).toMatch(/^What +What becomes of it$/m);
  expect(plan).toContain(`web at ${there.home}`);
  const unasked = await here.run(["move", "web", ...to]);
  expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining("nobody has said yes")]);
  const moved = await here.ok(["move", "web", ...to, "--yes"]);
  expect(moved).toContain("berth move --confirm web");
  expect(await there.ok(["list"])).toMatch(/^web +Running/m);
  const started = await here.run(["start", "web"]);
  expect([started.code, started.stderr]).toEqual([2, expect.stringContaining("it is moved to")]);
  expect(await here.ok(["move", "--undo", "web", "--yes"])).toBe("Taken back: web is here again.\n");
  expect(await here.ok(["list"])).toMatch(/^web +Running/m);
  await there.ok(["purge"]);
});

test("over ssh it is copied, moved and confirmed", async () => {
  expect(await here.ok(["copy", "web", "--to", "ssh:me@host", "--name", "web2", "--yes"])).toContain(
    "Copied: web to ssh:me@host as web2",
  );
  await here.ok(["move", "web", "--to", "ssh:me@host", "--yes"]);
  expect(await there.ok(["list"])).toMatch(/^web +Running[\s\S]*^web2 +Stopped/m);
  expect(await here.ok(["move", "--confirm", "web"])).toContain("Here it is in the trash.");
  expect(await here.ok(["list"])).toMatch(/^web +Deleted/m);
});

test("one whose other engine is gone comes back by force", async () => {
  const gone = await Berth.make({}, bundle.cli);
  await gone.ok(["list"]);
  await here.ok(["move", "again", "--to", gone.home, "--yes"]);
  await gone.dispose();
  const refused = await here.run(["move", "--undo", "again", "--yes"]);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("there is no such directory")]);
  await here.ok(["move", "--undo", "again", "--yes", "--force"]);
  expect(await here.ok(["list"])).toMatch(/^again +Stopped/m);
  await here.ok(["start", "again"]);
});

test("what is no target is told", async () => {
  for (const to of ["nowhere", "ssh:-oProxyCommand=x", path.join(files, "no-home")]) {
    const { code, stderr } = await here.run(["copy", "again", "--to", to, "--yes"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("as a target");
  }
  expect((await here.run(["move", "again"])).stderr).toContain("where to is not said");
  expect((await here.run(["move", "--confirm", "again"])).stderr).toContain("it is not moved");
});
