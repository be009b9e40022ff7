/** `transfer` from end to end, over a real engine process; what stands for guests are directories of this computer. */
import { randomBytes } from "node:crypto";
import {
  chmod,
  link,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { run } from "../../src/base/run.ts";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;
let here: string;
let there: string;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({}, bundle.cli);
  for (const name of ["web", "db"]) await berth.ok(["launch", "--name", name]);
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
});
beforeEach(async () => {
  here = path.join(berth.home, "here");
  there = path.join(berth.home, "there");
  for (const directory of [here, there]) {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory);
  }
});

const transfer = (...args: string[]) => berth.run(["transfer", ...args]);
const done = { code: 0, stdout: "" };

test("a file goes in and out, with its mode and its time", async () => {
  const bytes = randomBytes(3_000_000);
  await writeFile(`${here}/a`, bytes);
  await chmod(`${here}/a`, 0o750);
  await utimes(`${here}/a`, 1e9, 1e9);
  expect(await transfer(`${here}/a`, `web:${there}`)).toMatchObject(done);
  expect(await transfer(`web:${there}/a`, `${here}/b`)).toMatchObject(done);
  expect((await readFile(`${here}/b`)).equals(bytes)).toBe(true);
  const { mode, mtimeMs } = await stat(`${here}/b`);
  expect([mode & 0o777, mtimeMs]).toEqual([0o750, 1e12]);
  expect(await readdir(there)).toEqual(["a"]);
});

test("a tree goes in and out, links as links; twice is the same", async () => {
  await mkdir(`${here}/t/sub dir`, { recursive: true });
  await writeFile(`${here}/t/sub dir/ü`, "text");
  await writeFile(`${here}/t/.hidden`, "");
  await symlink("sub dir/ü", `${here}/t/link`);
  expect(await transfer(`${here}/t`, `web:${there}`)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--recursive"),
  });
  for (let turn = 0; turn < 2; turn += 1)
    expect(await transfer("-r", `${here}/t`, `web:${there}`)).toMatchObject(done);
  expect(await transfer("-r", `web:${there}/t`, `${here}/back`)).toMatchObject(done);
  await run(["diff", "-r", "--no-dereference", `${here}/t`, `${here}/back`]);
  expect(await readlink(`${here}/back/link`)).toBe("sub dir/ü");
  expect(await readdir(there)).toEqual(["t"]);
});

test("several sources need a directory, which -p makes", async () => {
  for (const name of ["a", "b"]) await writeFile(`${here}/${name}`, name);
  const sources = [`${here}/a`, `${here}/b`];
  expect(await transfer(...sources, `web:${there}/new/deep`)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--parents"),
  });
  expect(await transfer("-p", ...sources, `web:${there}/new/deep`)).toMatchObject(done);
  expect(await readdir(`${there}/new/deep`)).toEqual(["a", "b"]);
  expect(await transfer(...sources, `web:${there}/new/deep/a`)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("not a directory"),
  });
});

test("patterns unfold on both sides", async () => {
  for (const name of ["1.log", "2.log", "3.txt", "a b.log"]) await writeFile(`${there}/${name}`, name);
  expect(await transfer(`web:${there}/*.log`, here)).toMatchObject(done);
  expect((await readdir(here)).sort()).toEqual(["1.log", "2.log", "a b.log"]);
  expect(await transfer(`${here}/*.log`, "-p", `web:${there}/up/`)).toMatchObject(done);
  expect((await readdir(`${there}/up`)).sort()).toEqual(["1.log", "2.log", "a b.log"]);
  expect(await transfer(`web:${there}/*.none`, here)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("no such file"),
  });
});

test("a name with newlines, quotes or a dash in front is a name, in both directions", async () => {
  const names = ["a\nb", "ends\n", "-rf", "'\"$(touch owned)`"];
  await mkdir(`${here}/t`);
  for (const name of names) await writeFile(`${here}/t/${name}`, name);
  expect(await transfer("-r", `${here}/t`, `web:${there}`)).toMatchObject(done);
  expect((await readdir(`${there}/t`)).sort()).toEqual([...names].sort());
  for (const name of names) {
    expect(await transfer(`${here}/t/${name}`, `web:${there}/`)).toMatchObject(done);
    expect(await readFile(`${there}/${name}`, "utf8")).toBe(name);
    expect(await transfer(`web:${there}/${name}`, `${here}/`)).toMatchObject(done);
    expect(await readFile(`${here}/${name}`, "utf8")).toBe(name);
  }
  await berth.ok(["transfer", "-", `web:${there}/in\n`], { input: "text" });
  expect(await readFile(`${there}/in\n`, "utf8")).toBe("text");
});

test("files that share their bytes go as two", async () => {
  await mkdir(`${there}/t`);
  await writeFile(`${there}/t/a`, "text");
  await link(`${there}/t/a`, `${there}/t/b`);
  expect(await transfer("-r", `web:${there}/t`, here)).toMatchObject(done);
  expect([await readFile(`${here}/t/a`, "utf8"), await readFile(`${here}/t/b`, "utf8")]).toEqual([
    "text",
    "text",
  ]);
});

test("a pattern is never a command", async () => {
  expect(await transfer(`web:$(touch ${there}/owned)`, here)).toMatchObject({ code: 2 });
  expect(await transfer(`web:\`touch ${there}/owned\``, here)).toMatchObject({ code: 2 });
  expect(await readdir(there)).toEqual([]);
});

test("standard input becomes a file, a file becomes standard output", async () => {
  const bytes = randomBytes(2_000_000);
  expect(await berth.run(["transfer", "-", `web:${there}/in`], { input: bytes })).toMatchObject(done);
  expect((await readFile(`${there}/in`)).equals(bytes)).toBe(true);
  await writeFile(`${there}/text`, "out\n");
  expect(await transfer(`web:${there}/text`, "-")).toMatchObject({ code: 0, stdout: "out\n" });
  expect(await readdir(there)).toEqual(["in", "text"]);
});

test("from one instance to another", async () => {
  await mkdir(`${there}/from`);
  await writeFile(`${there}/from/x`, "x");
  expect(await transfer("-r", `web:${there}/from`, `db:${there}/to`)).toMatchObject(done);
  expect(await readFile(`${there}/to/x`, "utf8")).toBe("x");
});

test("what cannot be is told, and nothing is left of it", async () => {
  await writeFile(`${here}/a`, "a");
  expect(await transfer(`${here}/a`, "nosuch:/tmp")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('instance "nosuch" does not exist'),
  });
  expect(await transfer(`${here}/none`, "web:")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("none"),
  });
  expect(await transfer(`${here}/a`, `${here}/b`)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("neither end is in an instance"),
  });
  expect(await transfer(`${here}/a`, `web:${there}/no/b`)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--parents"),
  });
  await berth.ok(["stop", "db"]);
  expect(await transfer(`${here}/a`, "db:/tmp")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('instance "db" is not running'),
  });
  expect(await readdir(there)).toEqual([]);
});
