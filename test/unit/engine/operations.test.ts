import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { EngineEvent } from "../../../src/api/event.ts";
import type { Operation } from "../../../src/api/operation.ts";
import { abortable, deferred, sleep } from "../../../src/base/async.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { EventLog } from "../../../src/engine/event-log.ts";
import { silentLog } from "../../../src/engine/log.ts";
import { Operations, type WorkCtx } from "../../../src/engine/operations.ts";
import { openStore, type Store } from "../../../src/engine/store/store.ts";

let directory: string;
let store: Store;
let events: EventLog;
let operations: Operations;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-operations-"));
  store = await openStore(path.join(directory, "berth.db"));
  events = new EventLog("11111111-2222-4333-8444-555555555555");
  operations = new Operations({ store, events, log: silentLog });
});

afterEach(async () => {
  await operations.close();
  store.close();
  await rm(directory, { recursive: true });
});

const begin = (work: (ctx: WorkCtx) => Promise<void>) =>
  operations.begin({ kind: "start", target: "web", input: { secret: "canary" } }, work);
const end = (operation: Operation) => operations.wait(operation.id, AbortSignal.timeout(5000));
const forever = (ctx: WorkCtx) => abortable(new Promise<never>(() => {}), ctx.signal);

describe("an operation", () => {
  test("is journaled before its work begins, and its input is forgotten at its end", async () => {
    let journaled: unknown;
    const operation = begin(async () => {
      journaled = store.interruptedOperations();
    });
    expect(operation).toMatchObject({ status: "running", cancellable: true });
    expect(await end(operation)).toMatchObject({ status: "succeeded", cancellable: false });
    expect(journaled).toMatchObject([{ id: operation.id, input: { secret: "canary" } }]);
    expect(store.interruptedOperations()).toEqual([]);
    expect(JSON.stringify(store.endedOperations())).not.toContain("canary");
  });

  test("that cannot be journaled does not begin", () => {
    store.close();
    let began = false;
    const attempt = () =>
      begin(async () => {
        began = true;
      });
    expect(attempt).toThrow();
    expect(began).toBe(false);
    expect(operations.idle).toBe(true);
  });

  test("fails with its error, or with any error made one", async () => {
    const failed = await end(
      begin(async () => {
        throw new EngineError("driver-failed", "cannot start web: no", { hint: "Try again." });
      }),
    );
    expect(failed).toMatchObject({
      status: "failed",
      error: { code: "driver-failed", message: "cannot start web: no", hint: "Try again." },
    });
    const odd = await end(begin(() => Promise.reject(new TypeError("oops"))));
    expect(odd.error).toMatchObject({ code: "internal", message: "cannot start web: oops" });
  });

  test("is cancelled once, and not past its point of return", async () => {
    const first = begin(forever);
    operations.cancel(first.id);
    operations.cancel(first.id);
    const cancelled = await end(first);
    expect(cancelled).toMatchObject({ status: "cancelled" });
    expect(cancelled.error).toBeUndefined();
    expect(operations.cancel(first.id)).toEqual(cancelled);

    const committed = deferred<void>();
    const finish = deferred<void>();
    const second = begin(async (ctx) => {
      ctx.commit();
      committed.resolve();
      await finish.promise;
    });
    await committed.promise;
    expect(() => operations.cancel(second.id)).toThrow("past the point of return");
    finish.resolve();
    expect((await end(second)).status).toBe("succeeded");
    expect(() => operations.get("nope")).toThrow("unknown or long past");
  });

  test("collects warnings", async () => {
    const operation = await end(begin(async (ctx) => ctx.warn("take care")));
    expect(operation.warnings).toEqual(["take care"]);
    expect(store.endedOperations()[0]?.warnings).toEqual(["take care"]);
  });

  test("waiting ends with the signal, not the work", async () => {
    const operation = begin(forever);
    await expect(operations.wait(operation.id, AbortSignal.timeout(10))).rejects.toThrow();
    expect(operations.get(operation.id).status).toBe("running");
  });
});

test("progress is published at most ten times a second, the last report always", async () => {
  const seen: Operation[] = [];
  const controller = new AbortController();
  const reading = (async () => {
    for await (const event of events.subscribe({}, controller.signal) as AsyncIterable<EngineEvent>) {
      if (event.type === "operation") seen.push(event.operation);
    }
  })();
  const halfway = deferred<void>();
  const operation = begin(async (ctx) => {
    for (let done = 0; done <= 500; done += 1) {
      ctx.progress({ phase: "download", done, total: 1000 });
      if (done % 100 === 0) await sleep(30);
    }
    await vi.waitFor(() => expect(seen.at(-1)?.progress?.done).toBe(500));
    halfway.resolve();
    ctx.progress({ phase: "download", done: 1000, total: 1000 });
  });
  await halfway.promise;
  expect(seen.length).toBeLessThan(8);
  await end(operation);
  controller.abort();
  await reading;
  expect(seen.at(-1)).toMatchObject({ status: "succeeded", progress: { done: 1000 } });
});

test("idle changes with the first and the last", async () => {
  const changes: boolean[] = [];
  operations.onDidChangeIdle((idle) => changes.push(idle));
  const a = begin(forever);
  const b = begin(forever);
  operations.cancel(a.id);
  await end(a);
  expect(changes).toEqual([false]);
  operations.cancel(b.id);
  await end(b);
  expect(changes).toEqual([false, true]);
  expect(operations.idle).toBe(true);
});

test("a drained engine without work says so at once; it refuses anything new", async () => {
  const drained = new Promise<void>((resolve) => {
    operations.onDidDrain(resolve);
  });
  operations.drain();
  operations.drain();
  await drained;
  expect(() => begin(forever)).toThrow("the engine is leaving");
});

test("closing leaves what runs to the next engine", async () => {
  const operation = begin(forever);
  const waiting = operations.wait(operation.id, AbortSignal.timeout(5000));
  waiting.catch(() => {});
  await operations.close();
  await expect(waiting).rejects.toMatchObject({ code: "engine-unavailable" });
  expect(store.interruptedOperations().map(({ id }) => id)).toEqual([operation.id]);
});

test("only the last ended ones are kept", async () => {
  for (let i = 0; i < 210; i += 1) await end(begin(async () => {}));
  expect(operations.list()).toHaveLength(200);
  const next = new Operations({ store, events, log: silentLog });
  expect(next.list()).toHaveLength(200);
});
