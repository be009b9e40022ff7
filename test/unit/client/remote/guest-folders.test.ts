/** The directories of a guest: what its shell prints, and what is made of it. */
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startChild } from "../../../../src/base/run.ts";
import type { EngineClient } from "../../../../src/client/engine-client.ts";
import { listFolders, parseFolders } from "../../../../src/client/remote/guest-folders.ts";

/** An instance whose processes run on this computer, in `home`. */
function endIn(home: string, replace?: string[]) {
  const exec: EngineClient["exec"] = async (_name, { argv = [] }) => {
    const child = startChild(replace ?? argv, { env: { HOME: home } });
    const exited = child.exited.then(({ code }) => ({ code: code ?? -1 }));
    return { ...child, exited, resize() {}, signal() {}, close: () => child.kill("SIGKILL") };
  };
  return { client: { exec } as EngineClient, instance: "web", signal: new AbortController().signal };
}

async function home(): Promise<string> {
  const directory = await realpath(await mkdtemp(path.join(tmpdir(), "berth home's $X-")));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test("directories, and links to some, are listed; files are not, hidden ones come last", async () => {
  const at = await home();
  for (const name of ["b10", "b9", ".config", "a b", "-n", "üx", "new\nline"])
    await mkdir(path.join(at, name));
  await writeFile(path.join(at, "file"), "");
  await symlink("b9", path.join(at, "link"));
  await symlink("nowhere", path.join(at, "broken"));
  const found = await listFolders(endIn(at), "");
  expect(found.path).toBe(at);
  expect(found.folders.at(-1)).toBe(".config");
  expect([...found.folders].sort()).toEqual(
    [".config", "-n", "a b", "b10", "b9", "link", "new\nline", "üx"].sort(),
  );
  expect(found.folders.indexOf("b9")).toBeLessThan(found.folders.indexOf("b10"));
  expect((await listFolders(endIn(at), path.join(at, "-n"))).folders).toEqual([]);
});

test("what is not there, and what is no directory, is told", async () => {
  const at = await home();
  await writeFile(path.join(at, "file"), "");
  for (const name of ["nope", "file"])
    await expect(listFolders(endIn(at), path.join(at, name))).rejects.toMatchObject({ code: "not-found" });
});

test.each([
  ["nothing", ["true"], "not-found"],
  ["no path", ["printf", "x\\0"], "not-found"],
  ["no end", ["yes"], "no-resources"],
])("a guest that answers %s is not believed", async (_what, argv, code) => {
  await expect(listFolders(endIn("/", argv), "")).rejects.toMatchObject({ code });
});

test("names that could not be opened are left out", () => {
  expect(parseFolders(Buffer.from("/\0a\0\0b/c\0d\0"))?.folders).toEqual(["a", "d"]);
  expect(parseFolders(Buffer.from([0x2f, 0, 0xff, 0, 0x61, 0]))?.folders).toEqual(["a"]);
  expect(parseFolders(Buffer.from(""))).toBeUndefined();
});
