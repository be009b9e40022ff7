/** The commands `repository` and `backup` over a real engine process. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../src/base/run.ts";
import { placeOf, s3Access } from "../../src/cli/repositories.ts";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;
let places: string;

beforeAll(async () => {
  places = await mkdtemp(path.join(tmpdir(), "berth-cli-backups-"));
  bundle = await bundleCli();
  berth = await Berth.make({}, bundle.cli);
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
  await rm(places, { recursive: true, force: true });
}, 60_000);

const idIn = (said: string) => /\(([0-9a-f]{8}),/.exec(said)?.[1] ?? "";

test("from the first repository to a restored instance, with what goes wrong on the way", async () => {
  expect(await berth.ok(["repository", "list"])).toContain("berth repository init NAME PLACE");
  await berth.ok(["launch", "--name", "web"]);
  const homeless = await berth.run(["backup", "create", "web"]);
  expect([homeless.code, homeless.stderr]).toEqual([
    1,
    expect.stringContaining("there is no repository yet"),
  ]);

  const made = await berth.run(["repository", "init", "main", "main"], { cwd: places });
  expect(made.stderr).toContain("Keep this where nobody else comes.");
  const place = path.join(places, "main");
  const [, password = ""] = /^Password: +(\S+)$/m.exec(made.stdout) ?? [];
  expect(made.stdout).toContain(place);
  expect(await berth.ok(["repository", "kit", "main"])).toContain(password);
  expect(await berth.ok(["repository", "list"])).toMatch(/^Name +Place +Id\nmain +\S+main +[0-9a-f]{8}\n$/);

  const first = idIn(await berth.ok(["backup", "create", "web"]));
  expect(await berth.ok(["backup", "list"])).toMatch(new RegExp(`^Id .*\n${first}  web .*main\n$`));
  const env = { RESTIC_PASSWORD: password, RESTIC_CACHE_DIR: path.join(places, "cache") };
  expect((await run(["restic", "-r", place, "snapshots"], { env })).stdout).toContain(first);
  expect(await berth.ok(["backup", "verify", first])).toBe(`No errors in ${first}\n`);

  const taken = await berth.run(["backup", "restore", first]);
  expect([taken.code, taken.stderr]).toEqual([2, expect.stringContaining("already exists")]);
  expect(await berth.ok(["backup", "restore", first, "--as", "again"])).toBe("Restored: again\n");
  expect(await berth.ok(["list"])).toMatch(/^again +Stopped/m);
  const unknown = await berth.run(["backup", "restore", "0123abcd"]);
  expect(unknown.stderr).toContain("cannot find the backup 0123abcd: there is none that begins so");
  const noId = await berth.run(["backup", "verify", "-r", "main", "../../etc"]);
  expect(noId.code).toBe(1);

  const kept = /[0-9a-f]{8}/.exec(await berth.ok(["backup", "protect", first]))?.[0] ?? "";
  const refused = await berth.run(["backup", "delete", kept]);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("is protected")]);
  const free = /[0-9a-f]{8}/.exec(await berth.ok(["backup", "protect", "--off", kept]))?.[0] ?? "";
  expect(await berth.ok(["backup", "delete", free])).toContain("berth repository prune main");
  expect(await berth.ok(["repository", "prune", "main"])).toMatch(/^Pruned: main \(.* freed\)\n$/);
  expect(await berth.ok(["repository", "check", "main", "--read", "100"])).toMatch(
    /^No errors in main \(0 backups/,
  );

  expect((await berth.run(["repository", "remove", "main"])).stderr).toContain("nobody has agreed");
  expect(await berth.ok(["repository", "remove", "--yes", "main"])).toBe("Removed: main\n");
  const wrong = await berth.run(["repository", "add", "main", place, "--password-file", "-"], {
    input: "no\n",
  });
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("the password is wrong")]);
  const again = ["repository", "add", "main", place, "--password-file", "-"];
  expect(await berth.ok(again, { input: `${password}\n` })).toBe("Added: main\n");
  expect((await run(["restic", "-r", place, "check"], { env })).stdout).toContain("no errors were found");
}, 120_000);

test("files of a backup are listed as its instance had them", async () => {
  await berth.ok(["launch", "--name", "db"]);
  await berth.ok(["repository", "init", "files", path.join(places, "files")]);
  const id = idIn(await berth.ok(["backup", "create", "db", "-r", "files"]));
  expect(await berth.ok(["backup", "files", id])).toMatch(/^Size +Modified +Name\n +\d{4}-.* etc\/\n$/);
  expect(await berth.ok(["backup", "files", id, "/../etc"])).toMatch(/\n4 .* hostname\n$/);
  expect(await berth.json(["backup", "files", id, "/etc/hostname"])).toMatchObject({
    files: [{ name: "/etc/hostname", kind: "file", size: 4 }],
  });
  const nothing = await berth.run(["backup", "files", id, "/nowhere"]);
  expect(nothing.code).not.toBe(0);
  expect(nothing.stderr).toContain("cannot read the backup: there is no /nowhere");
  const elsewhere = await berth.run(["backup", "files", id, "--volume", "vdz9"]);
  expect(elsewhere.stderr).toContain("cannot show the files of vdz9: the backup has no such volume");
}, 60_000);

test("a folder is meant from where the command is, and the keys of S3 are where every program has them", () => {
  expect(placeOf("backups", "/home/me")).toBe("/home/me/backups");
  expect(placeOf("sftp:me@host:/srv", "/home/me")).toBe("sftp:me@host:/srv");
  expect(s3Access({ AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret", PATH: "/bin" })).toEqual({
    accessKeyId: "id",
    secretAccessKey: "secret",
  });
});
