/** A guest's files through the engine's stream: OpenSSH's own SFTP server on one side, the client's files on the other. */
import { randomBytes } from "node:crypto";
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { privateDirectory } from "../../src/base/durable.ts";
import { currentPaths } from "../../src/base/paths.ts";
import { startChild } from "../../src/base/run.ts";
import { connect } from "../../src/client/connect.ts";
import type { EngineClient } from "../../src/client/engine-client.ts";
import { GuestFiles, MAX_FILE_BYTES } from "../../src/client/files/guest-files.ts";
import { FileProblem } from "../../src/client/files/problem.ts";
import { Sftp } from "../../src/client/files/sftp.ts";
import { watchGuest } from "../../src/client/files/watch.ts";
import { silentLog } from "../../src/engine/log.ts";
import { type EngineServer, startServer } from "../../src/engine/server/server.ts";
import { FakeCore } from "../support/fake-core.ts";
import { processesWith } from "../support/processes.ts";

let home: string;
let server: EngineServer;
let client: EngineClient;
let sftp: Sftp;
let files: GuestFiles;
const at = (...names: string[]) => path.join(home, "guest", ...names);

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "berth-sftp-"));
  await mkdir(at());
  const env = { ...process.env, BERTH_HOME: home };
  const paths = currentPaths(env);
  await privateDirectory(paths.run);
  const core = new FakeCore();
  server = await startServer({
    ...{ core, version: "1", endpoint: paths.endpoint, user: "tester", log: silentLog },
  });
  client = await connect({ env });
  sftp = await Sftp.on(await client.sftp("primary"));
  files = new GuestFiles(sftp);
});

afterEach(async () => {
  client.dispose();
  await server.close();
  await rm(home, { recursive: true, force: true });
});

const anyway = { create: true, overwrite: true };
const kindOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "done",
    (error: unknown) => (error instanceof FileProblem ? error.kind : String(error)),
  );

test("files of every size go in and come out whole", async () => {
  for (const size of [0, 1, 32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 3 * 2 ** 20 + 7]) {
    const bytes = randomBytes(size);
    await files.write(at("blob"), bytes, anyway);
    expect((await readFile(at("blob"))).equals(bytes), `written: ${size}`).toBe(true);
    expect((await files.read(at("blob"))).equals(bytes), `read: ${size}`).toBe(true);
    expect(await files.stat(at("blob"))).toMatchObject({ kind: "file", link: false, size, readonly: false });
  }
});

test("what may exist and what must is as the flags say, and nothing is lost by a refusal", async () => {
  const only = { create: true, overwrite: false };
  const update = { create: false, overwrite: true };
  expect(await kindOf(files.write(at("new"), Buffer.from("x"), update))).toBe("not-found");
  await files.write(at("new"), Buffer.from("first"), only);
  expect(await kindOf(files.write(at("new"), Buffer.from("second"), only))).toBe("exists");
  expect(await readFile(at("new"), "utf8")).toBe("first");
  await files.write(at("new"), Buffer.from("2"), update);
  expect(await readFile(at("new"), "utf8")).toBe("2");
  expect(await kindOf(files.write(at(), Buffer.from("x"), anyway))).toBe("is-a-directory");
  expect(await kindOf(files.write(at("no", "such"), Buffer.from("x"), anyway))).toBe("not-found");
});

test("writing keeps mode and link", async () => {
  await writeFile(at("script"), "old", { mode: 0o755 });
  await symlink("script", at("link"));
  await files.write(at("link"), Buffer.from("new"), anyway);
  expect(await readFile(at("script"), "utf8")).toBe("new");
  expect((await stat(at("script"))).mode & 0o777).toBe(0o755);
  expect(await files.stat(at("link"))).toMatchObject({ kind: "file", link: true, size: 3 });
});

test("directories are listed with what is in them, links followed, names of any script", async () => {
  await mkdir(at("dir"));
  await writeFile(at("größe 大.txt"), "1234");
  await symlink("dir", at("to dir"));
  await symlink("nowhere", at("broken"));
  await writeFile(Buffer.concat([Buffer.from(`${at()}/bad`), Buffer.of(0xff)]), "");
  const listed = new Map(await files.list(at()));
  expect([...listed.keys()].sort()).toEqual(["broken", "dir", "größe 大.txt", "to dir"]);
  expect(listed.get("größe 大.txt")).toMatchObject({ kind: "file", size: 4 });
  expect(listed.get("to dir")).toMatchObject({ kind: "directory", link: true });
  expect(listed.get("broken")).toMatchObject({ kind: "other", link: true });
  for (let index = 0; index < 500; index += 1) await writeFile(at("dir", String(index)), "");
  expect(await files.list(at("dir"))).toHaveLength(500);
  expect(await kindOf(files.list(at("größe 大.txt")))).toBe("not-a-directory");
  expect(await kindOf(files.list(at("none")))).toBe("not-found");
});

test("a tree is removed as one, and never what a link in it leads to", async () => {
  await mkdir(at("kept"));
  await writeFile(at("kept", "file"), "");
  await mkdir(at("tree", "deep"), { recursive: true });
  await symlink("../kept", at("tree", "link"));
  expect(await kindOf(files.remove(at("tree"), { recursive: false }))).toBe("not-empty");
  await files.remove(at("tree"), { recursive: true });
  await symlink("kept", at("link"));
  await files.remove(at("link"), { recursive: true });
  expect(await readdir(at())).toEqual(["kept"]);
  expect(await readdir(at("kept"))).toEqual(["file"]);
  expect(await kindOf(files.remove(at("tree"), { recursive: true }))).toBe("not-found");
});

test("renaming takes the place of another only where it may", async () => {
  await writeFile(at("a"), "a");
  await writeFile(at("b"), "b");
  expect(await kindOf(files.rename(at("a"), at("b"), { overwrite: false }))).toBe("exists");
  expect(await readFile(at("b"), "utf8")).toBe("b");
  await files.rename(at("a"), at("b"), { overwrite: true });
  expect(await readFile(at("b"), "utf8")).toBe("a");
  await files.makeDirectory(at("dir"));
  expect(await kindOf(files.makeDirectory(at("dir")))).toBe("exists");
  await files.rename(at("b"), at("dir", "c"), { overwrite: false });
  expect(await readdir(at())).toEqual(["dir"]);
  expect(await kindOf(files.rename(at("b"), at("x"), { overwrite: true }))).toBe("not-found");
});

test("a directory takes the place of another whole, or that stays as it was", async () => {
  await mkdir(at("new"));
  await writeFile(at("new", "file"), "new");
  await mkdir(at("old"));
  await writeFile(at("old", "file"), "old");
  const replace = (from: string, to: string) => files.rename(at(from), at(to), anyway);
  expect(await kindOf(files.rename(at("new"), at("old"), { overwrite: false }))).toBe("exists");
  for (const [from, to] of [
    ["old", "old/in"],
    ["old/file", "old"],
  ] as const)
    expect(await kindOf(replace(from, to))).toBe("failed");
  expect(await kindOf(replace("new", "none/x"))).toBe("not-found");
  expect(await readFile(at("old", "file"), "utf8")).toBe("old");
  await replace("new", "old");
  expect(await readFile(at("old", "file"), "utf8")).toBe("new");
  await replace("old", "old");
  expect(await readdir(at())).toEqual(["old"]);
});

const odd = Buffer.concat([Buffer.from("odd-"), Buffer.of(0xff)]);
const bytesAt = (directory: string, name: Buffer) => Buffer.concat([Buffer.from(`${directory}/`), name]);

/** Modes, links, names of all kinds, and a file of more than one request. */
async function makeTree(): Promise<Buffer> {
  await mkdir(at("tree", "deep"), { recursive: true });
  const bytes = randomBytes(10 * 2 ** 20 + 1);
  await writeFile(at("tree", "deep", "blob"), bytes);
  await writeFile(at("tree", "run"), "#!/bin/sh\n", { mode: 0o755 });
  await writeFile(at("tree", "new\nline"), "");
  await writeFile(bytesAt(at("tree"), odd), "odd");
  await symlink("run", at("tree", "to run"));
  await symlink(".", at("tree", "loop"));
  return bytes;
}

async function expectTree(where: string, bytes: Buffer): Promise<void> {
  expect((await readFile(at(where, "deep", "blob"))).equals(bytes)).toBe(true);
  expect((await stat(at(where, "run"))).mode & 0o777).toBe(0o755);
  expect(await readlink(at(where, "to run"))).toBe("run");
  expect(await readlink(at(where, "loop"))).toBe(".");
  expect(await readFile(bytesAt(at(where), odd), "utf8")).toBe("odd");
  expect(await readdir(at(where))).toHaveLength(6);
}

test("a tree is copied whole, inside a guest and to another, and its copy is removed whole", async () => {
  const bytes = await makeTree();
  await files.copyFrom(files, at("tree"), at("copy"), { overwrite: false });
  await expectTree("copy", bytes);
  const other = new GuestFiles(await Sftp.on(await client.sftp("primary")));
  await other.copyFrom(files, at("tree"), at("far"), { overwrite: false });
  await expectTree("far", bytes);
  await expectTree("tree", bytes);
  await files.remove(at("copy"), { recursive: true });
  expect((await readdir(at())).sort()).toEqual(["far", "tree"]);
});

test("a tree moves to another file system of the guest, and takes the place of another there", async () => {
  const bytes = await makeTree();
  const elsewhere = await mkdtemp("/dev/shm/berth-sftp-");
  onTestFinished(() => rm(elsewhere, { recursive: true, force: true }));
  const far = path.join(elsewhere, "tree");
  await files.rename(at("tree"), far, { overwrite: false });
  expect(await readdir(at())).toEqual([]);
  await mkdir(at("tree"));
  await files.rename(far, at("tree"), { overwrite: true });
  await expectTree("tree", bytes);
  await writeFile(path.join(elsewhere, "file"), "old");
  await files.rename(at("tree", "run"), path.join(elsewhere, "file"), { overwrite: true });
  expect(await readFile(path.join(elsewhere, "file"), "utf8")).toBe("#!/bin/sh\n");
  expect(await readdir(elsewhere)).toEqual(["file"]);
});

test("a copy that fails leaves what was there, and nothing half made", async () => {
  await makeTree();
  await mkdir(at("kept"));
  await writeFile(at("kept", "file"), "kept");
  expect(await kindOf(files.copyFrom(files, at("tree"), at("kept"), { overwrite: false }))).toBe("exists");
  await startChild(["mkfifo", at("tree", "pipe")]).exited;
  expect(await kindOf(files.copyFrom(files, at("tree"), at("kept"), { overwrite: true }))).toBe("failed");
  expect(await kindOf(files.copyFrom(files, at("tree"), at("half"), { overwrite: false }))).toBe("failed");
  expect(await kindOf(files.copyFrom(files, at("tree"), at("tree", "in"), anyway))).toBe("failed");
  expect(await kindOf(files.copyFrom(files, at("none"), at("kept"), anyway))).toBe("not-found");
  expect(await readFile(at("kept", "file"), "utf8")).toBe("kept");
  expect((await readdir(at())).sort()).toEqual(["kept", "tree"]);
});

test("links that lead in circles are shown, and what lies beyond them is not there", async () => {
  await symlink("b", at("a"));
  await symlink("a", at("b"));
  await symlink(".", at("self"));
  const facts = new Map(await files.list(at()));
  expect(facts.get("a")).toMatchObject({ kind: "other", link: true });
  expect(facts.get("self")).toMatchObject({ kind: "directory", link: true });
  expect(await kindOf(files.stat(at("a", "x")))).toBe("not-found");
  expect(await kindOf(files.read(at("a")))).toBe("failed");
  expect((await files.list(at("self", "self", "self"))).length).toBe(3);
});

test("what changes is told by inotify, until nobody listens", async () => {
  const seen: string[] = [];
  const listening = new AbortController();
  const end = { client, instance: "primary", signal: listening.signal };
  const watch = watchGuest(end, at(), true, (changes) => {
    for (const { what, path: changed } of changes) seen.push(`${what} ${path.relative(at(), changed)}`);
  });
  // When it begins to watch is told to nobody: something is changed until it is seen.
  const touched = async () => {
    await writeFile(at("first"), "");
    return seen;
  };
  await expect.poll(touched).toContain("changed first");
  await mkdir(at("dir"));
  await expect.poll(() => seen).toContain("created dir");
  await rename(at("first"), at("dir", "second"));
  await expect.poll(() => seen).toEqual(expect.arrayContaining(["deleted first", "created dir/second"]));
  listening.abort();
  await expect(watch).rejects.toMatchObject({ name: "AbortError" });
  await expect.poll(() => processesWith(at())).toEqual([]);
});

test("a watch on what is not there says so and ends", async () => {
  const end = { client, instance: "primary", signal: new AbortController().signal };
  expect((await watchGuest(end, at("none"), true, () => {})).words).toContain("No such file");
});

test("what is too large, or would never end, is refused before it is read", async () => {
  await startChild(["truncate", "-s", String(MAX_FILE_BYTES + 1), at("huge")]).exited;
  await startChild(["mkfifo", at("pipe")]).exited;
  expect(await kindOf(files.read(at("huge")))).toBe("too-large");
  expect(await kindOf(files.read(at("pipe")))).toBe("failed");
  expect(await kindOf(files.write(at("pipe"), Buffer.from("x"), anyway))).toBe("failed");
  expect(await kindOf(files.read(at()))).toBe("is-a-directory");
  expect((await files.read("/proc/self/status")).length).toBeGreaterThan(100); // Its size is said to be 0.
});

test("the end of the connection ends what is asked, in words, and a new one works", async () => {
  sftp.close();
  await sftp.ended;
  await expect(files.stat(at())).rejects.toMatchObject({ code: "guest-unreachable" });
  const next = new GuestFiles(await Sftp.on(await client.sftp("primary")));
  expect((await next.stat(at())).kind).toBe("directory");
});

test("an instance that is not there is told", async () => {
  await expect(client.sftp("nope")).rejects.toMatchObject({ code: "not-found" });
});
