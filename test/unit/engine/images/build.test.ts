/** The pure parts of building images; the whole is proven by the guests that the vm lane boots from its result. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import {
  parseDeb822Sources,
  parseSourcesList,
  sourcesFor,
} from "../../../../src/engine/images/apt-sources.ts";
import {
  bootRecord,
  layoutFor,
  placeCore,
  SECTOR,
  sfdiskScript,
} from "../../../../src/engine/images/boot-disk.ts";
import { buildImage } from "../../../../src/engine/images/build.ts";
import { hostSources } from "../../../../src/engine/images/build-tools.ts";
import { recipeFor, recipeHash } from "../../../../src/engine/images/recipes.ts";
import { temporaryDirectory, testCtx } from "./support.ts";

const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

test("recipes are found by number, codename and bare name, and refused clearly", () => {
  const recipe = recipeFor("debian:12", "x86_64", "x86_64");
  expect(recipe).toMatchObject({ reference: "debian:12", codename: "bookworm", user: "debian" });
  expect(recipeFor("Debian:Bookworm", "x86_64", "x86_64")).toEqual(recipe);
  expect(recipeFor("debian", "x86_64", "x86_64")).toEqual(recipe);
  expect(recipeFor("debian:13", "x86_64", "x86_64").codename).toBe("trixie");
  for (const name of ["debian:99", "ubuntu:24.04", "debian:toString", "__proto__", ""])
    expect(() => recipeFor(name, "x86_64", "x86_64"), name).toThrow(/there is no recipe/);
  expect(() => recipeFor("debian:12", "aarch64", "x86_64")).toThrow(/only x86_64 on x86_64/);
});

test("a recipe's hash changes with what it says", () => {
  const recipe = recipeFor("debian:12", "x86_64", "x86_64");
  expect(recipeHash(recipe)).toMatch(/^[0-9a-f]{64}$/);
  expect(recipeHash(recipe)).toBe(recipeHash(recipeFor("debian", "x86_64", "x86_64")));
  expect(recipeHash({ ...recipe, packages: [...recipe.packages, "vim"] })).not.toBe(recipeHash(recipe));
});

test("partitions lie one after the other, the root last so that it can grow", () => {
  const { sectors, bios, efi, root } = layoutFor(2 * 2 ** 30);
  expect(bios.start + bios.size).toBe(efi.start);
  expect(efi.start + efi.size).toBe(root.start);
  expect(root.start + root.size).toBeLessThanOrEqual(sectors - 34);
  expect(root.start % 2048).toBe(0);
  expect(sfdiskScript(layoutFor(2 * 2 ** 30))).toContain("1 : start=69632, size=4122624, type=4F68BCE3");
});

test("boot sectors point to each other and keep the partition table", () => {
  const existing = Buffer.alloc(SECTOR, 0x77);
  const record = bootRecord(Buffer.alloc(SECTOR, 0x11), existing, 2048);
  expect(record.readBigUInt64LE(0x5c)).toBe(2048n);
  expect(record.subarray(0x66, 0x68)).toEqual(Buffer.from([0x90, 0x90]));
  expect(record.subarray(0x1b8)).toEqual(existing.subarray(0x1b8));
  const core = placeCore(Buffer.alloc(3 * SECTOR + 1), 2048, 100);
  expect(core.readBigUInt64LE(SECTOR - 12)).toBe(2049n);
  expect(core.readUInt16LE(SECTOR - 4)).toBe(3);
  expect(() => placeCore(Buffer.alloc(101 * SECTOR), 2048, 100)).toThrow(/does not fit/);
});

test("packages come from the host's own sources of that distribution", () => {
  const deb822 = parseDeb822Sources(
    [
      "Types: deb deb-src",
      "# a comment",
      "URIs: https://mirror.example/debian",
      "Suites: bookworm",
      "  bookworm-updates bookworm-backports",
      "Components: main contrib",
      "",
      "Enabled: no\nTypes: deb\nURIs: https://off.example/\nSuites: bookworm\nComponents: main",
    ].join("\n"),
  );
  const list = parseSourcesList(
    [
      "deb [arch=amd64 signed-by=/x.gpg] https://tools.example/linux bookworm stable",
      "deb https://mirror.example/security bookworm-security main non-free # security",
      "# deb https://commented.example/ bookworm main",
      "deb cdrom:[Debian]/ bookworm main",
    ].join("\n"),
  );
  const lines = (suite: string, uri = "debian") =>
    `deb [signed-by=${KEYS}] https://mirror.example/${uri} ${suite} main`;
  expect(sourcesFor([...deb822, ...list], "trixie", "bookworm", KEYS)).toEqual([
    lines("trixie"),
    lines("trixie-updates"),
    lines("trixie-security", "security"),
  ]);
});

test("a host that is no Debian leaves the sources to the tool", async () => {
  const etc = await temporaryDirectory();
  await mkdir(path.join(etc.path, "apt"));
  await writeFile(path.join(etc.path, "apt/sources.list"), "deb https://a.example/ noble main\n");
  await writeFile(path.join(etc.path, "os-release"), "ID=ubuntu\nVERSION_CODENAME=noble\n");
  expect(await hostSources("bookworm", etc.path)).toEqual([]);
  await writeFile(path.join(etc.path, "os-release"), "ID=debian\nVERSION_CODENAME=noble\n");
  expect(await hostSources("bookworm", etc.path)).toHaveLength(1);
  await etc.remove();
});

test("a host without the tools is told the one command that brings them", async () => {
  const directory = await temporaryDirectory();
  const recipe = recipeFor("debian:12", "x86_64", "x86_64");
  const files = {
    output: path.join(directory.path, "out"),
    workDirectory: path.join(directory.path, "work"),
  };
  await expect(buildImage(testCtx(), { recipe, ...files, platform: "darwin" })).rejects.toMatchObject({
    code: "not-supported",
  });
  const { PATH = "" } = process.env;
  process.env["PATH"] = directory.path;
  try {
    await expect(buildImage(testCtx(), { recipe, ...files, platform: "linux" })).rejects.toMatchObject({
      code: "missing-dependency",
      hint: expect.stringMatching(/^Run `sudo apt-get install mmdebstrap/),
    });
  } finally {
    process.env["PATH"] = PATH;
    await directory.remove();
  }
});

test("nothing names a package mirror: that is the host's choice", async () => {
  const folder = path.resolve(import.meta.dirname, "../../../../src/engine/images");
  for (const file of ["recipes.ts", "build.ts", "build-tools.ts", "apt-sources.ts"])
    expect(await readFile(path.join(folder, file), "utf8")).not.toMatch(/https?:\/\//);
});
