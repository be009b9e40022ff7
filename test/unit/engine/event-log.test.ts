import fc from "fast-check";
import { expect, test } from "vitest";
import type { EngineEvent } from "../../../src/api/event.ts";
import { EventLog } from "../../../src/engine/event-log.ts";

const ENGINE = "11111111-2222-4333-8444-555555555555";

async function take(events: AsyncIterator<EngineEvent>, count: number): Promise<EngineEvent[]> {
  const taken: EngineEvent[] = [];
  while (taken.length < count) {
    const { value, done } = await events.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

const iterator = (
  log: EventLog,
  from: { engine?: string; since?: number },
  signal = new AbortController().signal,
) => log.subscribe(from, signal)[Symbol.asyncIterator]();

test("without a position it begins with resync, then tells what is published from the subscription on", async () => {
  const log = new EventLog(ENGINE);
  log.publish({ type: "images" });
  const events = iterator(log, {});
  log.publish({ type: "draining" });
  const [resync, draining] = await take(events, 2);
  expect(resync).toMatchObject({ type: "resync", engine: ENGINE, sequence: 1 });
  expect(draining).toMatchObject({ type: "draining", sequence: 2 });
});

test("a known position continues without a gap; another engine's or a future one begins anew", async () => {
  const log = new EventLog(ENGINE);
  for (let i = 0; i < 5; i += 1) log.publish({ type: "images" });
  const continued = await take(iterator(log, { engine: ENGINE, since: 3 }), 2);
  expect(continued.map(({ sequence, type }) => `${sequence} ${type}`)).toEqual(["4 images", "5 images"]);
  for (const from of [{ engine: "other", since: 3 }, { engine: ENGINE, since: 6 }, { since: 3 }]) {
    expect((await take(iterator(log, from), 1))[0]?.type).toBe("resync");
  }
});

test("an overtaken subscriber is told to list again", async () => {
  const log = new EventLog(ENGINE, { capacity: 4 });
  const events = iterator(log, {});
  await take(events, 1);
  for (let i = 0; i < 5; i += 1) log.publish({ type: "images" });
  const [resync] = await take(events, 1);
  expect(resync).toMatchObject({ type: "resync", sequence: 5 });
  log.publish({ type: "draining" });
  expect((await take(events, 1))[0]).toMatchObject({ type: "draining", sequence: 6 });
});

test("an abort ends a waiting subscriber, and close ends all after what they still have to read", async () => {
  const log = new EventLog(ENGINE);
  const controller = new AbortController();
  const aborted = iterator(log, {}, controller.signal);
  const open = iterator(log, {});
  await take(aborted, 1);
  await take(open, 1);
  const waiting = aborted.next();
  controller.abort();
  expect((await waiting).done).toBe(true);
  log.publish({ type: "images" });
  log.close();
  expect((await open.next()).value).toMatchObject({ type: "images" });
  expect((await open.next()).done).toBe(true);
});

test("whatever the pace of reading, sequences grow by one or are explained by a resync", async () => {
  const script = fc.array(fc.oneof(fc.constant("publish"), fc.constant("read")), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(script, fc.integer({ min: 1, max: 8 }), async (steps, capacity) => {
      const log = new EventLog(ENGINE, { capacity });
      const events = iterator(log, {});
      let position = (await take(events, 1))[0]?.sequence ?? -1;
      for (const step of steps) {
        if (step === "publish") log.publish({ type: "images" });
        else if (position < log.latest) {
          const [event] = await take(events, 1);
          if (event?.type !== "resync") expect(event?.sequence).toBe(position + 1);
          position = event?.sequence ?? -1;
        }
      }
      while (position < log.latest)
        position = (await take(events, 1))[0]?.sequence ?? Number.POSITIVE_INFINITY;
      expect(position).toBe(log.latest);
    }),
  );
});
