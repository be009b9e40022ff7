/** What work prints, with a reader that is slow, one that leaves, and none. */
import { once } from "node:events";
import { expect, test } from "vitest";
import { abortable } from "../../../src/base/async.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { printed } from "../../../src/engine/printed.ts";

const { signal } = new AbortController();

async function read(output: AsyncIterable<Buffer>): Promise<{ text: string; error?: unknown }> {
  let text = "";
  try {
    for await (const chunk of output) {
      await new Promise(setImmediate);
      text += chunk.toString();
    }
    return { text };
  } catch (error) {
    return { text, error };
  }
}

test("ends with what the work resolves with", async () => {
  const output = printed("build it", signal, async (_signal, print) => {
    await print("one\n");
    await print("two\n");
    return "id\n";
  });
  expect(await read(output)).toEqual({ text: "one\ntwo\nid\n" });
});

test("an error comes after all that was printed before it", async () => {
  const lines = "a line\n".repeat(50_000);
  const output = printed("build it", signal, async (_signal, print) => {
    await print(lines);
    throw new EngineError("driver-failed", "it broke");
  });
  const { text, error } = await read(output);
  expect(text.length).toBe(lines.length);
  expect(error).toMatchObject({ code: "driver-failed", message: "it broke" });
});

test("whoever leaves ends the work, which does not run far ahead of its reader", async () => {
  let printedBytes = 0;
  const over = Promise.withResolvers<unknown>();
  const output = printed("build it", signal, async (signal, print) => {
    try {
      for (;;) {
        await print("x".repeat(1000));
        printedBytes += 1000;
        await abortable(new Promise(setImmediate), signal);
      }
    } catch (error) {
      over.resolve(error);
      throw error;
    }
  });
  await once(output, "readable");
  await expect.poll(() => printedBytes).toBeGreaterThan(10_000);
  output.destroy();
  await over.promise;
  expect(printedBytes).toBeLessThan(300_000);
});
