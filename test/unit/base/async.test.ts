import fc from "fast-check";
import { expect, test } from "vitest";
import { abortable, KeyedQueue, sleep, withDeadline } from "../../../src/base/async.ts";

test("KeyedQueue orders tasks of one key, whether they fail or not", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.boolean()), { maxLength: 30 }),
      async (tasks) => {
        const queue = new KeyedQueue();
        const active = new Map<string, number>();
        const seen = new Map<string, number[]>();
        const results = tasks.map(([key, fails], index) =>
          queue.run(key, async () => {
            active.set(key, (active.get(key) ?? 0) + 1);
            expect(active.get(key)).toBe(1);
            await Promise.resolve();
            seen.set(key, [...(seen.get(key) ?? []), index]);
            active.set(key, 0);
            if (fails) throw new Error("as asked");
            return index;
          }),
        );
        const settled = await Promise.allSettled(results);
        expect(settled.map((result) => result.status)).toEqual(
          tasks.map(([, fails]) => (fails ? "rejected" : "fulfilled")),
        );
        for (const order of seen.values()) expect(order).toEqual([...order].sort((a, b) => a - b));
      },
    ),
  );
});

test("abortable ends the wait at once and keeps the reason", async () => {
  const controller = new AbortController();
  const wait = abortable(new Promise(() => {}), controller.signal);
  controller.abort(new Error("enough"));
  await expect(wait).rejects.toThrow("enough");
});

test("withDeadline times out, follows its parent, and can be put to rest", async () => {
  const short = withDeadline(1);
  await expect(sleep(60_000, short.signal)).rejects.toMatchObject({ name: "AbortError" });
  expect((short.signal.reason as Error).name).toBe("TimeoutError");

  const parent = new AbortController();
  const child = withDeadline(60_000, parent.signal);
  parent.abort(new Error("parent"));
  expect(child.signal.reason).toEqual(new Error("parent"));

  const calm = withDeadline(1);
  calm.done();
  await sleep(5);
  expect(calm.signal.aborted).toBe(false);
});
