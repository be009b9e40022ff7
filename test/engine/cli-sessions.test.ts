/** `berth session`: shells that the engine keeps, listed, shown and ended. Guests are those of the fake driver. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { connect } from "../../src/client/connect.ts";
import type { EngineClient } from "../../src/client/engine-client.ts";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";
import { onTerminal } from "../support/on-terminal.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;
let client: EngineClient;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({ BERTH_SETTING_ENGINE_IDLE_SECONDS: "600" }, bundle.cli);
  await berth.ok(["launch", "--name", "web"]);
  client = await connect({ env: berth.env });
});
afterAll(async () => {
  client?.dispose();
  await berth?.dispose();
  await bundle?.dispose();
});
beforeEach(async () => {
  await berth.ok(["session", "end", "web", "--all"]);
});

/** A shell whose window has gone. */
async function kept(argv?: string[]): Promise<string> {
  const id = randomUUID();
  const open = { tty: { cols: 100, rows: 30 }, term: "xterm", session: { id } };
  const shell = await client.exec("web", argv ? { ...open, argv } : open);
  shell.exited.catch(() => {});
  shell.close();
  await expect.poll(() => shown(id)).toBe(false);
  return id;
}

/** Whether somebody is attached to it; undefined where it has ended. */
async function shown(id: string): Promise<boolean | undefined> {
  const { items } = await client.api.sessions.list({ name: "web" });
  return items.find((one) => one.id === id)?.attached;
}

test("what is kept is listed, of all instances or of one", async () => {
  expect(await berth.ok(["session"])).toBe("No shells are kept.\n");
  const id = await kept();
  const top = await kept(["top", "\u001b[2Jx"]);
  const [head, first, second] = (await berth.ok(["session", "list", "web"])).split("\n");
  expect(head).toMatch(/^Instance +Session +Program +Age +Shown$/);
  expect(first).toMatch(new RegExp(`^web +${id.slice(0, 8)} +login shell +\\d+s +not for \\d+s$`));
  expect(second).toMatch(new RegExp(`^web +${top.slice(0, 8)} +top x +`));
  expect(await berth.json(["session", "list"])).toMatchObject({
    sessions: [
      { instance: "web", id, attached: false },
      { instance: "web", id: top, argv: ["top", "\u001b[2Jx"] },
    ],
  });
});

test("one is shown with what it has said, follows the terminal's size, and goes on when it is left", async () => {
  const id = await kept();
  const terminal = onTerminal(berth, "session", "attach", "web");
  await terminal.shows("Connected to a shell in web. Ctrl-] leaves.");
  await terminal.shows("login on xterm 100x30");
  await terminal.shows("now 80x24");
  terminal.resize(90, 20);
  await terminal.shows("now 90x20");
  terminal.type("a\x03");
  await terminal.shows("byte 97");
  await terminal.shows("byte 3");
  expect(await shown(id)).toBe(true);
  terminal.type("\x1dq");
  expect(await terminal.ended).toBe(0);
  expect(terminal.screen()).toContain(`berth session attach web ${id.slice(0, 8)}`);
  await expect.poll(() => shown(id)).toBe(false);

  const again = onTerminal(berth, "session", "attach", "web", id.slice(0, 6));
  await again.shows("byte 97");
  again.type("q");
  expect(await again.ended).toBe(3);
  expect(await shown(id)).toBeUndefined();
});

test("one of several has to be named, and what is not there is told", async () => {
  expect(await berth.run(["session", "attach", "web"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("cannot find a shell that is kept in web"),
  });
  const [one, other] = [await kept(), await kept()];
  expect(await berth.run(["session", "attach", "web"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`Name one of them: ${one.slice(0, 8)}, ${other.slice(0, 8)}`),
  });
  expect((await berth.run(["session", "end", "web"])).code).toBe(1);
  expect((await berth.run(["session", "end", "web", "--all", one])).code).toBe(1);
  await berth.ok(["session", "end", "web", one]);
  expect([await shown(one), await shown(other)]).toEqual([undefined, false]);
});

test("one that is ended elsewhere says so where it is shown", async () => {
  const id = await kept();
  const terminal = onTerminal(berth, "session", "attach", "web");
  await terminal.shows("login on");
  await berth.ok(["session", "end", "web", id]);
  expect(await terminal.ended).not.toBe(0);
  expect(terminal.screen()).toContain("the session was closed");
});
