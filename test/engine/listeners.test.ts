/** What listens in guests, over a real socket of the engine; the "guest" is this computer. */
import { once } from "node:events";
import net from "node:net";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import type { PortListener } from "../../src/api/port.ts";
import type { EngineClient } from "../../src/client/engine-client.ts";
import { createScreenGuest } from "../../src/engine/guest/screen-guest.ts";
import type { FakeCore } from "../support/fake-core.ts";
import { type FakeServer, fakeServer } from "../support/fake-server.ts";

let served: FakeServer;
let core: FakeCore;
let client: EngineClient;

beforeEach(async () => {
  served = await fakeServer();
  ({ core, client } = served);
});
afterEach(() => served.dispose());

async function listening(host: string): Promise<{ port: number; close: () => Promise<void> }> {
  const listener = net.createServer();
  listener.listen(0, host);
  await once(listener, "listening");
  onTestFinished(() => void listener.close());
  const { port } = listener.address() as net.AddressInfo;
  const close = async () => {
    listener.close();
    await once(listener, "close");
  };
  return { port, close };
}

const at = (items: readonly PortListener[], port: number) =>
  items.find((one) => one.port === port && one.protocol === "tcp");

test("what listens now: everywhere through the network, on loopback alone through SSH", async () => {
  const [wide, narrow] = [await listening("0.0.0.0"), await listening("127.0.0.1")];
  const { items } = await client.api.ports.listeners({ name: "primary" });
  expect(at(items, wide.port)).toMatchObject({ address: "0.0.0.0", via: "network" });
  expect(at(items, narrow.port)).toMatchObject({ address: "127.0.0.1", via: "ssh" });
  await core.processes[0]?.exited;
  expect(core.processes).toHaveLength(1);
});

test("watchers are told of what comes and goes, and share one process that ends with the last of them", async () => {
  const ending = new AbortController();
  const watch = () => client.api.ports.watchListeners({ name: "primary" }, { signal: ending.signal });
  const [one, other] = await Promise.all([watch(), watch()]);
  await one.next();
  await other.next();
  const { port, close } = await listening("127.0.0.1");
  const until = async (there: boolean) => {
    for (;;) {
      const { done, value } = await one.next();
      if (done) throw new Error("the stream ended");
      if ((at(value.items, port) !== undefined) === there) return;
    }
  };
  await until(true);
  await close();
  await until(false);
  expect(core.processes).toHaveLength(1);
  ending.abort();
  await core.processes[0]?.exited;
});

test("no guest, no stream: said in words", async () => {
  await expect(
    client.api.ports.watchListeners({ name: "nobody" }).then((stream) => stream.next()),
  ).rejects.toMatchObject({ code: "not-found" });
  core.guest = createScreenGuest("primary", undefined);
  await expect(client.api.ports.listeners({ name: "primary" })).rejects.toMatchObject({
    code: "not-supported",
    message: expect.stringContaining("Berth has no login in it"),
  });
});
