/** Moves and copies between two engines, each behind its own socket; whatever fails, the source works. */
import { randomBytes, randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Instance } from "../../src/api/instance.ts";
import type { MoveStep } from "../../src/api/move.ts";
import { deferred } from "../../src/base/async.ts";
import { EngineError } from "../../src/base/errors.ts";
import type { EngineClient } from "../../src/client/engine-client.ts";
import {
  type Destination,
  engineDestination,
  repositoryDestination,
  type Worker,
} from "../../src/client/move/destination.ts";
import { confirmMove, copyInstance, moveInstance, undoMove } from "../../src/client/move/move.ts";
import { DISK_BYTES, Side } from "../support/engine-side.ts";
import { ended, succeeded } from "../support/fake-engine.ts";
import { FakeContent } from "../support/fake-points.ts";

const MIB = 2 ** 20;

let here: Side;
let there: Side;

beforeEach(async () => {
  [here, there] = [await Side.make(), await Side.make()];
});
afterEach(async () => {
  await here.dispose();
  await there.dispose();
});

const signal = () => AbortSignal.timeout(20_000);
const worker = (client: EngineClient): Worker => ({ client, signal: signal(), show: () => {} });
const destination = async (client: EngineClient = there.client): Promise<Destination> =>
  engineDestination(worker(client), "/there", await here.engine.info());
const web = () => here.client.api.instances.get({ name: "web" });
const names = (side: Side) => side.engine.instances.list().map(({ name, state }) => `${name} ${state}`);

/** An instance with some data on its disk. */
async function launched(): Promise<FakeContent> {
  await succeeded(here.engine, here.engine.instances.launch({ name: "web", diskBytes: DISK_BYTES }));
  const content = new FakeContent(DISK_BYTES);
  content.write(3 * MIB, randomBytes(MIB));
  here.world.host.contents.set(`${here.engine.instances.get("web").id} disk`, content);
  return content;
}

async function moved(to?: Destination, source: Worker = worker(here.client)) {
  return moveInstance(source, to ?? (await destination()), (await web()) as Instance, {
    to: "/there",
    as: "web",
  });
}

/** The same client, but one of its calls fails; where a step is named, only as that is written down. */
function failing(client: EngineClient, call: string, step?: MoveStep): EngineClient {
  const fail = () => Promise.reject(new EngineError("engine-unavailable", `${call} failed`));
  const api = new Proxy(client.api, {
    get: (nouns, noun: string) =>
      new Proxy(Reflect.get(nouns, noun), {
        get: (verbs, verb: string) => {
          const real = Reflect.get(verbs, verb);
          if (`${noun}.${verb}` !== call) return real;
          return (input: { step?: MoveStep }) => (step && input.step !== step ? real(input) : fail());
        },
      }),
  });
  const own = { api: { value: api }, ...(call in client ? { [call]: { value: fail } } : {}) };
  return Object.create(client, own) as EngineClient;
}

/** Here all is as it was, there nothing is left of it, and the next move goes well. */
async function isAsBefore(content: FakeContent): Promise<void> {
  expect(names(here)).toEqual(["web running"]);
  expect((await web()).move).toBeUndefined();
  expect(here.contentOf("web").blocks).toEqual(content.blocks);
  expect(names(there)).toEqual([]);
  expect(await there.world.leftovers()).toEqual({ instances: [], trash: [] });
  await moved();
  expect(names(there)).toEqual(["web running"]);
}

test("a running instance moves, works there, and is confirmed: here it is in the trash", async () => {
  const content = await launched();
  const plan = await (await destination()).plan((await web()) as Instance, "web", "move");
  expect(plan.problems.filter(({ severity }) => severity === "error")).toEqual([]);
  const { mark } = await moved();
  expect(names(here)).toEqual(["web stopped"]);
  expect(names(there)).toEqual(["web running"]);
  expect(there.engine.instances.get("web").id).toBe(mark.id);
  expect([...there.contentOf("web").blocks]).toEqual([...content.blocks]);
  expect(await web()).toMatchObject({
    move: { step: "moved", to: "/there", as: "web", ran: true },
    problems: [{ code: "moved", message: "it has moved to /there as web" }],
  });
  await expect(here.engine.instances.start("web")).rejects.toMatchObject({
    code: "wrong-state",
    message: "cannot start web: it is moved to /there",
  });
  await confirmMove(worker(here.client), await destination(), (await web()) as Instance);
  expect(names(here)).toEqual(["web deleted"]);
  expect(names(there)).toEqual(["web running"]);
});

test("a stopped one is booted there, and stopped again", async () => {
  await launched();
  await succeeded(here.engine, here.engine.instances.stop("web", { force: false }));
  await moved();
  expect(there.world.host.calls).toEqual(expect.arrayContaining(["start web", "stop web graceful"]));
  expect(names(there)).toEqual(["web stopped"]);
});

test("a move that is taken back leaves all as it was, and what was there in the trash", async () => {
  await launched();
  await moved();
  await undoMove(worker(here.client), await destination(), (await web()) as Instance);
  expect(names(here)).toEqual(["web running"]);
  expect((await web()).move).toBeUndefined();
  expect(names(there)).toEqual(["web deleted"]);
});

test("one that was confirmed too soon comes back from the trash", async () => {
  await launched();
  await moved();
  await confirmMove(worker(here.client), await destination(), (await web()) as Instance);
  await undoMove(worker(here.client), await destination(), (await web()) as Instance);
  expect(names(here)).toEqual(["web running"]);
});

test("a move is not confirmed whose instance is gone", async () => {
  await launched();
  await moved();
  await succeeded(there.engine, there.engine.instances.delete("web", { purge: true }));
  await expect(
    confirmMove(worker(here.client), await destination(), (await web()) as Instance),
  ).rejects.toMatchObject({ code: "not-found" });
  expect(names(here)).toEqual(["web stopped"]);
});

test.each<["here" | "there", string, MoveStep?]>([
  ["here", "instances.stop"],
  ["here", "instances.markMove", "copy"],
  ["here", "export"],
  ["there", "importInstance"],
  ["here", "instances.markMove", "boot"],
  ["there", "instances.start"],
  ["here", "instances.markMove", "moved"],
])("where a call %s fails, the source runs on: %s %s", async (side, call, step) => {
  const content = await launched();
  const bad = (client: EngineClient, at: typeof side) => (at === side ? failing(client, call, step) : client);
  const to = await destination(bad(there.client, "there"));
  await expect(moved(to, worker(bad(here.client, "here")))).rejects.toMatchObject({
    message: `${call} failed`,
  });
  await isAsBefore(content);
});

test("where the engine there ends as it is sent, the source runs on, and nothing is left there", async () => {
  const content = await launched();
  there.world.host.knobs.create = "never";
  const move = moved();
  const failed = expect(move).rejects.toMatchObject({
    code: "engine-unavailable",
    message: expect.stringContaining("what was brought to /there may still be there as web"),
  });
  await there.world.host.reached("create", "web");
  await there.end();
  await failed;
  delete there.world.host.knobs.create;
  await there.startAgain();
  const [operation] = there.engine.operations.list().filter(({ kind }) => kind === "import");
  expect((await ended(there.engine, operation as never)).status).toBe("failed");
  await isAsBefore(content);
});

test("where the engine here ends before it is written down, it is taken back by the mark", async () => {
  const content = await launched();
  const { promise, resolve } = deferred<void>();
  there.world.host.knobs.create = promise;
  const move = moved();
  const failed = expect(move).rejects.toMatchObject({ message: expect.stringContaining("move --undo web") });
  await there.world.host.reached("create", "web");
  await here.end();
  resolve();
  await failed;
  await here.startAgain();
  expect((await web()).move).toMatchObject({ step: "copy", ran: true });
  await undoMove(worker(here.client), await destination(), (await web()) as Instance);
  await isAsBefore(content);
});

test("of two who move it one does, and a step of one that was taken back is none", async () => {
  await launched();
  const mark = { to: "/there", as: "web", ran: true };
  const [one, other] = [randomUUID(), randomUUID()];
  const note = (id: string, step: MoveStep) =>
    here.engine.instances.markMove("web", { ...mark, id, step }).then((it) => succeeded(here.engine, it));
  await note(one, "stop");
  await expect(note(other, "stop")).rejects.toMatchObject({
    code: "wrong-state",
    message: "cannot move web: it is moved to /there already",
  });
  await succeeded(here.engine, here.engine.instances.markMove("web", undefined));
  await expect(note(one, "copy")).rejects.toMatchObject({
    code: "wrong-state",
    message: "cannot move web: its move has been taken back",
  });
});

test("the plan says what the other engine would refuse", async () => {
  await launched();
  await succeeded(there.engine, there.engine.instances.launch({ name: "web", diskBytes: DISK_BYTES }));
  await there.end();
  await there.startAgain({
    hostFacts: async () => ({ cpus: 64, memoryBytes: 2 ** 40, freeDiskBytes: MIB }),
  });
  const { problems } = await (await destination()).plan((await web()) as Instance, "web", "move");
  expect(problems).toMatchObject([
    { code: "name-taken", severity: "error" },
    { code: "disk-exceeds-host", severity: "error" },
  ]);
});

test("where nothing can be written down, nothing is begun", async () => {
  await launched();
  const source = worker(failing(here.client, "instances.markMove"));
  await expect(moved(undefined, source)).rejects.toMatchObject({ code: "engine-unavailable" });
  expect(here.world.host.calls).not.toContain("stop web graceful");
  expect(names(here)).toEqual(["web running"]);
});

test("a guest that does not boot there ends the move", async () => {
  await launched();
  there.world.host.knobs.start = new EngineError("driver-failed", "cannot start web: no accelerator");
  await expect(moved()).rejects.toMatchObject({ message: expect.stringContaining("no accelerator") });
  expect(names(here)).toEqual(["web running"]);
  expect(names(there)).toEqual([]);
});

test("one that is called off in its middle is taken back", async () => {
  await launched();
  const ending = new AbortController();
  there.world.host.knobs.start = "never";
  const both = (client: EngineClient): Worker => ({ client, signal: ending.signal, show: () => {} });
  const to = engineDestination(both(there.client), "/there", await here.engine.info());
  const move = moved(to, both(here.client));
  await there.world.host.reached("start", "web");
  ending.abort(new DOMException("cancelled", "AbortError"));
  await expect(move).rejects.toMatchObject({ code: "cancelled" });
  expect(names(here)).toEqual(["web running"]);
  expect(names(there)).toEqual([]);
});

test("one whose client has died is taken back by the mark that it has left", async () => {
  await launched();
  const mark = { to: "/there", id: randomUUID(), as: "web", ran: true };
  await succeeded(here.engine, here.engine.instances.markMove("web", { ...mark, step: "stop" }));
  await succeeded(here.engine, here.engine.instances.stop("web", { force: false }));
  const to = await destination();
  await to.copy(worker(here.client), "web", mark);
  expect(names(there)).toEqual(["web stopped"]);
  await undoMove(worker(here.client), to, (await web()) as Instance);
  expect(names(here)).toEqual(["web running"]);
  expect(names(there)).toEqual([]);
});

test("a copy leaves the source running", async () => {
  const content = await launched();
  await copyInstance(worker(here.client), await destination(), "web", "web2");
  expect(names(here)).toEqual(["web running"]);
  expect(names(there)).toEqual(["web2 stopped"]);
  expect([...there.contentOf("web2").blocks]).toEqual([...content.blocks]);
});

test("through a repository it is moved by a backup, and taken back without the other engine", async () => {
  await launched();
  const place = `${here.world.root}/backups`;
  await succeeded(here.engine, here.engine.repositories.add({ name: "main", place, init: true }));
  const to = repositoryDestination("repository:main", "main");
  const { told } = await moveInstance(worker(here.client), to, (await web()) as Instance, {
    ...{ to: "repository:main", as: "web" },
  });
  const { items } = await here.engine.backups.list({}, signal());
  expect(items).toMatchObject([{ consistency: "offline", isProtected: true }]);
  expect(told).toBe(`On the other host: berth backup restore ${items[0]?.id.slice(0, 8)} --as web`);
  expect(names(here)).toEqual(["web stopped"]);
  await undoMove(worker(here.client), to, (await web()) as Instance);
  expect(names(here)).toEqual(["web running"]);
});
