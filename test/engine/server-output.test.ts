/** Streams that are only read, over a real socket: what compose prints, and containers of others. */
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FakeServer, fakeServer } from "../support/fake-server.ts";

let served: FakeServer;

beforeEach(async () => {
  served = await fakeServer();
});
afterEach(() => served.dispose());

test("what is printed comes, and its end", async () => {
  const run = await served.client.compose({ verb: "up", project: "shop" });
  expect(await text(run.stdout)).toBe("bringing shop up\n");
  expect(await run.exited).toEqual({ code: 0 });
});

test("what others' containers print comes, too, and which there are", async () => {
  const logs = await served.client.foreignLogs({ container: "db", runtime: "docker", tail: 10 });
  expect(await text(logs.stdout)).toBe("logs of db\n");
  expect(await logs.exited).toEqual({ code: 0 });
  const lists = await served.client.api.foreignContainers.watch({}, { signal: AbortSignal.timeout(60_000) });
  expect(await lists.next()).toEqual({ done: false, value: { items: [] } });
  expect((await lists.next()).done).toBe(true);
});

test("an error takes nothing away of what was printed before, however late that is read", async () => {
  const run = await served.client.compose({ verb: "down", project: "broken" });
  const failed = expect(run.exited).rejects.toMatchObject({ code: "driver-failed", message: "it broke" });
  await served.client.api.engine.info(); // By now the error has come, too.
  expect(await text(run.stdout)).toBe("bringing broken down\n");
  await failed;
});
