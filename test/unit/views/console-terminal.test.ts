import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { Instance } from "../../../src/api/instance.ts";
import { type Deferred, deferred } from "../../../src/base/async.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { Emitter } from "../../../src/base/event.ts";
import type { EngineClient, RemoteConnection } from "../../../src/client/engine-client.ts";
import { ConsoleTerminal } from "../../../src/views/console-terminal.ts";
import { watchTerminal } from "../../support/watched-terminal.ts";
import { instance } from "./fixtures.ts";

/** A console that the test plays. */
class PlayedConsole implements RemoteConnection {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly end: Deferred<{ code?: number }> = deferred();
  readonly exited = this.end.promise;
  closed = false;
  close(): void {
    this.closed = true;
  }
}

const FIRST = "2026-11-24T10:00:00.000Z";
const SECOND = "2026-11-24T11:00:00.000Z";
const notRunning = () =>
  new EngineError("wrong-state", 'cannot open the console of web: instance "web" is not running', {
    hint: "Start it: berth start web",
  });

/** `opens` answers each attempt: with a console, an error, or later. */
function setup(opens: (Error | PlayedConsole | Promise<PlayedConsole>)[]) {
  let now: Instance | undefined = instance({ name: "web", state: "running", startedAt: FIRST });
  const { id } = now;
  const changed = new Emitter<readonly string[]>();
  const names: string[] = [];
  const signals: AbortSignal[] = [];
  const client = {
    api: {
      instances: {
        get: async () => {
          if (now) return now;
          throw new EngineError("not-found", "it is gone");
        },
      },
    },
    console: async (name: string, _open: unknown, { signal }: { signal: AbortSignal }) => {
      names.push(name);
      signals.push(signal);
      const next = opens.shift();
      if (!next) throw new Error("it has tried again when it should not");
      if (next instanceof Error) throw next;
      return next;
    },
  } as unknown as EngineClient;
  const terminal = new ConsoleTerminal({
    instance: { id, name: "web" },
    client: async () => client,
    model: { get: () => now, onDidChange: changed.event },
  });
  return {
    terminal,
    names,
    signals,
    ...watchTerminal(terminal),
    becomes: (patch: Partial<Instance> | undefined) => {
      now = patch && instance({ id, name: "web", ...patch });
      changed.fire([id]);
    },
  };
}

test("keys reach the guest, and what it prints the screen, whatever that is", async () => {
  const console = new PlayedConsole();
  const { terminal, shows } = setup([console]);
  terminal.open();
  await shows(/This is the serial console of web/);
  const bytes = Buffer.from("\x1b]0;a title\x07grün ✓ ");
  console.stdout.write(bytes.subarray(0, 16));
  console.stdout.write(bytes.subarray(16));
  console.stdout.write(Buffer.from([0xff, 0xfe, 0x21]));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's business, not ours.
  await shows(/\x1b\]0;a title\x07grün ✓ ��!/);
  terminal.handleInput("root\r\x03\x04");
  expect(String(console.stdin.read())).toBe("root\r\x03\x04");
});

test("it stays when the guest stops, and is connected again when that starts, once", async () => {
  const [first, second] = [new PlayedConsole(), new PlayedConsole()];
  const later = deferred<PlayedConsole>();
  const { terminal, becomes, shows, names } = setup([first, later.promise]);
  terminal.open();
  await shows(/This is the serial console/);
  becomes({ state: "stopping", startedAt: FIRST });
  becomes({ state: "stopped" });
  first.end.resolve({ code: 0 });
  await shows(/web has stopped\.[\s\S]*connected when the instance starts/);
  becomes({ state: "stopped", labels: { env: "test" } });
  becomes({ state: "starting" });
  becomes({ state: "starting", startedAt: SECOND });
  await shows(/Waiting for the serial console of web/);
  later.resolve(second);
  await shows(/This is the serial console/);
  second.stdout.write("Booting");
  await shows(/Booting/);
  expect(names).toEqual(["web", "web"]);
});

test("news of the run that has ended connect nothing", async () => {
  const console = new PlayedConsole();
  const { terminal, becomes, shows, names } = setup([console]);
  terminal.open();
  await shows(/This is the serial console/);
  console.end.reject(new EngineError("driver-failed", "cannot go on with the console of web: it was lost"));
  await shows(/Cannot go on with the console of web: it was lost\./);
  becomes({ state: "running", startedAt: FIRST, ready: true });
  becomes({ state: "stopped" });
  expect(names).toHaveLength(1);
});

test("a restart is followed at once", async () => {
  const [first, second] = [new PlayedConsole(), new PlayedConsole()];
  const { terminal, becomes, shows } = setup([first, second]);
  terminal.open();
  await shows(/This is the serial console/);
  becomes({ state: "restarting", startedAt: FIRST });
  first.end.resolve({ code: 0 });
  await shows(/web is restarting\.[\s\S]*This is the serial console/);
});

test("an engine that has left is looked for at once", async () => {
  const [first, second] = [new PlayedConsole(), new PlayedConsole()];
  const { terminal, shows } = setup([first, second]);
  terminal.open();
  await shows(/This is the serial console/);
  first.end.reject(new EngineError("engine-unavailable", "the connection to the engine was lost"));
  await shows(/connection to the engine was lost\.[\s\S]*This is the serial console/);
});

test("one that does not run says so; a key tries again, and Ctrl+D closes", async () => {
  const { terminal, becomes, shows, isClosed } = setup([notRunning(), notRunning()]);
  becomes({ state: "stopped" });
  terminal.open();
  await shows(/not running\. Start it: berth start web[\s\S]*or at a key; Ctrl\+D closes/);
  terminal.handleInput("x");
  await shows(/not running[\s\S]*Ctrl\+D closes/);
  terminal.handleInput("\x04");
  expect(isClosed()).toBe(true);
});

test("waiting for one that starts can be called off, and goes on under its new name", async () => {
  const console = new PlayedConsole();
  const aborted = deferred<PlayedConsole>();
  const { terminal, becomes, shows, names, signals } = setup([aborted.promise, console]);
  becomes({ state: "starting" });
  terminal.open();
  await shows(/Waiting for/);
  await expect.poll(() => signals.length).toBe(1);
  terminal.handleInput("\x03");
  expect(signals[0]?.aborted).toBe(true);
  aborted.reject(signals[0]?.reason);
  await shows(/Cancelled\./);
  becomes({ name: "shop", state: "running", startedAt: SECOND });
  await shows(/serial console of shop\./);
  expect(names).toEqual(["web", "shop"]);
});

test("closing it leaves the guest, at any time", async () => {
  const console = new PlayedConsole();
  const { terminal, becomes, shows, names } = setup([console]);
  terminal.open();
  await shows(/This is the serial console/);
  terminal.close();
  expect(console.closed).toBe(true);
  console.end.reject(new EngineError("cancelled", "it was closed"));
  becomes({ state: "running", startedAt: SECOND });
  expect(names).toHaveLength(1);
});
