/** The script that keeps instances' names in a guest's hosts file, run by a real shell on a file of ours. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { run } from "../../../../src/base/run.ts";
import { hostsLines, SET_HOSTS_SCRIPT } from "../../../../src/engine/guest/hosts.ts";

let folder: string;
const file = () => path.join(folder, "hosts");
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "berth-guest-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const set = (lines: string) => {
  const script = SET_HOSTS_SCRIPT.replaceAll("/etc/hosts", file()).replaceAll("/run/", `${folder}/`);
  return run(["sh", "-c", script, "sh", lines]);
};
const text = () => readFile(file(), "utf8");

const web = { name: "web", address: "10.77.1.9" };
const both = hostsLines([web, { name: "db", address: "10.77.1.8" }]);

test("a line for each, in an order of its own", () => {
  expect(both).toBe("10.77.1.8 db.berth db # berth\n10.77.1.9 web.berth web # berth\n");
});

test.each([
  ["127.0.0.1 localhost\n# mine: # berth is a name\n", "127.0.0.1 localhost\n# mine: # berth is a name\n"],
  ["127.0.0.1 localhost", "127.0.0.1 localhost\n"],
  ["", ""],
  ["1.1.1.1 a.berth a # berth\n127.0.0.1 localhost\n2.2.2.2 b # berth\n", "127.0.0.1 localhost\n"],
])("ours go, others stay: %j", async (before, kept) => {
  await writeFile(file(), before);
  await set(both);
  expect(await text()).toBe(kept + both);
  await set("");
  expect(await text()).toBe(kept);
});

test("where there is none, one is made; nothing is left beside it; everybody may read it", async () => {
  await set(both);
  expect(await text()).toBe(both);
  expect((await stat(file())).mode & 0o777).toBe(0o644);
  expect((await readdir(folder)).sort()).toEqual(["berth-hosts.lock", "hosts"]);
});

test("what is there already is not written again", async () => {
  await set(both);
  const { ino, mtimeMs } = await stat(file());
  await set(both);
  expect(await stat(file())).toMatchObject({ ino, mtimeMs });
});

test("several at once leave a whole file", async () => {
  await writeFile(file(), "127.0.0.1 localhost\n");
  await Promise.all(Array.from({ length: 8 }, (_, n) => set(n % 2 ? both : hostsLines([web]))));
  expect([both, hostsLines([web])].map((lines) => `127.0.0.1 localhost\n${lines}`)).toContain(await text());
});
