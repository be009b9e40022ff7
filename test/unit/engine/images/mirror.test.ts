/** `local.image.mirror` is where Ubuntu's catalogs and images come from; `refresh` asks catalogs again. */
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hostArch } from "../../../../src/base/paths.ts";
import { type CatalogServer, startCatalogServer } from "../../../support/catalog-server.ts";
import { qcow2Disk, temporaryDirectory, testCtx, testLibrary, testSettings } from "./support.ts";

const MIRROR = "https://mirror.test/ubuntu/";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: CatalogServer;
let asked: string[];

beforeEach(async () => {
  directory = await temporaryDirectory();
  const file = await qcow2Disk(path.join(directory.path, "image.qcow2"));
  server = await startCatalogServer([{ file, arch: hostArch() === "aarch64" ? "arm64" : "amd64" }]);
  asked = [];
});
afterEach(async () => {
  await server.close();
  await directory.remove();
});

/** The mirror is the catalog's server by another name. */
const viaMirror: typeof fetch = (input, init) => {
  const url = new URL(input instanceof Request ? input.url : String(input));
  asked.push(url.href);
  if (!url.href.startsWith(MIRROR)) throw new TypeError(`${url.href} is not the mirror`);
  return fetch(new URL(url.href.slice(MIRROR.length), server.url), init);
};

function library() {
  return testLibrary(directory.path, "https://unreachable.test/", {
    fetch: viaMirror,
    settings: () => ({ ...testSettings("https://unreachable.test/"), "local.image.mirror": MIRROR }),
  });
}

test("catalogs and images come from the mirror alone", async () => {
  const images = library();
  const { items, problems } = await images.find(testCtx(), {
    text: "noble",
    unsupported: false,
    arch: hostArch(),
  });
  expect(items.map(({ reference }) => reference)).toEqual(["24.04"]);
  // The mirror holds no dailies, and nobody else is asked for them.
  expect(problems.every(({ message }) => message.includes(MIRROR))).toBe(true);
  await images.acquire(testCtx(), "noble", hostArch());
  expect(asked.length).toBeGreaterThan(2);
  expect(asked.every((url) => url.startsWith(MIRROR))).toBe(true);
});

test("a catalog that has just answered is asked again only where that is wanted", async () => {
  const images = library();
  const query = { text: "release:", unsupported: false, arch: hostArch() };
  await images.find(testCtx(), query);
  const before = asked.length;
  await images.find(testCtx(), query);
  expect(asked.length).toBe(before);
  await images.find(testCtx(), { ...query, refresh: true });
  expect(asked.length).toBeGreaterThan(before);
});
