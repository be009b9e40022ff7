/** Archives that a hostile or a half-dead guest may send. */
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough, type Readable } from "node:stream";
import tar, { type Headers } from "tar-stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { unpackInto } from "../../../../src/client/transfer/unpack.ts";

let root: string;
let target: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "berth-unpack-"));
  target = path.join(root, "target");
  await mkdir(target);
  await writeFile(path.join(root, "outside"), "untouched");
});
afterEach(async () => {
  expect(await readFile(path.join(root, "outside"), "utf8")).toBe("untouched");
  await rm(root, { recursive: true, force: true });
});

function archive(...entries: [Headers, string?][]): Readable {
  const pack = tar.pack();
  for (const [header, text = ""] of entries) pack.entry({ mtime: new Date(1e12), ...header }, text);
  pack.finalize();
  return pack as unknown as Readable;
}

const skipped: string[] = [];
const options = (signal = AbortSignal.timeout(10_000)) => ({
  onBytes: () => {},
  onSkipped: (name: string) => void skipped.push(name),
  platform: "linux" as const,
  signal,
});

test("modes, times and links come through; set-user-ID does not", async () => {
  const stream = archive(
    [{ name: "d", type: "directory", mode: 0o555 }],
    [{ name: "d/f", mode: 0o4751 }, "text"],
    [{ name: "d/l", type: "symlink", linkname: "/etc/passwd" }],
  );
  await unpackInto(target, stream, options());
  const facts = await stat(path.join(target, "d/f"));
  expect([facts.mode & 0o7777, facts.mtimeMs]).toEqual([0o751, 1e12]);
  expect((await stat(path.join(target, "d"))).mode & 0o777).toBe(0o555);
  expect(await readlink(path.join(target, "d/l"))).toBe("/etc/passwd");
});

test("a link is never gone through, whether it came just before or with the same name", async () => {
  const outside = [{ name: "l", type: "symlink", linkname: root }] as [Headers];
  await expect(
    unpackInto(target, archive(outside, [{ name: "l/outside" }, "owned"]), options()),
  ).rejects.toThrow();
  await expect(
    unpackInto(
      target,
      archive(outside, [{ name: "l", type: "directory" }], [{ name: "l/outside" }, "owned"]),
      options(),
    ),
  ).rejects.toThrow();
  const file = [{ name: "l", type: "symlink", linkname: path.join(root, "outside") }] as [Headers];
  await expect(unpackInto(target, archive(file, [{ name: "l" }, "owned"]), options())).rejects.toThrow();
  expect(await readdir(target)).toEqual([]);
});

test.each(["../outside", "/outside", "a/../../outside"])(
  "%s is refused, and nothing of the rest is kept",
  async (name) => {
    const stream = archive([{ name: "good" }, "x"], [{ name }, "owned"]);
    await expect(unpackInto(target, stream, options())).rejects.toMatchObject({ code: "permission-denied" });
    expect(await readdir(target)).toEqual([]);
  },
);

test.each(["../outside", "/outside", "d/../../outside"])("a hard link to %s is refused", async (linkname) => {
  const stream = archive([{ name: "h", type: "link", linkname }]);
  await expect(unpackInto(target, stream, options())).rejects.toThrow(/leads out/);
  expect(await readdir(target)).toEqual([]);
});

test("a hard link is a copy of a file of the same archive, never of what a link leads to", async () => {
  const stream = archive(
    [{ name: "file" }, "text"],
    [{ name: "again", type: "link", linkname: "./file" }],
    [{ name: "secret", type: "symlink", linkname: path.join(root, "outside") }],
    [{ name: "by-link", type: "link", linkname: "secret" }],
    [{ name: "up", type: "symlink", linkname: root }],
    [{ name: "through-link", type: "link", linkname: "up/outside" }],
    [{ name: "of-itself", type: "link", linkname: "of-itself" }],
    [{ name: "of-what-comes-later", type: "link", linkname: "later" }],
    [{ name: "later" }, "text"],
  );
  await unpackInto(target, stream, options());
  expect((await readdir(target)).sort()).toEqual(["again", "file", "later", "secret", "up"]);
  await writeFile(path.join(target, "file"), "changed");
  expect(await readFile(path.join(target, "again"), "utf8")).toBe("text");
  expect(skipped).toEqual(
    expect.arrayContaining(["by-link", "through-link", "of-itself", "of-what-comes-later"]),
  );
});

test("a hard link takes the place of a link, and does not write through it", async () => {
  const stream = archive(
    [{ name: "a" }, "a"],
    [{ name: "l", type: "symlink", linkname: path.join(root, "outside") }],
    [{ name: "l", type: "link", linkname: "a" }],
  );
  await unpackInto(target, stream, options());
  expect((await lstat(path.join(target, "l"))).isFile()).toBe(true);
  expect(await readFile(path.join(target, "l"), "utf8")).toBe("a");
});

test("names are bytes of the guest's choice: newlines, escapes, a dash in front", async () => {
  const names = ["a\nb", "ends\n", "-rf", "\u001b[31mred", "a\tb", "'\"$(x)`"];
  await unpackInto(target, archive(...names.map((name): [Headers, string] => [{ name }, name])), options());
  expect((await readdir(target)).sort()).toEqual([...names].sort());
});

test("devices and pipes are left out, and told", async () => {
  await unpackInto(target, archive([{ name: "fifo", type: "fifo" }], [{ name: "f" }, "x"]), options());
  expect(await readdir(target)).toEqual(["f"]);
  expect(skipped).toContain("fifo");
});

test("an archive that breaks off leaves nothing", async () => {
  const stream = new PassThrough();
  const whole = archive([{ name: "f" }, "x".repeat(100_000)]);
  whole.once("data", (chunk: Buffer) => {
    stream.write(chunk.subarray(0, 300));
    stream.end();
  });
  await expect(unpackInto(target, stream, options())).rejects.toThrow();
  expect(await readdir(target)).toEqual([]);
});

test("one that is called off leaves nothing", async () => {
  const controller = new AbortController();
  const stream = new PassThrough();
  const unpacking = unpackInto(target, stream, options(controller.signal));
  archive([{ name: "f" }, "x"]).once("data", (chunk: Buffer) => {
    stream.write(chunk);
    setTimeout(() => controller.abort(new Error("called off")), 20);
  });
  await expect(unpacking).rejects.toThrow("called off");
  expect(await readdir(target)).toEqual([]);
});

test("zeros take no room", async () => {
  await unpackInto(target, archive([{ name: "f" }, `x${"\0".repeat(8 * 2 ** 20)}x`]), options());
  const facts = await stat(path.join(target, "f"));
  expect(facts.size).toBe(8 * 2 ** 20 + 2);
  expect(facts.blocks * 512).toBeLessThan(2 ** 20);
});

test("a directory is merged into one that is there, a file replaces a file", async () => {
  await mkdir(path.join(target, "d"));
  await writeFile(path.join(target, "d/old"), "old");
  await writeFile(path.join(target, "d/same"), "old");
  await unpackInto(
    target,
    archive([{ name: "d", type: "directory" }], [{ name: "d/same" }, "new"]),
    options(),
  );
  expect((await readdir(path.join(target, "d"))).sort()).toEqual(["old", "same"]);
  expect(await readFile(path.join(target, "d/same"), "utf8")).toBe("new");
});
