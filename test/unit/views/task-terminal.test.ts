import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { Instance } from "../../../src/api/instance.ts";
import type { ExecOpen } from "../../../src/api/streams.ts";
import { deferred } from "../../../src/base/async.ts";
import { EngineError } from "../../../src/base/errors.ts";
import type { EngineClient, RemoteProcess } from "../../../src/client/engine-client.ts";
import type { TaskWords } from "../../../src/views/task-definition.ts";
import { TaskTerminal } from "../../../src/views/task-terminal.ts";
import { instance, operation } from "./fixtures.ts";

function setup(words: Partial<TaskWords>, is: Partial<Instance> = {}) {
  const exit = deferred<{ code?: number; signal?: string }>();
  exit.promise.catch(() => {});
  const opened = deferred<ExecOpen>();
  const started: string[] = [];
  let ended = false;
  const guest: RemoteProcess = {
    ...{
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      exited: exit.promise,
    },
    ...{ resize: () => {}, signal: () => {} },
    close: () => {
      ended = true;
      exit.reject(new EngineError("cancelled", "closed"));
    },
  };
  const web = instance({ name: "web", ...is });
  const client = {
    api: {
      instances: {
        list: async () => ({ items: [web] }),
        get: async ({ name }: { name: string }) => {
          if (name === "web") return web;
          throw new EngineError("not-found", `cannot find ${name}: it does not exist`);
        },
        start: async ({ name }: { name: string }) => {
          started.push(name);
          return operation({ kind: "start" });
        },
      },
    },
    watchOperation: async (running: unknown) => running,
    exec: async (_name: string, open: ExecOpen) => {
      opened.resolve(open);
      return guest;
    },
  } as unknown as EngineClient;
  const terminal = new TaskTerminal({
    words: { type: "berth", instance: "web", ...words },
    folder: async () => ({ path: "/p", real: "/p" }),
    client: async () => client,
    primary: async () => "primary",
  });
  let screen = "";
  terminal.onDidWrite((text) => {
    screen += text;
  });
  const closed = deferred<number>();
  terminal.onDidClose((code) => closed.resolve(code));
  terminal.open({ columns: 90, rows: 20 });
  const shown = () => screen;
  return {
    terminal,
    guest,
    exit,
    opened: opened.promise,
    closed: closed.promise,
    started,
    shown,
    isEnded: () => ended,
  };
}

/** The terminal has taken the process that was opened. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

const mounts = [{ source: "/p", target: "p", type: "classic" as const, uids: [], gids: [] }];

test("output as it comes, and the exit code", async () => {
  const { guest, exit, opened, closed, shown, terminal } = setup(
    { command: "make", args: ["all"] },
    { mounts },
  );
  expect(await opened).toEqual({
    ...{ argv: ["make", "all"], hostCwd: "/p", tty: { cols: 90, rows: 20 }, term: "xterm-256color" },
  });
  await turn();
  guest.stdout.on("end", () => exit.resolve({ code: 3 }));
  (guest.stdout as PassThrough).end("a.c:1:2: error: no\r\n");
  terminal.handleInput("y");
  expect(await closed).toBe(3);
  expect(shown()).toBe("a.c:1:2: error: no\r\n");
  expect(String((guest.stdin as PassThrough).read())).toBe("y");
});

test("a signal is 128 and its number", async () => {
  const { exit, opened, closed } = setup({ command: "x" }, { mounts });
  await opened;
  exit.resolve({ signal: "SEGV" });
  expect(await closed).toBe(139);
});

test("a folder that is not mounted is told", async () => {
  const { opened, shown } = setup({ command: "x" });
  await opened;
  expect(shown()).toContain("/p is not mounted in web: this runs in the user's home.");
});

test("a stopped instance is started, unless the task says no", async () => {
  const first = setup({ command: "x" }, { state: "stopped", mounts });
  await first.opened;
  expect(first.started).toEqual(["web"]);
  const second = setup({ command: "x", start: false }, { state: "stopped", mounts });
  expect(await second.closed).toBe(2);
  expect(second.started).toEqual([]);
  expect(second.shown()).toContain("Cannot run the task: web is stopped.");
});

test("what cannot be run says why, and fails as the command would", async () => {
  const unknown = setup({ command: "x", instance: "nope" });
  expect(await unknown.closed).toBe(2);
  expect(unknown.shown()).toContain("Cannot find nope: it does not exist.");
  const wrong = setup({});
  expect(await wrong.closed).toBe(1);
  const trash = setup({ command: "x" }, { state: "deleted" });
  expect(await trash.closed).toBe(2);
  expect(trash.shown()).toContain("Cannot run the task in web: it is deleted.");
});

test("a connection that is lost is a failure, not a success", async () => {
  const { exit, opened, closed, shown } = setup({ command: "x" }, { mounts });
  await opened;
  exit.reject(new EngineError("guest-unreachable", "the connection to web was lost"));
  expect(await closed).toBe(255);
  expect(shown()).toContain("The connection to web was lost.");
});

test("terminating the task ends the guest's process", async () => {
  const { opened, terminal, isEnded } = setup({ command: "sleep", args: ["1000"] }, { mounts });
  await opened;
  await turn();
  terminal.close();
  expect(isEnded()).toBe(true);
});
