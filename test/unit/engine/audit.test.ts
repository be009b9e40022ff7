/** The record: what it holds, and that nobody changes it without that being seen. */
import { appendFile, chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ChainCheck } from "../../../src/base/hash-chain.ts";
import { Audit, type NewRecord } from "../../../src/engine/access/audit.ts";

let root: string;
let directory: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "berth-audit-"));
  directory = path.join(root, "audit");
});
afterEach(async () => {
  await chmod(root, 0o700);
  await rm(root, { recursive: true, force: true });
});

const open = (limits: { fileBytes?: number; files?: number } = {}) =>
  new Audit({ directory, now: () => new Date("2026-11-30T12:00:00Z"), ...limits });

const record = (target: string, more: Partial<NewRecord> = {}): NewRecord => ({
  ...{ by: "amy", from: "socket", procedure: "instances.stop", target, privilege: "instance.power" },
  ...{ decision: "allowed", outcome: "done" },
  ...more,
});

async function filled(count: number, limits = {}): Promise<Audit> {
  const audit = open(limits);
  await Promise.all(Array.from({ length: count }, (_, index) => audit.record(record(`web${index + 1}`))));
  return audit;
}

async function linesOf(): Promise<string[]> {
  const files = (await readdir(directory)).sort();
  const texts = await Promise.all(files.map((file) => readFile(path.join(directory, file), "utf8")));
  return texts.flatMap((text) => text.trimEnd().split("\n"));
}

function isWhole(lines: readonly string[]): boolean {
  const check = new ChainCheck();
  try {
    for (const line of lines) check.add(line);
    return true;
  } catch {
    return false;
  }
}

test("nothing is there before there is something to record; then it is its owner's alone", async () => {
  const audit = open();
  expect(await audit.list({ limit: 10 })).toEqual([]);
  expect(await audit.verify()).toMatchObject({ first: 0, last: 0 });
  expect(await readdir(root)).toEqual([]);
  await audit.record(record("web", { credential: "1", path: "/projects/a/instances/web", operation: "7" }));
  const [file = ""] = await readdir(directory);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  expect((await stat(path.join(directory, file))).mode & 0o777).toBe(0o600);
  expect(await audit.list({ limit: 10 })).toEqual([
    {
      ...{ n: 1, at: "2026-11-30T12:00:00.000Z", by: "amy", credential: "1", from: "socket" },
      ...{ procedure: "instances.stop", target: "web", privilege: "instance.power" },
      ...{ path: "/projects/a/instances/web", decision: "allowed", outcome: "done", operation: "7" },
      prev: "0".repeat(64),
    },
  ]);
});

test("records that come at once are in order, over files of limited size and over engines", async () => {
  const limits = { fileBytes: 1000 };
  await filled(30, limits);
  const audit = open(limits);
  for (let n = 31; n <= 40; n += 1) await audit.record(record(`web${n}`));
  expect((await readdir(directory)).length).toBeGreaterThan(5);
  expect(await audit.verify()).toMatchObject({ first: 1, last: 40 });
  const all = await audit.list({ limit: 1000 });
  expect(all.map(({ n, target }) => [n, target])).toEqual(
    all.map((_, index) => [index + 1, `web${index + 1}`]),
  );
  expect(all.length).toBe(40);
  expect((await audit.list({ limit: 3 })).map(({ n }) => n)).toEqual([38, 39, 40]);
  for (let after = 0; after <= 41; after += 1)
    expect((await audit.list({ after, limit: 5 })).map(({ n }) => n)).toEqual(
      all
        .filter(({ n }) => n > after)
        .map(({ n }) => n)
        .slice(0, 5),
    );
});

test("the oldest go when there are many, and the rest still proves itself", async () => {
  const audit = await filled(60, { fileBytes: 1000, files: 3 });
  expect((await readdir(directory)).length).toBe(3);
  const { first, last } = await audit.verify();
  expect([first > 1, last]).toEqual([true, 60]);
});

test("no record is changed, taken out or put in between unseen", async () => {
  await filled(12, { fileBytes: 1000 });
  const lines = await linesOf();
  expect(isWhole(lines)).toBe(true);
  fc.assert(
    fc.property(
      fc.nat(lines.length - 2),
      fc.nat(),
      fc.constantFrom("cut", "double", "swap", "change"),
      (at, where, how) => {
        const line = lines[at] ?? "";
        const changed = [...lines];
        if (how === "cut" && at > 0) changed.splice(at, 1);
        else if (how === "double") changed.splice(at, 0, line);
        else if (how === "swap") changed.splice(at, 2, lines[at + 1] ?? "", line);
        else {
          const index = where % line.length;
          changed[at] = `${line.slice(0, index)}${line[index] === "x" ? "y" : "x"}${line.slice(index + 1)}`;
        }
        expect(isWhole(changed)).toBe(false);
      },
    ),
    { numRuns: 1000 },
  );
});

test("what an engine was writing when it died is taken away, and the record goes on", async () => {
  await filled(3);
  const [file = ""] = await readdir(directory);
  await appendFile(path.join(directory, file), '{"n":4,"at":"2026');
  const audit = open();
  await audit.record(record("after"));
  expect(await audit.verify()).toMatchObject({ first: 1, last: 4 });
  expect((await audit.list({ limit: 1 }))[0]?.target).toBe("after");
});

test("what cannot be written keeps what comes next from being done, and is written first when that is possible again", async () => {
  const audit = await filled(1);
  await rm(directory, { recursive: true });
  await writeFile(directory, "in the way");
  const again = open();
  await expect(again.record(record("first"))).rejects.toMatchObject({ code: "no-resources" });
  await expect(again.ready()).rejects.toMatchObject({ code: "no-resources" });
  await rm(directory);
  await again.ready();
  await again.record(record("second"));
  expect((await again.list({ limit: 9 })).map(({ target }) => target)).toEqual(["first", "second"]);
  expect(await audit.verify()).toMatchObject({ first: 1, last: 2 });
});
