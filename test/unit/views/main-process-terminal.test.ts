/** The main process of a container on a terminal of the editor. */
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { Instance } from "../../../src/api/instance.ts";
import type { TerminalSize } from "../../../src/api/streams.ts";
import { deferred } from "../../../src/base/async.ts";
import { EngineError } from "../../../src/base/errors.ts";
import type { EngineClient, RemoteProcess } from "../../../src/client/engine-client.ts";
import { MainProcessTerminal } from "../../../src/views/main-process-terminal.ts";
import { watchTerminal } from "../../support/watched-terminal.ts";
import { instance } from "./fixtures.ts";

class PlayedMain implements RemoteProcess {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly end = deferred<{ code?: number }>();
  readonly exited = this.end.promise;
  readonly sizes: TerminalSize[] = [];
  readonly signals: string[] = [];
  closed = false;
  resize = (size: TerminalSize) => void this.sizes.push(size);
  signal = (name: string) => void this.signals.push(name);
  close(): void {
    this.closed = true;
  }
}

function setup(mains: (PlayedMain | Error)[], kind: { tty?: boolean; interactive?: boolean }) {
  const asked: unknown[] = [];
  const container: NonNullable<Instance["container"]> = { env: [], paused: false, ...kind };
  const client = {
    api: { instances: { get: async () => instance({ container }) } },
    attach: async (name: string, open: unknown) => {
      asked.push([name, open]);
      const main = mains.shift();
      if (!main || main instanceof Error) throw main;
      return main;
    },
  } as unknown as EngineClient;
  const terminal = new MainProcessTerminal({ instance: "web", client: async () => client });
  return { terminal, asked, ...watchTerminal(terminal) };
}

test("where it has a terminal, that is this one: its size, every key, and what it shows", async () => {
  const main = new PlayedMain();
  const { terminal, asked, shows } = setup([main], { tty: true, interactive: true });
  terminal.open({ columns: 90, rows: 20 });
  await shows(/This is the main process of web\. It runs on when this terminal is closed\./);
  expect(asked).toEqual([["web", { stdin: true, size: { cols: 90, rows: 20 } }]]);
  terminal.setDimensions({ columns: 100, rows: 30 });
  expect(main.sizes).toEqual([{ cols: 100, rows: 30 }]);
  terminal.handleInput("a\r\x03");
  expect(String(main.stdin.read())).toBe("a\r\x03");
  main.stdout.write("one\n");
  await shows(/one\n/);
  expect(main.signals).toEqual([]);
});

test("where it has none, lines are seen as they are typed, and Ctrl+C interrupts it", async () => {
  const main = new PlayedMain();
  const { terminal, asked, shows } = setup([main], { interactive: true });
  terminal.open(undefined);
  await shows(/Ctrl\+C interrupts it\./);
  expect(asked).toEqual([["web", { stdin: true }]]);
  terminal.handleInput("hi\r");
  await shows(/hi\r\n/);
  expect(String(main.stdin.read())).toBe("hi\n");
  main.stderr.write("two\n");
  await shows(/two\r\n/);
  terminal.handleInput("\x03");
  expect(main.signals).toEqual(["INT"]);
});

test("what reads nothing is sent nothing", async () => {
  const main = new PlayedMain();
  const { terminal, shows } = setup([main], {});
  terminal.open(undefined);
  await shows(/main process of web/);
  terminal.handleInput("hi\r");
  expect(main.stdin.read()).toBeNull();
});

test("its end is told, a key attaches anew, and Ctrl+D closes", async () => {
  const [first, second] = [new PlayedMain(), new PlayedMain()];
  const { terminal, shows, isClosed } = setup(
    [first, second, new EngineError("wrong-state", "it is over")],
    {},
  );
  terminal.open(undefined);
  await shows(/main process of web/);
  first.end.resolve({ code: 3 });
  await shows(/web has ended with exit code 3\.[\s\S]*A key attaches anew/);
  terminal.handleInput("x");
  await shows(/main process of web/);
  second.end.resolve({});
  await shows(/web has let go of this terminal, and runs on\./);
  terminal.again();
  await shows(/It is over\./);
  terminal.handleInput("\x04");
  expect(isClosed()).toBe(true);
});

test("to close it leaves the process", async () => {
  const main = new PlayedMain();
  const { terminal, shows } = setup([main], {});
  terminal.open(undefined);
  await shows(/main process of web/);
  terminal.close();
  expect([main.closed, main.signals]).toEqual([true, []]);
});
