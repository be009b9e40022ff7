/** The engine's server on a real socket of its own, over a fake core, with a client that is connected to it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { privateDirectory } from "../../src/base/durable.ts";
import { currentPaths, type Endpoint } from "../../src/base/paths.ts";
import { connect } from "../../src/client/connect.ts";
import type { ConnectedClient } from "../../src/client/engine-client.ts";
import { type Log, silentLog } from "../../src/engine/log.ts";
import { type EngineServer, startServer } from "../../src/engine/server/server.ts";
import { FakeCore } from "./fake-core.ts";

export type FakeServer = {
  readonly home: string;
  readonly endpoint: Endpoint;
  readonly core: FakeCore;
  readonly server: EngineServer;
  readonly client: ConnectedClient;
  /** Ends the processes of "guests", too. */
  dispose(): Promise<void>;
};

type Options = { core?: FakeCore; version?: string; log?: Log };

export async function fakeServer(options: Options = {}): Promise<FakeServer> {
  const { core = new FakeCore(), version = "1", log = silentLog } = options;
  const home = await mkdtemp(path.join(tmpdir(), "berth-server-"));
  const env = { ...process.env, BERTH_HOME: home };
  const { run, endpoint } = currentPaths(env);
  await privateDirectory(run);
  const server = await startServer({ core, version, endpoint, user: "tester", log });
  const client = await connect({ env });
  const dispose = async () => {
    client.dispose();
    await server.close();
    for (const guest of core.processes) {
      guest.close();
      await guest.exited.catch(() => {});
    }
    await core.close();
    await rm(home, { recursive: true, force: true });
  };
  return { home, endpoint, core, server, client, dispose };
}
