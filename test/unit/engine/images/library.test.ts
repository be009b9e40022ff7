import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { run } from "../../../../src/base/run.ts";
import { type CatalogServer, startCatalogServer } from "../../../support/catalog-server.ts";
import { qcow2Disk, rawDisk, temporaryDirectory, testCtx, testLibrary } from "./support.ts";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: CatalogServer;
let disk: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  disk = await qcow2Disk(path.join(directory.path, "noble.img"));
  const other = await qcow2Disk(path.join(directory.path, "next.img"), 2, 7);
  server = await startCatalogServer([
    { file: disk },
    { file: disk, version: "20.04", codename: "focal", aliases: "f,focal", supported: false },
    {
      file: other,
      remote: "daily",
      version: "26.10",
      codename: "zesty",
      title: "26.10",
      aliases: "devel,z,zesty",
    },
    { file: disk, remote: "daily" },
    { file: other, remote: "minimal", aliases: "noble" },
  ]);
});
afterEach(async () => {
  await server.close();
  await directory.remove();
});

const downloads = () => server.requests.filter((request) => request.path.endsWith(".img"));

test("an image is downloaded once, verified, described, and found again by every name", async () => {
  const images = testLibrary(directory.path, server.url);
  const ctx = testCtx();
  const ready = await images.acquire(ctx, "24.04", "x86_64");
  expect(ready).toMatchObject({ format: "qcow2", arch: "x86_64", user: "ubuntu", virtualBytes: 3 * 2 ** 20 });
  expect(ready.facts).toEqual({
    reference: "24.04",
    sha256: ready.id,
    os: "Ubuntu",
    release: "24.04 LTS",
    version: "20250101",
  });
  await run(["qemu-img", "compare", ready.path, disk]);
  expect(
    ctx.phases.find((progress) => progress.phase === "download" && progress.done === progress.total),
  ).toBeTruthy();
  for (const name of [
    "noble",
    "lts",
    "default",
    "n",
    "ubuntu",
    "NOBLE",
    "release:noble",
    "daily:24.04",
    ready.id.slice(0, 12),
  ])
    expect((await images.acquire(testCtx(), name, "x86_64")).id).toBe(ready.id);
  expect(downloads()).toHaveLength(1);
  const again = testLibrary(directory.path, server.url);
  expect(await again.get(ready.id)).toMatchObject({ id: ready.id, path: ready.path });
  expect(await again.cached()).toMatchObject([
    { id: ready.id, verified: true, usedBy: [], reference: "24.04" },
  ]);
  expect((await readdir(path.join(directory.path, "images"))).filter((name) => name.startsWith("."))).toEqual(
    [],
  );
  expect(await readdir(path.join(directory.path, "images/downloads"))).toEqual([]);
});

test("remotes and names are told apart", async () => {
  const images = testLibrary(directory.path, server.url);
  const devel = await images.acquire(testCtx(), "devel", "x86_64");
  expect(devel.facts.release).toBe("26.10");
  const minimal = await images.acquire(testCtx(), "minimal:noble", "x86_64");
  expect(minimal.id).toBe(devel.id);
  await expect(images.acquire(testCtx(), "release:devel", "x86_64")).rejects.toMatchObject({
    code: "not-found",
  });
  await expect(images.acquire(testCtx(), "noble", "aarch64")).rejects.toMatchObject({
    code: "not-found",
    message: "cannot find image noble: it is not published for aarch64",
  });
});

test("an unknown name suggests what is near", async () => {
  const images = testLibrary(directory.path, server.url);
  await expect(images.acquire(testCtx(), "nobel", "x86_64")).rejects.toMatchObject({
    code: "not-found",
    message: "cannot find image nobel: no catalog has it",
    hint: expect.stringContaining("noble"),
  });
  await expect(images.acquire(testCtx(), "debain", "x86_64")).rejects.toMatchObject({
    hint: expect.stringContaining("debian"),
  });
});

test("a search looks at names, aliases, systems and releases", async () => {
  const images = testLibrary(directory.path, server.url);
  const find = async (text: string, unsupported = false) =>
    (await images.find(testCtx(), { text, unsupported, arch: "x86_64" })).items.map((item) => item.reference);
  const all = await find("");
  expect(all.slice(0, 2)).toEqual(["24.04", "daily:26.10"]);
  expect(all).toEqual(expect.arrayContaining(["debian:12", "fedora:43", "alpine:3.22"]));
  expect(await find("nob")).toEqual(["24.04", "minimal:24.04"]);
  expect(await find("daily:")).toEqual(["daily:26.10", "daily:24.04"]);
  expect(await find("focal")).toEqual([]);
  expect(await find("focal", true)).toEqual(["20.04"]);
  expect(await find("BOOKWORM")).toEqual(["debian:12"]);
  const { items } = await images.find(testCtx(), { text: "24.04", unsupported: false, arch: "x86_64" });
  expect(items[0]).toMatchObject({
    cached: false,
    supported: true,
    codename: "noble",
    sizeBytes: (await stat(disk)).size,
  });
});

test("an unreachable catalog is a problem of a search and an error of a launch", async () => {
  await server.close();
  const images = testLibrary(directory.path, server.url);
  const found = await images.find(testCtx(), { text: "", unsupported: false, arch: "x86_64" });
  expect(found.items.map((item) => item.os)).toContain("Debian");
  expect(found.problems).toHaveLength(2);
  expect(found.problems[0]).toMatchObject({ code: "catalog-unreachable", severity: "warning" });
  await expect(images.acquire(testCtx(), "24.04", "x86_64")).rejects.toMatchObject({
    code: "download-failed",
    message: expect.stringContaining("cannot find image 24.04: cannot reach http://127.0.0.1"),
    hint: expect.stringContaining("berth image build debian:12"),
  });
});

test("what was seen and fetched before works offline", async () => {
  const ready = await testLibrary(directory.path, server.url).acquire(testCtx(), "24.04", "x86_64");
  await server.close();
  const offline = testLibrary(directory.path, server.url);
  expect((await offline.acquire(testCtx(), "lts", "x86_64")).id).toBe(ready.id);
  const found = await offline.find(testCtx(), { text: "release:", unsupported: false, arch: "x86_64" });
  expect(found.items).toMatchObject([{ reference: "24.04", cached: true }]);
  expect(found.problems).toMatchObject([{ code: "catalog-stale", severity: "info" }]);
  await rm(path.join(directory.path, "images/catalogs"), { recursive: true });
  expect((await testLibrary(directory.path, server.url).acquire(testCtx(), "noble", "x86_64")).id).toBe(
    ready.id,
  );
});

test("catalogs are asked with validators, and not again within their short life", async () => {
  const images = testLibrary(directory.path, server.url);
  const search = () => images.find(testCtx(), { text: "release:", unsupported: false, arch: "x86_64" });
  await search();
  await search();
  expect(server.requests).toHaveLength(2);
  await testLibrary(directory.path, server.url).find(testCtx(), {
    text: "release:",
    unsupported: false,
    arch: "x86_64",
  });
  expect(server.requests.map((request) => request.status)).toEqual([200, 200, 304, 304]);
});

test("an image in use is kept, an unused one goes", async () => {
  let users = ["primary"];
  const images = testLibrary(directory.path, server.url, { users: () => users });
  const { id, path: file } = await images.acquire(testCtx(), "24.04", "x86_64");
  expect(await images.cached()).toMatchObject([{ usedBy: ["primary"] }]);
  await expect(images.remove(id)).rejects.toMatchObject({
    code: "busy",
    message: expect.stringContaining("primary"),
  });
  expect(await images.prune()).toEqual({ removed: [], freedBytes: 0 });
  users = [];
  const size = (await stat(file)).blocks * 512;
  expect(await images.prune()).toEqual({ removed: [id], freedBytes: size });
  expect(await images.cached()).toEqual([]);
  expect(await images.get(id)).toBeUndefined();
  await expect(images.remove(id)).rejects.toMatchObject({ code: "not-found" });
  await expect(images.remove("../../etc")).rejects.toMatchObject({ code: "not-found" });
});

test("pruning frees what interrupted work left, not what goes on", async () => {
  const images = testLibrary(directory.path, server.url);
  await images.acquire(testCtx(), "24.04", "x86_64");
  const root = path.join(directory.path, "images");
  await writeFile(path.join(root, "downloads", "left.part"), "x".repeat(5000));
  const { freedBytes } = await images.prune();
  expect(freedBytes).toBeGreaterThan(5000);
  expect(await readdir(path.join(root, "downloads"))).toEqual([]);
});

test("a broken descriptor is passed over with a warning and never deleted", async () => {
  const images = testLibrary(directory.path, server.url);
  const { id, path: file } = await images.acquire(testCtx(), "24.04", "x86_64");
  const descriptor = path.join(path.dirname(file), "image.json");
  await writeFile(descriptor, "{ broken");
  const warnings: string[] = [];
  const log = {
    error() {},
    info() {},
    debug() {},
    warn: (text: string) => void warnings.push(text),
    with: () => log,
  };
  const again = testLibrary(directory.path, server.url, { log });
  expect(await again.cached()).toEqual([]);
  expect(warnings).toHaveLength(1);
  expect(await readFile(descriptor, "utf8")).toBe("{ broken");
  expect((await again.acquire(testCtx(), "24.04", "x86_64")).id).toBe(id);
  expect(await again.cached()).toMatchObject([{ id }]);
});

test("a file becomes an image by copying, once per state of the file", async () => {
  const images = testLibrary(directory.path, server.url);
  const raw = await rawDisk(path.join(directory.path, "my-debian.raw"), 2);
  const ready = await images.acquire(testCtx(), raw, "x86_64");
  expect(ready).toMatchObject({ user: "debian", facts: { os: "Debian", release: "my-debian.raw" } });
  await run(["qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw, ready.path]);
  expect((await images.acquire(testCtx(), `file://${raw}`, "x86_64")).id).toBe(ready.id);
  expect(await images.cached()).toMatchObject([{ verified: false }]);
  await rawDisk(raw, 2, 9);
  expect((await images.acquire(testCtx(), raw, "x86_64")).id).not.toBe(ready.id);
  await expect(
    images.acquire(testCtx(), `file://${raw}#sha256:${"0".repeat(64)}`, "x86_64"),
  ).rejects.toMatchObject({
    code: "download-failed",
  });
  await expect(
    images.acquire(testCtx(), path.join(directory.path, "none.img"), "x86_64"),
  ).rejects.toMatchObject({
    code: "not-found",
  });
});

test("an address is fetched again only when its server has something new", async () => {
  const images = testLibrary(directory.path, server.url);
  const [url = ""] = server.imageUrls;
  const ready = await images.acquire(testCtx(), url, "x86_64");
  expect((await images.acquire(testCtx(), url, "x86_64")).id).toBe(ready.id);
  expect(downloads().map((request) => request.status)).toEqual([200, 304]);
  await server.close();
  expect((await images.acquire(testCtx(), url, "x86_64")).id).toBe(ready.id);
  await expect(images.acquire(testCtx(), "http://example.com/x.img", "x86_64")).rejects.toMatchObject({
    code: "invalid-argument",
  });
});

test("compressed images of every kind are unpacked, and a manifest's checksum list is obeyed", async () => {
  const raw = await rawDisk(path.join(directory.path, "disk.raw"), 2, 5);
  for (const argv of [
    ["xz", "-0k", raw],
    ["zstd", "-qk", raw],
    ["gzip", "-k", raw],
  ])
    await run(argv);
  const packed = await startCatalogServer(
    ["xz", "zst", "gz"].map((end) => ({ file: `${raw}.${end}`, version: end, codename: end })),
  );
  try {
    const lists = [];
    for (const [index, end] of ["xz", "zst", "gz"].entries()) {
      const sum = (await run(["sha512sum", `${raw}.${end}`])).stdout.split(" ")[0];
      const url = packed.imageUrls[index] ?? "";
      packed.put(`/${end}/SUMS`, `${sum}  ${path.posix.basename(new URL(url).pathname)}\n`);
      const list = `${packed.url}${end}/SUMS`;
      lists.push({
        os: "Packed",
        release: end,
        user: "packer",
        images: { x86_64: { url, checksum: { algorithm: "sha512", list } } },
      });
    }
    packed.put("/manifest.json", JSON.stringify({ schema: 1, distributions: lists }));
    const images = testLibrary(directory.path, packed.url, { manifest: `${packed.url}manifest.json` });
    for (const end of ["xz", "zst", "gz"]) {
      const ready = await images.acquire(testCtx(), `packed:${end}`, "x86_64");
      expect(ready.user).toBe("packer");
      await run(["qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw, ready.path]);
    }
    packed.put("/gz/SUMS", "nothing of use\n");
    await expect(images.acquire(testCtx(), "packed:gz", "x86_64")).rejects.toMatchObject({
      code: "download-failed",
    });
  } finally {
    await packed.close();
  }
});
