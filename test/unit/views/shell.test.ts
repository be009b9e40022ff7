import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { Instance } from "../../../src/api/instance.ts";
import type { ExecOpen, TerminalSize } from "../../../src/api/streams.ts";
import { type Deferred, deferred } from "../../../src/base/async.ts";
import { EngineError } from "../../../src/base/errors.ts";
import type { EngineClient, RemoteProcess } from "../../../src/client/engine-client.ts";
import { workFor } from "../../../src/views/guest-screen.ts";
import { GuestTerminal } from "../../../src/views/shell.ts";
import { instance, operation } from "./fixtures.ts";

type Exit = { code?: number; signal?: string };

/** A process in a guest that the test plays. */
class PlayedProcess implements RemoteProcess {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly end: Deferred<Exit> = deferred<Exit>();
  readonly exited = this.end.promise;
  readonly sizes: TerminalSize[] = [];
  closed = false;
  resize(size: TerminalSize): void {
    this.sizes.push(size);
  }
  signal(): void {}
  close(): void {
    this.closed = true;
  }
}

function setup(options: { command?: string; is?: Partial<Instance>; connect?: () => void } = {}) {
  const opened: ExecOpen[] = [];
  const processes: PlayedProcess[] = [];
  let arrived = deferred<PlayedProcess>();
  const started: string[] = [];
  const client = {
    api: {
      instances: {
        get: async () => instance(options.is),
        start: async ({ name }: { name: string }) => {
          started.push(name);
          return operation({ kind: "start" });
        },
      },
      operations: { get: async () => operation() },
    },
    watchOperation: async (
      running: unknown,
      { onProgress }: { onProgress?: (progress: { phase: string }) => void },
    ) => {
      onProgress?.({ phase: "boot" });
      return running;
    },
    exec: async (_name: string, open: ExecOpen) => {
      opened.push(open);
      const process = new PlayedProcess();
      processes.push(process);
      arrived.resolve(process);
      return process;
    },
  } as unknown as EngineClient;
  const terminal = new GuestTerminal({
    instance: "web",
    command: options.command,
    client: async () => {
      options.connect?.();
      return client;
    },
  });
  let screen = "";
  let waiters: { pattern: RegExp; seen: Deferred<void> }[] = [];
  terminal.onDidWrite((text) => {
    screen += text;
    for (const { pattern, seen } of waiters) if (pattern.test(screen)) seen.resolve();
    waiters = waiters.filter(({ pattern }) => !pattern.test(screen));
  });
  const closed = deferred<number | undefined>();
  terminal.onDidClose((code) => closed.resolve(code));
  return {
    terminal,
    opened,
    started,
    closed: closed.promise,
    screen: () => screen,
    process: async () => {
      const process = await arrived.promise;
      arrived = deferred<PlayedProcess>();
      return process;
    },
    shows: async (pattern: RegExp) => {
      if (pattern.test(screen)) return;
      const seen = deferred<void>();
      waiters.push({ pattern, seen });
      await seen.promise;
    },
  };
}

test("what is typed before the shell is there is its first input", async () => {
  const { terminal, process } = setup();
  terminal.open(undefined);
  terminal.handleInput("l");
  terminal.handleInput("s\r");
  const guest = await process();
  await new Promise((resolve) => setImmediate(resolve));
  expect(String(guest.stdin.read())).toBe("ls\r");
});

test("keys reach the guest, its output the screen, and its end closes the terminal", async () => {
  const { terminal, opened, process, shows, closed } = setup();
  terminal.open({ columns: 100, rows: 30 });
  const guest = await process();
  expect(opened).toEqual([{ tty: { cols: 100, rows: 30 }, term: "xterm-256color" }]);
  guest.stdout.write("$ ");
  await shows(/\$ /);
  terminal.handleInput("ls\r");
  expect(String(guest.stdin.read())).toBe("ls\r");
  terminal.setDimensions({ columns: 120, rows: 40 });
  expect(guest.sizes.at(-1)).toEqual({ cols: 120, rows: 40 });
  guest.end.resolve({ code: 130 });
  expect(await closed).toBeUndefined();
});

test("a character cut in two arrives whole", async () => {
  const { terminal, process, shows, screen } = setup();
  terminal.open(undefined);
  const guest = await process();
  const bytes = Buffer.from("grün ✓");
  guest.stdout.write(bytes.subarray(0, 3));
  guest.stdout.write(bytes.subarray(3, 7));
  guest.stdout.write(bytes.subarray(7));
  await shows(/✓/);
  expect(screen()).toBe("grün ✓");
});

test("a command leaves its output and exit code to read until a key is pressed", async () => {
  const { terminal, opened, process, shows, closed } = setup({ command: "false" });
  terminal.open(undefined);
  const guest = await process();
  expect(opened[0]?.argv).toEqual(["sh", "-c", "false"]);
  guest.end.resolve({ code: 1 });
  await shows(/exit code 1.*Press any key/s);
  terminal.handleInput("x");
  expect(await closed).toBe(1);
});

test("a lost connection is told, and Enter comes back", async () => {
  const { terminal, opened, process, shows } = setup();
  terminal.open(undefined);
  const first = await process();
  first.end.reject(new EngineError("guest-unreachable", "cannot reach web: the engine ended"));
  await shows(/connection to web was lost.*Press Enter to try again/s);
  terminal.handleInput("\r");
  const second = await process();
  second.stdout.write("back");
  await shows(/back/);
  expect(opened).toHaveLength(2);
});

test("Ctrl+D closes a terminal whose connection was lost", async () => {
  const { terminal, process, shows, closed } = setup();
  terminal.open(undefined);
  (await process()).end.reject(new EngineError("guest-unreachable", "gone"));
  await shows(/Press Enter/);
  terminal.handleInput("\x04");
  expect(await closed).toBeUndefined();
});

test("a stopped instance is started first, and the progress is shown", async () => {
  const { terminal, started, process, screen } = setup({ is: { state: "stopped" } });
  terminal.open(undefined);
  await process();
  expect(started).toEqual(["web"]);
  expect(screen()).toContain("Starting web: Booting");
});

test("an engine that cannot be reached is told with what to do next", async () => {
  const failing = () => {
    throw new EngineError("engine-unavailable", "cannot start the engine: it ended", {
      hint: "See its log.",
    });
  };
  const { terminal, shows } = setup({ connect: failing });
  terminal.open(undefined);
  await shows(/Cannot start the engine: it ended\. See its log\..*Press Enter/s);
});

test("closing the terminal ends the process", async () => {
  const { terminal, process } = setup();
  terminal.open(undefined);
  const guest = await process();
  terminal.close();
  await expect.poll(() => guest.closed).toBe(true);
});

test.each([
  [{ state: "running" }, "none"],
  [{ state: "running", operation: "o" }, { follow: "o" }],
  [{ state: "creating", operation: "o" }, { follow: "o" }],
  [{ state: "starting" }, "none"],
  [{ state: "stopped" }, "start"],
  [{ state: "suspended" }, "start"],
] as const)("%j needs %j before a shell", (is, work) => {
  expect(workFor({ name: "web", ...is })).toEqual(work);
});

test.each(["deleted", "failed", "stopping", "unknown"] as const)(
  "no shell in an instance that is %s",
  (state) => {
    expect(() => workFor({ name: "web", state })).toThrow(/cannot open a shell in web/);
  },
);
