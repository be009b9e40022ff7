/** A terminal and the session that the engine keeps for it. */
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { ExecOpen } from "../../../src/api/streams.ts";
import { type Deferred, deferred } from "../../../src/base/async.ts";
import { EngineError } from "../../../src/base/errors.ts";
import type { EngineClient, RemoteProcess } from "../../../src/client/engine-client.ts";
import { CLEAR_SCREEN } from "../../../src/views/guest-screen.ts";
import { GuestTerminal } from "../../../src/views/shell.ts";
import { type Joined, joinSession, ShellSession } from "../../../src/views/shell-session.ts";
import { instance } from "./fixtures.ts";

type Played = RemoteProcess & { end: Deferred<{ code?: number }>; stdout: PassThrough; wasClosed: boolean };

function played(): Played {
  const end = deferred<{ code?: number }>();
  end.promise.catch(() => {});
  return {
    ...{ stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() },
    ...{ end, exited: end.promise, resize: () => {}, signal: () => {}, wasClosed: false },
    close() {
      this.wasClosed = true;
    },
  };
}

/** `resume` is what the engine answers to whoever joins a session again. */
function setup(options: { resume?: EngineError; joined?: Joined } = {}) {
  const asked: ExecOpen[] = [];
  const given: Played[] = [];
  const changes: (string | undefined)[] = [];
  const client = {
    api: { instances: { get: async () => instance({ name: "web" }) } },
    exec: async (_name: string, open: ExecOpen) => {
      asked.push(open);
      if (open.session?.resume && options.resume) throw options.resume;
      const process = played();
      given.push(process);
      return process;
    },
  } as unknown as EngineClient;
  const session = new ShellSession({
    ...{ keepSeconds: 60, joined: options.joined },
    onChange: (id) => void changes.push(id),
  });
  const terminal = new GuestTerminal({ instance: "web", client: async () => client, session });
  let screen = "";
  terminal.onDidWrite((text) => {
    screen += text;
  });
  let closes = 0;
  terminal.onDidClose(() => {
    closes += 1;
  });
  const nth = async (n: number) => {
    await expect.poll(() => given.length).toBe(n);
    await new Promise((resolve) => setImmediate(resolve));
    return given[n - 1] as Played;
  };
  return { terminal, session, client, asked, changes, nth, screen: () => screen, closes: () => closes };
}

const lost = new EngineError("engine-unavailable", "the connection to the engine was lost");

test("a shell is opened as a session that the window knows of, until it ends", async () => {
  const { terminal, session, asked, changes, nth, closes } = setup();
  terminal.open({ columns: 90, rows: 20 });
  const shell = await nth(1);
  const { id } = session;
  expect(asked).toEqual([
    { tty: { cols: 90, rows: 20 }, term: "xterm-256color", session: { id, keepSeconds: 60 } },
  ]);
  expect(changes).toEqual([id]);
  shell.end.resolve({ code: 0 });
  await expect.poll(closes).toBe(1);
  expect(changes).toEqual([id, undefined]);
});

test("closing the terminal lets go of the session, and does not forget it", async () => {
  const { terminal, session, changes, nth } = setup();
  terminal.open(undefined);
  const shell = await nth(1);
  terminal.close();
  expect(shell.wasClosed).toBe(true);
  expect(changes).toEqual([session.id]);
});

test("one that was joined before is shown as it is, and not opened again", async () => {
  const process = played();
  const { terminal, asked, screen, session } = setup({ joined: { id: "kept", process } });
  process.stdout.write("earlier\r\n");
  terminal.open(undefined);
  await expect.poll(screen).toBe("earlier\r\n");
  expect(asked).toEqual([]);
  expect(session.id).toBe("kept");
});

test("after a loss, Enter brings the same shell back where it still runs", async () => {
  const { terminal, session, asked, changes, nth, screen } = setup();
  terminal.open(undefined);
  (await nth(1)).end.reject(lost);
  const { id } = session;
  await expect
    .poll(screen)
    .toMatch(/connection to web was lost.*connection to the engine was lost.*Press Enter/s);
  terminal.handleInput("\r");
  (await nth(2)).stdout.write("all of it");
  await expect.poll(screen).toMatch(/all of it$/);
  expect(screen()).toContain(CLEAR_SCREEN);
  expect(asked[1]).toEqual({ session: { id, keepSeconds: 60, resume: true } });
  expect(changes).toEqual([id]);
});

test("and says so where it has to be another one", async () => {
  const { terminal, asked, changes, nth, screen } = setup({
    resume: new EngineError("not-found", "it has ended"),
  });
  terminal.open(undefined);
  (await nth(1)).end.reject(lost);
  await expect.poll(screen).toMatch(/Press Enter/);
  terminal.handleInput("\r");
  await nth(2);
  expect(screen()).toContain("That shell has ended. This is a new one.");
  const [first, , second] = asked.map(({ session }) => session?.id);
  expect(second).not.toBe(first);
  expect(changes).toEqual([first, undefined, second]);
});

test("a session that has ended, or that another window shows, is not this one's; anything else is an error", async () => {
  const ask = { id: "x", keepSeconds: 60 };
  for (const code of ["not-found", "busy"] as const) {
    const { client } = setup({ resume: new EngineError(code, "no") });
    expect(await joinSession(client, "web", ask)).toBeUndefined();
  }
  const { client } = setup({ resume: lost });
  await expect(joinSession(client, "web", ask)).rejects.toBe(lost);
});
