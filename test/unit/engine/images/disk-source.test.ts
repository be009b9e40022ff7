/** Which files become disks, on real qemu-img images. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../../../src/base/run.ts";
import type { Ctx } from "../../../../src/engine/ctx.ts";
import { copyDisk, diskSource } from "../../../../src/engine/images/disk-source.ts";
import { silentLog } from "../../../../src/engine/log.ts";

const MIB = 2 ** 20;
let directory: string;
const at = (name: string) => path.join(directory, name);
const ctx = (signal = AbortSignal.timeout(60_000)): Ctx => ({ signal, progress: () => {}, log: silentLog });

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-source-"));
  const qemuImg = (...args: string[]) => run(["qemu-img", ...args]);
  await qemuImg("create", "-q", "-f", "qcow2", at("good, one.qcow2"), "8M");
  await qemuImg(
    "create",
    "-q",
    "-f",
    "qcow2",
    "-F",
    "qcow2",
    "-b",
    at("good, one.qcow2"),
    at("backed.qcow2"),
  );
  await qemuImg("create", "-q", "-f", "qcow2", "-o", `data_file=${at("data.raw")}`, at("split.qcow2"), "8M");
  const raw = Buffer.alloc(MIB + 100);
  raw.writeUInt16LE(0xaa55, 510);
  await writeFile(at("table.raw"), raw);
  await writeFile(at("plain.raw"), Buffer.alloc(1000, "x"));
  await writeFile(at("empty.raw"), "");
  await writeFile(at("text.txt"), "no disk");
  await mkdir(at("folder"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test.each([
  ["good, one.qcow2", false, { kind: "qcow2", virtualBytes: 8 * MIB }],
  ["table.raw", false, { kind: "raw", virtualBytes: MIB + 512 }],
  ["plain.raw", true, { kind: "raw", virtualBytes: 1024 }],
  // Told to be raw, a qcow2 is bytes like any others.
  ["backed.qcow2", true, { kind: "raw" }],
])("%s (raw: %s) can be a disk", async (name, raw, expected) => {
  expect(await diskSource(at(name), { raw })).toMatchObject({ file: at(name), ...expected });
});

test.each([
  ["backed.qcow2", false, /needs another file below it/],
  ["split.qcow2", false, /its data is in another file/],
  ["plain.raw", false, /neither qcow2 nor a raw disk/],
  ["text.txt", false, /neither qcow2 nor a raw disk/],
  ["empty.raw", true, /it is empty/],
  ["folder", false, /it is not a file/],
  ["nonesuch", false, /there is no such file/],
])("%s (raw: %s) cannot", async (name, raw, message) => {
  await expect(diskSource(at(name), { raw })).rejects.toMatchObject({
    code: "invalid-argument",
    message: expect.stringMatching(message),
  });
});

test("what is copied needs no other file, and the original stays as it was", async () => {
  await run(["qemu-io", "-c", "write -P 7 0 1M", at("good, one.qcow2")]);
  for (const name of ["good, one.qcow2", "table.raw"]) {
    const before = await readFile(at(name));
    const output = at(`${name}.copy`);
    await copyDisk(ctx(), await diskSource(at(name), { raw: false }), output);
    await run(["qemu-img", "compare", "-q", at(name), output]);
    const { stdout } = await run(["qemu-img", "info", "--output=json", output]);
    expect(JSON.parse(stdout)).toMatchObject({ format: "qcow2" });
    expect(JSON.parse(stdout)).not.toHaveProperty("backing-filename");
    expect((await readFile(at(name))).equals(before)).toBe(true);
  }
});

test("a file that became hostile after it was judged is refused all the same", async () => {
  const source = await diskSource(at("good, one.qcow2"), { raw: false });
  await expect(copyDisk(ctx(), { ...source, file: at("backed.qcow2") }, at("late"))).rejects.toThrow(
    /another file/,
  );
  await expect(readFile(at("late"))).rejects.toMatchObject({ code: "ENOENT" });
  await expect(readFile(at("late.copy"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("a copy that is called off leaves nothing", async () => {
  const source = await diskSource(at("good, one.qcow2"), { raw: false });
  await expect(copyDisk(ctx(AbortSignal.abort()), source, at("never"))).rejects.toMatchObject({
    name: "AbortError",
  });
  await expect(readFile(at("never.copy"))).rejects.toMatchObject({ code: "ENOENT" });
});
