/**
 * An engine that dies at a step of a move, here or there, and the next one: the move goes on or is taken back, the source works,
 * and what was brought there is gone, or told of. `BERTH_EVERY_DEATH=1` takes every step, which is long; otherwise it is each ninth.
 */
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { messageOf } from "../../src/base/errors.ts";
import type { EngineClient } from "../../src/client/engine-client.ts";
import { engineDestination, type Worker } from "../../src/client/move/destination.ts";
import { moveInstance, undoMove } from "../../src/client/move/move.ts";
import { DISK_BYTES, Side } from "../support/engine-side.ts";
import { ended, succeeded } from "../support/fake-engine.ts";
import { FakeContent } from "../support/fake-points.ts";
import { mortal, nothingHalfMade, settled } from "../support/mortal.ts";

const STRIDE = process.env["BERTH_EVERY_DEATH"] ? 1 : 9;

const worker = (client: EngineClient): Worker => ({
  ...{ client, signal: AbortSignal.timeout(20_000), show: () => {} },
});

async function launched({ engine, world }: Side): Promise<FakeContent> {
  await succeeded(engine, engine.instances.launch({ name: "web", diskBytes: DISK_BYTES }));
  const content = new FakeContent(DISK_BYTES);
  content.write(0, randomBytes(3_000_000));
  world.host.contents.set(`${engine.instances.get("web").id} disk`, content);
  return content;
}

/** Resolves to false when the move had ended before the death came. */
async function diesAt(which: "here" | "there", at: number): Promise<boolean> {
  const [here, there] = [await Side.make(), await Side.make()];
  try {
    const content = await launched(here);
    const side = which === "here" ? here : there;
    await side.end();
    const { engine, crash, bury } = await mortal(side.world, at);
    await side.serve(engine);
    let again: Promise<void> | undefined;
    const next = () => (again ??= side.replace(bury));
    void crash.died.then(next);
    const failure = await moveWeb(here, there).then(() => undefined, messageOf);
    await next();
    await isAsBefore(here, there, { content, failure, where: `${which}, dead ${crash.passed.at(-1)}` });
    return crash.dead;
  } finally {
    await here.dispose();
    await there.dispose();
  }
}

async function moveWeb(here: Side, there: Side): Promise<void> {
  const instance = await here.client.api.instances.get({ name: "web" });
  const to = engineDestination(worker(there.client), "/there", await here.client.api.engine.info());
  await moveInstance(worker(here.client), to, instance, { to: "/there", as: "web" });
}

type Before = { content: FakeContent; failure: string | undefined; where: string };

/** Once a move whose mark is still there has been taken back. */
async function isAsBefore(here: Side, there: Side, { content, failure, where }: Before): Promise<void> {
  for (const { engine } of [here, there]) {
    for (const one of engine.operations.list()) await ended(engine, one);
    await settled(engine);
  }
  const left = await here.client.api.instances.get({ name: "web" });
  if (left.move) {
    const to = engineDestination(worker(there.client), "/there", await here.engine.info());
    await undoMove(worker(here.client), to, left);
  }
  expect(here.engine.instances.get("web"), where).toMatchObject({ state: "running" });
  expect(here.engine.instances.get("web").move, where).toBeUndefined();
  expect(here.contentOf("web").blocks, where).toEqual(content.blocks);
  const brought = there.engine.instances.list().filter(({ state }) => state !== "deleted");
  if (brought.length > 0) expect(failure, where).toContain("may still be there as web");
  for (const { world, engine } of [here, there]) {
    const kept = engine.instances.list().some(({ state }) => state === "deleted");
    if (!kept) await nothingHalfMade(world, engine, where);
  }
}

test.each(["here", "there"] as const)(
  "the engine %s dies at steps of a move",
  async (which) => {
    let deaths = 0;
    for (let at = 0; await diesAt(which, at); at += STRIDE) deaths += 1;
    expect(deaths).toBeGreaterThan(2);
  },
  300_000,
);
