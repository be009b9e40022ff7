/** What a container or a build prints, on a terminal. */
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { deferred } from "../../../src/base/async.ts";
import { EngineError } from "../../../src/base/errors.ts";
import type { EngineClient, RemoteConnection } from "../../../src/client/engine-client.ts";
import { OutputTerminal } from "../../../src/views/output-terminal.ts";
import { buildOf, logsOf } from "../../../src/views/printed.ts";
import { watchTerminal } from "../../support/watched-terminal.ts";

class PlayedLog implements RemoteConnection {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly end = deferred<{ code?: number }>();
  readonly exited = this.end.promise;
  close(): void {}
}

type Client = () => Promise<EngineClient>;

function setup(logs: (PlayedLog | Error)[], of = (client: Client) => logsOf("web", client)) {
  const asked: unknown[] = [];
  const signals: AbortSignal[] = [];
  const next = (what: unknown, { signal }: { signal: AbortSignal }) => {
    asked.push(what);
    signals.push(signal);
    const log = logs.shift();
    if (!log) throw new Error("it has read once too often");
    if (log instanceof Error) throw log;
    return log;
  };
  const client = {
    logs: async (name: string, open: unknown, how: { signal: AbortSignal }) => next([name, open], how),
    build: async (open: unknown, how: { signal: AbortSignal }) => next(open, how),
  } as unknown as EngineClient;
  const terminal = new OutputTerminal(of(async () => client));
  return { terminal, asked, signals, ...watchTerminal(terminal) };
}

test("it shows what there is and what comes, and reads anew at a key when it has ended", async () => {
  const [first, second] = [new PlayedLog(), new PlayedLog()];
  const { terminal, shows, asked } = setup([first, second]);
  terminal.open();
  first.stdout.write(Buffer.from("one\ntwo\r\ngr\xc3", "latin1"));
  first.stdout.write(Buffer.from("\xbcn\n", "latin1"));
  await shows(/one\r\ntwo\r\ngrün\r\n/);
  terminal.handleInput("x"); // Nothing is typed to a program that is only listened to.
  first.end.resolve({ code: 0 });
  await shows(/web prints no more: it has ended\.[\s\S]*A key reads it anew/);
  terminal.handleInput(" ");
  second.stdout.write("again\n");
  await shows(/again\r\n/);
  expect(asked).toEqual([
    ["web", { follow: true, tail: 1000 }],
    ["web", { follow: true, tail: 1000 }],
  ]);
});

test("a failure is told in words, and Ctrl+C closes", async () => {
  const gone = new EngineError("not-found", 'cannot read the logs of web: instance "web" does not exist');
  const { terminal, shows, isClosed } = setup([gone]);
  terminal.open();
  await shows(/does not exist/);
  expect(isClosed()).toBe(false);
  terminal.handleInput("\x03");
  expect(isClosed()).toBe(true);
});

test("closing it ends the following", async () => {
  const log = new PlayedLog();
  const { terminal, shows, signals } = setup([log]);
  terminal.open();
  log.stdout.write("a\n");
  await shows(/a\r\n/);
  terminal.close();
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});

test("a build prints, says that its image is there, and is done again when it is asked for", async () => {
  const [first, second] = [new PlayedLog(), new PlayedLog()];
  const request = { directory: "/src", tags: ["app:1"] };
  const { terminal, shows, asked } = setup([first, second], (client) => buildOf(request, client));
  terminal.open();
  first.stdout.write("step 1\n");
  await shows(/step 1\r\n/);
  terminal.again(); // It goes on.
  first.end.resolve({ code: 0 });
  await shows(/The image app:1 is on this host\./);
  terminal.again();
  second.stdout.write("step 2\n");
  await shows(/step 2\r\n/);
  second.end.reject(new EngineError("driver-failed", "cannot build app:1: it ended with code 1"));
  await shows(/Cannot build app:1: it ended with code 1/);
  expect(asked).toEqual([request, request]);
});
