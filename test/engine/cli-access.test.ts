/** The command `access`, by its owner and by somebody with a token, over a real engine process. */
import { writeFile } from "node:fs/promises";
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
}, 60_000);

test("a user is added, granted something, given a token, and does no more with it", async () => {
  expect(await berth.ok(["access", "me"])).toMatch(/, the owner of this engine, who may do everything\n$/);
  expect(await berth.ok(["access", "user", "list"])).toBe(
    "No users: nobody but the owner uses this engine.\n",
  );
  await berth.ok(["launch", "--name", "site", "--project", "web"]);
  await berth.ok(["launch", "--name", "other"]);
  expect(await berth.ok(["info", "site"])).toMatch(/^Project: +web$/m);

  await berth.ok(["access", "user", "add", "amy", "ben"]);
  await berth.ok(["access", "group", "set", "dev", "amy", "ben"]);
  await berth.ok(["access", "role", "set", "watcher", "instance.view", "instance.metrics"]);
  expect(await berth.ok(["access", "grant", "group:dev", "user", "/projects/web"])).toBe(
    "Granted: user on /projects/web to group:dev\n",
  );
  await berth.ok(["access", "grant", "ben", "watcher", "/"]);
  await berth.ok(["access", "deny", "amy", "instance.power", "/projects/web"]);
  expect(await berth.ok(["access", "grants"])).toMatch(/^group:dev +user +\/projects\/web +no$/m);
  expect(await berth.json(["access", "group", "list", "--format", "json"])).toEqual({
    groups: [{ name: "dev", members: ["amy", "ben"] }],
  });
  const made = await berth.run(["access", "token", "add", "laptop", "--user", "amy", "--days", "2"]);
  expect([made.code, made.stderr]).toEqual([0, expect.stringContaining("it is not shown again")]);
  const token = made.stdout.trim();
  expect(await berth.ok(["access", "token", "list"])).toMatch(/ laptop +amy +2/);

  const amy = berth.as({ BERTH_TOKEN: token });
  expect(await amy.ok(["list"])).toMatch(/^site /m);
  expect(await amy.ok(["list"])).not.toMatch(/^other /m);
  expect(await amy.ok(["access", "me"])).toBe(
    [
      "User:           amy",
      "Groups:         dev",
      "May:            user on /projects/web",
      "                not instance.power on /projects/web",
      "",
    ].join("\n"),
  );
  expect(await amy.ok(["exec", "site", "--", "echo", "hello"])).toBe("hello\n");
  const denied = await amy.run(["stop", "site"]);
  expect([denied.code, denied.stderr]).toEqual([
    2,
    expect.stringContaining("amy lacks instance.power on /projects/web/instances/site"),
  ]);
  const absent = await amy.run(["stop", "other"]);
  const never = await amy.run(["stop", "never"]);
  expect(absent.stderr.replaceAll("other", "X")).toBe(never.stderr.replaceAll("never", "X"));
  expect(absent.code).toBe(never.code);

  await berth.ok(["access", "revoke", "amy", "instance.power", "/projects/web", "--deny"]);
  expect((await amy.run(["stop", "site"])).code).toBe(0);
  await berth.ok(["access", "user", "remove", "amy"]);
  const gone = await amy.run(["list"]);
  expect([gone.code, gone.stderr]).toEqual([2, expect.stringContaining("wrong, expired or taken back")]);
  expect((await berth.run(["access", "grant", "amy", "user", "/"])).stderr).toContain(
    "there is none of that name",
  );
}, 120_000);

test("what makes no sense is refused with what would", async () => {
  const role = await berth.run(["access", "grant", "ben", "emperor", "/"]);
  expect([role.code, role.stderr]).toEqual([2, expect.stringContaining("berth access role list")]);
  const path = await berth.run(["access", "grant", "ben", "user", "/projects/../system"]);
  expect([path.code, path.stderr]).toEqual([1, expect.stringContaining("one of /, /system")]);
  const limit = await berth.run(["access", "token", "add", "x", "--limit", "user"]);
  expect([limit.code, limit.stderr]).toEqual([1, expect.stringContaining("ROLE@PATH")]);
  expect((await berth.run(["access", "role", "set", "user", "system.config"])).stderr).toContain(
    "comes with Berth",
  );
}, 60_000);

test("the record is listed, exported, and proven here and elsewhere", async () => {
  const shown = await berth.ok(["audit", "list"]);
  expect(shown).toMatch(/ amy +instances\.stop +\/projects\/web\/instances\/site +denied$/m);
  expect(await berth.ok(["audit", "list", "--denied", "--by", "amy"])).not.toMatch(/ done$/m);
  const [, hash = ""] =
    /The last one's hash: ([0-9a-f]{64})\n$/.exec(await berth.ok(["audit", "verify"])) ?? [];
  const file = path.join(berth.home, "export.jsonl");
  const text = await berth.ok(["audit", "export"]);
  await writeFile(file, text);
  expect(await berth.ok(["audit", "verify", file])).toContain(hash);
  await writeFile(file, text.replace("denied", "allowed"));
  const changed = await berth.run(["audit", "verify", file]);
  expect([changed.code, changed.stderr]).toEqual([2, expect.stringContaining("one of the two was changed")]);
  await writeFile(file, `${text.trimEnd().split("\n").slice(0, -1).join("\n")}\n`);
  const cut = await berth.run(["audit", "verify", file, "--hash", hash]);
  expect([cut.code, cut.stderr]).toEqual([
    2,
    expect.stringContaining("its end is not the one with that hash"),
  ]);
}, 60_000);

test("what a project may have is limited, and shown beside what it has", async () => {
  await berth.ok(["projects", "limit", "web", "--instances", "1", "--memory", "2G"]);
  expect(await berth.ok(["projects"])).toMatch(/^web +1 of 1 +1 +1GiB of 2GiB +5GiB +0$/m);
  const refused = await berth.run(["launch", "--name", "more", "--project", "web"]);
  expect(refused.stderr).toContain("project web: it has 1 of 1 instances, and would have 2");
  await berth.ok(["projects", "limit", "web"]);
  expect(await berth.ok(["projects"])).toMatch(/^web +1 +1 +1GiB +5GiB +0$/m);
}, 60_000);
