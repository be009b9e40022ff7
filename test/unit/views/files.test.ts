/** What the editor is told of files that cannot be had, and whose files an address means. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import type { LogOutputChannel, Uri } from "vscode";
import type { Instance } from "../../../src/api/instance.ts";
import { deferred } from "../../../src/base/async.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { Emitter } from "../../../src/base/event.ts";
import { STATUS } from "../../../src/base/sftp-packets.ts";
import type { RemoteConnection } from "../../../src/client/engine-client.ts";
import type { EngineMirror } from "../../../src/client/mirror.ts";
import { Model } from "../../../src/views/model.ts";
import { played, status } from "../../support/played-sftp.ts";
import { sftpHere } from "../../support/sftp-here.ts";
import { instance } from "./fixtures.ts";

/** The editor: what is open in it, and what the user was asked. */
const editor = vi.hoisted(() => ({
  folders: [] as { uri: { scheme: string; authority: string } }[],
  asked: [] as string[],
  executed: [] as unknown[][],
}));

vi.mock("vscode", () => {
  class FileSystemError extends Error {
    readonly code: string;
    constructor(message: string, code = "Unknown") {
      super(message);
      this.code = code;
    }
  }
  const kinds = ["FileNotFound", "FileExists", "FileNotADirectory", "FileIsADirectory"];
  for (const code of [...kinds, "NoPermissions", "Unavailable"]) {
    const make = (what: unknown) => new FileSystemError(typeof what === "string" ? what : code, code);
    Object.assign(FileSystemError, { [code]: make });
  }
  return {
    FileSystemError,
    FileType: { Unknown: 0, File: 1, Directory: 2, SymbolicLink: 64 },
    FileChangeType: { Changed: 1, Created: 2, Deleted: 3 },
    FilePermission: { Readonly: 1 },
    EventEmitter: class {
      event = () => {};
      fire() {}
      dispose() {}
    },
    Uri: { from: (parts: object) => parts },
    l10n: { t: (text: string, ...args: string[]) => text.replace(/\{(\d)\}/g, (_, at) => args[at] ?? "") },
    commands: { executeCommand: async (...call: unknown[]) => void editor.executed.push(call) },
    window: {
      showInformationMessage: async (text: string, button: string) => {
        editor.asked.push(text);
        return button;
      },
      setStatusBarMessage: () => {},
    },
    workspace: {
      registerFileSystemProvider: () => ({ dispose: () => {} }),
      get workspaceFolders() {
        return editor.folders;
      },
      textDocuments: [],
    },
  };
});

const { InstanceFiles } = await import("../../../src/views/files.ts");

const log = { debug: () => {}, warn: () => {} } as unknown as LogOutputChannel;
const uri = (authority: string, at: string) => ({ scheme: "berth", authority, path: at }) as Uri;
const anyway = { create: true, overwrite: true };

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "berth-files-"));
  Object.assign(editor, { folders: [], asked: [], executed: [] });
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** A guest whose files are this computer's. */
function here(): RemoteConnection {
  const stream = sftpHere(home);
  const exited = deferred<{ code: number }>();
  stream.once("close", () => exited.resolve({ code: 0 }));
  return { stdin: stream, stdout: stream, exited: exited.promise, close: () => void stream.destroy() };
}

function setup(connection: () => RemoteConnection, ...all: Instance[]) {
  const instances = new Map(all.map((one) => [one.id, one]));
  const changed = new Emitter<readonly string[]>();
  const operations = { operations: new Map(), onDidChangeOperations: new Emitter<readonly string[]>().event };
  const model = new Model({ instances, onDidChangeInstances: changed.event, ...operations });
  const reached: string[] = [];
  const client = {
    sftp: async (name: string) => {
      reached.push(name);
      return connection();
    },
  };
  const mirror = { client: async () => client } as unknown as EngineMirror;
  const files = new InstanceFiles({ mirror, model, log });
  onTestFinished(() => files.dispose());
  const put = (one: Instance) => {
    instances.set(one.id, one);
    changed.fire([one.id]);
  };
  return { files, put, reached, mirror };
}

test.each([
  [STATUS.permissionDenied, "NoPermissions"],
  [STATUS.noSuchFile, "FileNotFound"],
  [STATUS.failure, "Unknown"],
])("what a guest refuses with %i is %s", async (code, kind) => {
  const { files } = setup(() => played(status(code, "why")), instance({ name: "web" }));
  await expect(files.readFile(uri("web", "/etc/shadow"))).rejects.toMatchObject({ code: kind });
});

test("what is there, is of another kind, or cannot be read has the editor's own words for it", async () => {
  const { files } = setup(here, instance({ name: "web" }));
  const at = (name: string) => uri("web", path.join(home, name));
  await files.writeFile(at("file"), Buffer.from([0, 255, 10, 13]), anyway);
  expect([...(await readFile(path.join(home, "file")))]).toEqual([0, 255, 10, 13]);
  await files.createDirectory(at("dir"));
  const only = { create: true, overwrite: false };
  for (const [code, failing] of [
    ["FileExists", () => files.createDirectory(at("dir"))],
    ["FileExists", () => files.writeFile(at("file"), Buffer.from("x"), only)],
    ["FileExists", () => files.copy(at("dir"), at("file"), { overwrite: false })],
    ["FileIsADirectory", () => files.readFile(at("dir"))],
    ["FileNotADirectory", () => files.readDirectory(at("file"))],
  ] as const)
    await expect(failing(), code).rejects.toMatchObject({ code });
});

test("a stopped instance's files are unavailable at once, and the user is asked once", async () => {
  const one = instance({ name: "web", state: "stopped" });
  const { files, put, reached } = setup(here, one);
  const looks = await Promise.allSettled([1, 2, 3].map(() => files.stat(uri("web", home))));
  for (const { status, ...look } of looks) {
    expect(status).toBe("rejected");
    expect(look).toMatchObject({ reason: { code: "Unavailable", message: "web is not running." } });
  }
  expect(editor.asked).toHaveLength(1);
  expect(editor.executed).toEqual([["berth.start", "web"]]);
  expect(reached).toEqual([]);
  put({ ...one, state: "running", updatedAt: "2026-11-23T10:00:01.000Z" });
  expect(await files.stat(uri("web", home))).toMatchObject({ type: 2 });
});

test("an engine that cannot be reached, and an instance that is not there, are unavailable", async () => {
  const { files, mirror } = setup(here);
  await expect(files.stat(uri("web", "/"))).rejects.toMatchObject({
    code: "Unavailable",
    message: "There is no instance web.",
  });
  mirror.client = () => Promise.reject(new EngineError("engine-unavailable", "it is not running"));
  await expect(files.stat(uri("web", "/"))).rejects.toMatchObject({ code: "Unavailable" });
});

test("a name means whom it meant first, while its files are open here", async () => {
  const first = instance({ name: "web" });
  const { files, put, reached } = setup(here, first);
  const address = await files.homeOf(first);
  expect(address).toEqual({ scheme: "berth", authority: "web", path: home });
  editor.folders = [{ uri: address }];
  const later = "2026-11-23T10:00:01.000Z";
  put({ ...first, name: "site", updatedAt: later });
  const second = instance({ name: "web" });
  put(second);
  await writeFile(path.join(home, "file"), "");
  await files.stat(uri("web", path.join(home, "file")));
  expect(reached).toEqual(["web"]); // The connection that was there.
  await expect(files.homeOf(second)).rejects.toMatchObject({ code: "busy" });
  editor.folders = [];
  await files.homeOf(second);
  expect(reached).toEqual(["web", "web"]);
});

test("what moves to another instance is copied there, then removed here", async () => {
  const [web, db] = [instance({ name: "web" }), instance({ name: "db" })];
  const { files, reached } = setup(here, web, db);
  const at = (authority: string, name: string) => uri(authority, path.join(home, name));
  await writeFile(path.join(home, "file"), "whole");
  await files.rename(at("web", "file"), at("db", "moved"), { overwrite: false });
  expect(reached.sort()).toEqual(["db", "web"]);
  expect(await readFile(path.join(home, "moved"), "utf8")).toBe("whole");
  await expect(files.stat(at("web", "file"))).rejects.toMatchObject({ code: "FileNotFound" });
  const clash = files.rename(at("db", "moved"), at("web", "none/x"), { overwrite: false });
  await expect(clash).rejects.toMatchObject({ code: "FileNotFound" });
  expect(await readFile(path.join(home, "moved"), "utf8")).toBe("whole");
});
