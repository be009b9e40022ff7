/** The server of files by scripts, over the shell and the tools of this computer, GNU's and BusyBox's. */
import { randomBytes } from "node:crypto";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Duplex } from "node:stream";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startChild } from "../../../../../src/base/run.ts";
import { STATUS } from "../../../../../src/base/sftp-packets.ts";
import { GuestFiles } from "../../../../../src/client/files/guest-files.ts";
import { OPEN, Sftp } from "../../../../../src/client/files/sftp.ts";
import { factsIn, listed } from "../../../../../src/engine/drivers/oci/script-files.ts";
import { sftpByScripts, statusOf } from "../../../../../src/engine/drivers/oci/script-sftp.ts";
import type { ExecRequest, GuestProcess } from "../../../../../src/engine/guest/guest.ts";

let directory: string;
let stream: Duplex;
let sftp: Sftp;
let files: GuestFiles;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-scripts-"));
});
afterEach(async () => {
  sftp?.close();
  await rm(directory, { recursive: true, force: true });
});

/** Runs what a guest would, at home in the directory. */
function guestHere(tools: string | undefined) {
  return {
    exec: async (_ctx: unknown, { argv = [], env = {}, cwd }: ExecRequest): Promise<GuestProcess> => {
      const PATH = tools ?? process.env["PATH"] ?? "";
      const [program = "", ...rest] = argv;
      const child = startChild([tools ? path.join(tools, program) : program, ...rest], {
        ...(cwd === undefined ? {} : { cwd }),
        env: { ...env, HOME: directory, PATH },
      });
      const exited = child.exited.then(({ code }) => ({ code: code ?? 255 }));
      const { stdin, stdout, stderr } = child;
      return { stdin, stdout, stderr, exited, resize() {}, signal() {}, close: () => child.kill("SIGTERM") };
    },
  };
}

async function serve(tools?: string): Promise<void> {
  stream = sftpByScripts(guestHere(tools));
  const { promise, resolve } = Promise.withResolvers<Record<string, never>>();
  stream.once("close", () => resolve({}));
  sftp = await Sftp.on({ stdin: stream, stdout: stream, exited: promise, close: () => stream.destroy() });
  files = new GuestFiles(sftp);
}

/** A directory of links to BusyBox alone. */
async function busybox(): Promise<string> {
  const tools = await mkdtemp(path.join(directory, "tools-"));
  const all = "sh stat readlink tail xargs rm mkdir rmdir mv ln chmod chown touch truncate cat pwd".split(
    " ",
  );
  for (const each of all) await symlink("/bin/busybox", path.join(tools, each));
  return tools;
}

describe.each(["GNU", "BusyBox"])("by the tools of %s", (kind) => {
  let at: (name: string) => string;
  beforeEach(async () => {
    await serve(kind === "GNU" ? undefined : await busybox());
    const work = path.join(directory, "work");
    await mkdir(work);
    at = (name) => path.join(work, name);
  });

  test("home and names that are hard to say", async () => {
    expect(await sftp.realpath(".")).toBe(directory);
    const names = ["a b", "-rf", 'it\'s "so"', "$HOME", "new\nline", ".hidden", "..two", "ünï", "*"];
    for (const name of names) await writeFile(at(name), name);
    await mkdir(at("folder"));
    await symlink("nowhere", at("dangling"));
    const found = new Map(await files.list(path.dirname(at("x"))));
    expect([...found.keys()].sort()).toEqual([...names, "folder", "dangling"].sort());
    for (const name of names) expect((await files.read(at(name))).toString()).toBe(name);
    await mkdir(at("empty"));
    expect(await files.list(at("empty"))).toEqual([]);
  });

  test("facts are the file's own", async () => {
    await writeFile(at("file"), "12345");
    await chmod(at("file"), 0o640);
    const facts = await lstat(at("file"));
    expect(await sftp.lstat(at("file"))).toEqual({
      ...{ size: 5, mode: facts.mode, owner: { uid: facts.uid, gid: facts.gid } },
      times: { accessed: Math.floor(facts.atimeMs / 1000), modified: Math.floor(facts.mtimeMs / 1000) },
    });
    await expect(sftp.lstat(at("none"))).rejects.toMatchObject({ status: STATUS.noSuchFile });
    await expect(files.list(at("none"))).rejects.toMatchObject({ kind: "not-found" });
  });

  test("large contents come as they are, and go as they are", async () => {
    const bytes = randomBytes(700_001);
    await files.write(at("large"), bytes, { create: true, overwrite: false });
    expect((await readFile(at("large"))).equals(bytes)).toBe(true);
    expect((await files.read(at("large"))).equals(bytes)).toBe(true);
    const handle = await sftp.open(at("large"), OPEN.read);
    expect((await sftp.read(handle, 500_000, 10))?.equals(bytes.subarray(500_000, 500_010))).toBe(true);
    expect((await sftp.read(handle, 5, 10))?.equals(bytes.subarray(5, 15))).toBe(true);
    expect(await sftp.read(handle, 900_000, 10)).toBeUndefined();
    await sftp.closeHandle(handle);
    await files.write(at("large"), Buffer.from("short"), { create: false, overwrite: true });
    expect(await readFile(at("large"), "utf8")).toBe("short");
  });

  test("what is there is not written over unless asked, and what is not there is told", async () => {
    await writeFile(at("there"), "kept");
    const exclusive = OPEN.write | OPEN.create | OPEN.exclusive;
    await expect(sftp.open(at("there"), exclusive)).rejects.toMatchObject({ status: STATUS.failure });
    await expect(sftp.open(at("none"), OPEN.write)).rejects.toMatchObject({ status: STATUS.noSuchFile });
    await expect(sftp.open(at("none"), OPEN.read)).rejects.toMatchObject({ status: STATUS.noSuchFile });
    await expect(sftp.open(directory, OPEN.read)).rejects.toMatchObject({ status: STATUS.failure });
    expect(await readFile(at("there"), "utf8")).toBe("kept");
  });

  test("names change, and what they name goes", async () => {
    await files.makeDirectory(at("folder"));
    await writeFile(at("a"), "a");
    await writeFile(at("b"), "b");
    await expect(sftp.rename(at("a"), at("b"))).rejects.toMatchObject({ status: STATUS.failure });
    await sftp.replace(at("a"), at("b"));
    expect(await readFile(at("b"), "utf8")).toBe("a");
    await sftp.makeLink(at("link"), Buffer.from("b"));
    expect(await readlink(at("link"))).toBe("b");
    expect((await sftp.readLink(at("link"))).toString()).toBe("b");
    await writeFile(at("folder/inner"), "x");
    await files.remove(at("link"), { recursive: false });
    await files.remove(at("folder"), { recursive: true });
    expect(await readdir(path.dirname(at("x")))).toEqual(["b"]);
  });
});

test("what a guest says is looked at", () => {
  for (const line of ["", "81a4 5 0 0 1", "81a4 5 0 0 1 1 name", "zz 5 0 0 1 1"])
    expect(() => factsIn(line)).toThrow("nothing that is understood");
  expect(listed(Buffer.from("\0"))).toEqual([]);
  expect(listed(Buffer.from("a\0b\0\x0081a4 5 0 0 1 1\n"))).toBeUndefined();
  expect(listed(Buffer.from("a\nb\0\x0081a4 5 0 0 1 1\n"))).toMatchObject([
    { name: "a\nb", facts: { size: 5 } },
  ]);
  expect(statusOf("sh: can't open /x: Permission denied")).toBe(STATUS.permissionDenied);
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        listed(Buffer.from(bytes));
      } catch (error) {
        expect((error as Error).name).toBe("ScriptError");
      }
    }),
  );
});
