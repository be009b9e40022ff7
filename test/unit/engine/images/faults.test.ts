/** What may go wrong on the way from a server to the cache. */
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { noSpace, RunError, run } from "../../../../src/base/run.ts";
import { type CatalogServer, startCatalogServer } from "../../../support/catalog-server.ts";
import { qcow2Disk, temporaryDirectory, testCtx, testLibrary } from "./support.ts";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: CatalogServer;
let disk: string;
let size: number;

beforeEach(async () => {
  directory = await temporaryDirectory();
  disk = await qcow2Disk(path.join(directory.path, "noble.img"));
  size = (await stat(disk)).size;
  server = await startCatalogServer([{ file: disk }]);
});
afterEach(async () => {
  await server.close();
  await directory.remove();
});

const library = () => testLibrary(directory.path, server.url);
const acquire = (ctx = testCtx()) => library().acquire(ctx, "24.04", "x86_64");
const parts = async () =>
  (await readdir(path.join(directory.path, "images/downloads"))).filter((n) => n.endsWith(".part"));
const ranges = () => server.requests.filter((r) => r.path.endsWith(".img")).map((r) => r.headers.range);
const nothingCached = async () => {
  expect(await library().cached()).toEqual([]);
  const names = await readdir(path.join(directory.path, "images"));
  expect(names.filter((name) => name.startsWith(".work"))).toEqual([]);
};

/** A range from where the client was cut off: at most what was sent by then, most of it. */
const upTo = (sent: number) => ({
  asymmetricMatch: (range: unknown) => {
    const start = Number(/^bytes=(\d+)-$/.exec(String(range))?.[1]);
    return start > sent / 2 && start <= sent;
  },
});

test("a lost connection is taken up where it ended", async () => {
  server.fault(/\.img$/, { kind: "drop", at: 2_000_000 });
  server.fault(/\.img$/, { kind: "drop", at: 500_000 });
  const ready = await acquire();
  await run(["qemu-img", "compare", ready.path, disk]);
  expect(ranges()).toEqual([undefined, upTo(2000000), upTo(2500000)]);
});

test("a server that lost interest is left after the deadline and tried again", async () => {
  server.fault(/\.img$/, { kind: "stall", at: 1_000_000 });
  const ctx = testCtx();
  await acquire(ctx);
  expect(ctx.warnings).toMatchObject([
    { message: "download interrupted", facts: { reason: "no data for 0.3 s" } },
  ]);
  expect(ranges()).toEqual([undefined, upTo(1000000)]);
});

test("a connection that is never whole ends in an error, and the next try goes on", async () => {
  server.fault(/\.img$/, { kind: "drop", at: 100_000 }, 3);
  await expect(acquire()).rejects.toMatchObject({
    code: "download-failed",
    message: expect.stringMatching(/^cannot download 24\.04 from http.*: /),
    hint: expect.stringContaining("goes on where it ended"),
  });
  await nothingCached();
  expect(await parts()).toHaveLength(1);
  await acquire();
  expect(ranges()).toEqual([undefined, upTo(100000), upTo(200000), upTo(300000)]);
});

test("a cancelled download leaves a part that is gone on with", async () => {
  server.fault(/\.img$/, { kind: "stall", at: 1_500_000 });
  const ctx = testCtx((progress) => {
    if ((progress.done ?? 0) > 0) ctx.cancel();
  });
  await expect(acquire(ctx)).rejects.toMatchObject({ name: "AbortError" });
  await nothingCached();
  const [part = ""] = await parts();
  const had = (await stat(path.join(directory.path, "images/downloads", part))).size;
  expect(had).toBeGreaterThan(0);
  await acquire();
  expect(ranges()[1]).toBe(`bytes=${had}-`);
});

test("a part that was tampered with is found out and thrown away", async () => {
  server.fault(/\.img$/, { kind: "drop", at: 1_000_000 }, 3);
  await expect(acquire()).rejects.toMatchObject({ code: "download-failed" });
  const [name = ""] = await parts();
  const part = path.join(directory.path, "images/downloads", name);
  const bytes = await readFile(part);
  bytes[1000] = (bytes[1000] ?? 0) ^ 1;
  await writeFile(part, bytes);
  await expect(acquire()).rejects.toMatchObject({ message: expect.stringContaining("its SHA-256 is") });
  expect(await parts()).toEqual([]);
  await acquire();
});

test("a wrong checksum is refused and nothing of it stays", async () => {
  server.fault(/\.img$/, { kind: "corrupt", at: size - 10 });
  await expect(acquire()).rejects.toMatchObject({
    code: "download-failed",
    message: expect.stringMatching(
      /^cannot download 24\.04: its SHA-256 is [0-9a-f]{64}, the catalog says [0-9a-f]{64}$/,
    ),
    hint: expect.stringContaining("deleted"),
  });
  await nothingCached();
  expect(await parts()).toEqual([]);
});

test("a size that is not the catalog's is refused before it is downloaded", async () => {
  const lying = await startCatalogServer([{ file: disk, size: size - 1 }]);
  const images = testLibrary(directory.path, lying.url);
  await expect(images.acquire(testCtx(), "24.04", "x86_64")).rejects.toMatchObject({
    message: `cannot download 24.04: it has ${size} bytes, the catalog says ${size - 1}`,
  });
  await lying.close();
  expect(await parts()).toEqual([]);
});

test("a redirect to plain http elsewhere is refused, one within this host is followed", async () => {
  server.fault(/\.img$/, { kind: "redirect", to: "http://mirror.example/noble.img" });
  await expect(acquire()).rejects.toMatchObject({
    code: "download-failed",
    message: expect.stringContaining("redirects to http://mirror.example/noble.img, which is not allowed"),
  });
  server.fault(/\.img$/, { kind: "redirect", to: server.imageUrls[0] ?? "" });
  await acquire();
});

test("a redirect without end is given up", async () => {
  server.fault(/\.img$/, { kind: "redirect", to: server.imageUrls[0] ?? "" }, 100);
  await expect(acquire()).rejects.toMatchObject({
    message: expect.stringContaining("redirects more than 5 times"),
  });
});

test("a server without ranges gives the whole again", async () => {
  server.fault(/\.img$/, { kind: "drop", at: 1_000_000 });
  server.fault(/\.img$/, { kind: "no-range" });
  const ready = await acquire();
  await run(["qemu-img", "compare", ready.path, disk]);
});

test("a range that the server refuses starts anew", async () => {
  server.fault(/\.img$/, { kind: "drop", at: 1_000_000 });
  server.fault(/\.img$/, { kind: "status", status: 416 });
  await acquire();
  expect(ranges()).toEqual([undefined, upTo(1000000), undefined]);
});

test("a busy server is tried again, an absent file is not", async () => {
  server.fault(/\.img$/, { kind: "status", status: 503 }, 2);
  await acquire();
  server.fault(/\.img$/, { kind: "status", status: 404 });
  const other = await temporaryDirectory();
  await expect(
    testLibrary(other.path, server.url).acquire(testCtx(), "24.04", "x86_64"),
  ).rejects.toMatchObject({
    message: expect.stringContaining("404"),
  });
  await other.remove();
  expect(ranges()).toHaveLength(4);
});

test("two who want the same image share one download, and one may leave", async () => {
  const images = library();
  const leaving = testCtx();
  const staying = testCtx((progress) => {
    if (progress.phase === "download") leaving.cancel();
  });
  const first = images.acquire(leaving, "24.04", "x86_64");
  const second = images.acquire(staying, "noble", "x86_64");
  await expect(first).rejects.toMatchObject({ name: "AbortError" });
  expect((await second).facts.reference).toBe("noble");
  expect(ranges()).toHaveLength(1);
});

test("images that reach outside themselves are refused", async () => {
  const images = library();
  const overlay = path.join(directory.path, "overlay.img");
  await run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", disk, "-F", "qcow2", overlay]);
  const data = path.join(directory.path, "data.img");
  await run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", `data_file=${data}.raw`, data, "1M"]);
  for (const [file, reason] of [
    [overlay, "another file below it"],
    [data, "data is in another file"],
  ] as const)
    await expect(images.acquire(testCtx(), file, "x86_64")).rejects.toMatchObject({
      code: "download-failed",
      message: expect.stringContaining(reason),
    });
  const page = path.join(directory.path, "page.img");
  await writeFile(page, "<html>please log in</html>");
  await expect(images.acquire(testCtx(), page, "x86_64")).rejects.toMatchObject({
    message: `cannot use image ${page}: it is not a disk image`,
  });
  const cut = path.join(directory.path, "cut.img.xz");
  await run(["xz", "-k0", disk]);
  const whole = await readFile(`${disk}.xz`);
  await writeFile(cut, whole.subarray(0, whole.length / 2));
  await expect(images.acquire(testCtx(), cut, "x86_64")).rejects.toMatchObject({
    message: expect.stringContaining("cannot be decompressed"),
  });
  await nothingCached();
});

test("a catalog that is not one is an error that names it", async () => {
  server.put("/releases/streams/v1/index.json", "<html>");
  await expect(acquire()).rejects.toMatchObject({
    code: "download-failed",
    message: expect.stringContaining("it is not a simplestreams index"),
  });
});

test("a download that cannot fit is refused with the numbers before it begins", async () => {
  server.fault(/\.img$/, { kind: "claim", size: 2 ** 50 });
  await expect(library().acquire(testCtx(), server.imageUrls[0] ?? "", "x86_64")).rejects.toMatchObject({
    code: "no-resources",
    message: expect.stringMatching(/^cannot download .*: 1024TiB needed, .* free in /),
    hint: expect.stringContaining("berth image prune"),
  });
});

test("a full disk is told from a bad image", () => {
  const said = { stdout: "", stderr: "qemu-img: error while writing: No space left on device" };
  expect(noSpace(new RunError(["qemu-img"], 1, null, said), "prepare x")).toMatchObject({
    code: "no-resources",
  });
  expect(
    noSpace(new RunError(["qemu-img"], 1, null, { ...said, stderr: "bad" }), "prepare x"),
  ).toBeUndefined();
});
