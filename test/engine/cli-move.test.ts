/** export, import, move and copy as commands, over real engine processes of two homes, and over a real sshd. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";
import { startSshd, type TestSshd } from "../support/sshd.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let here: Berth;
let there: Berth;
let files: string;
let sshd: TestSshd;

beforeAll(async () => {
  files = await mkdtemp(path.join(tmpdir(), "berth-cli-move-"));
  bundle = await bundleCli();
  there = await Berth.make({}, bundle.cli);
  await throughSshd();
  here = await Berth.make(
    { PATH: `${files}:${path.dirname(process.execPath)}:${process.env["PATH"]}` },
    bundle.cli,
  );
  await here.ok(["launch", "--name", "web"]);
}, 60_000);

/** Whoever comes through it has the other home, by the profile of a login shell; this side's `ssh` knows it by a file of ours. */
async function throughSshd(): Promise<void> {
  const run = `BERTH_HOME='${there.home}' exec '${process.execPath}' '${bundle.cli}' "$@"`;
  await writeFile(path.join(files, "berth"), `#!/bin/sh\n${run}\n`, { mode: 0o755 });
  await writeFile(path.join(files, ".profile"), `PATH='${files}':"$PATH"\n`);
  sshd = await startSshd([`SetEnv HOME=${files}`]);
  const [key, known] = ["key", "known_hosts"].map((name) => path.join(files, name)) as [string, string];
  await writeFile(key, sshd.login.client.privateKey, { mode: 0o600 });
  await writeFile(known, `[127.0.0.1]:${sshd.port} ${sshd.login.host.publicKey}\n`);
  const options = ["-F", "/dev/null", "-i", key, "-o", `UserKnownHostsFile=${known}`, "-o", "BatchMode=yes"];
  await writeFile(path.join(files, "ssh"), `#!/bin/sh\nexec /usr/bin/ssh ${options.join(" ")} "$@"\n`, {
    mode: 0o755,
  });
}

afterAll(async () => {
  await here?.dispose();
  await there?.dispose();
  await sshd?.stop();
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
  const to = `ssh:${sshd.login.user}@127.0.0.1:${sshd.port}`;
  expect(await here.ok(["copy", "web", "--to", to, "--name", "web2", "--yes"])).toContain(
    `Copied: web to ${to} as web2`,
  );
  await here.ok(["move", "web", "--to", to, "--yes"]);
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
