/** Two engines that instances move between: each over fakes of its own, behind a socket, with a client of it. */
import { expect } from "vitest";
import { connect } from "../../src/client/connect.ts";
import type { ConnectedClient } from "../../src/client/engine-client.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import { silentLog } from "../../src/engine/log.ts";
import { type EngineServer, startServer } from "../../src/engine/server/server.ts";
import { FakeWorld } from "./fake-engine.ts";
import type { FakeContent } from "./fake-points.ts";
import { WORKER } from "./repository-worker.ts";

/** Of each disk. */
export const DISK_BYTES = 512 * 2 ** 20;

export class Side {
  readonly world: FakeWorld;
  engine: EngineCore;
  server: EngineServer;
  readonly client: ConnectedClient;

  private constructor(world: FakeWorld, engine: EngineCore, server: EngineServer, client: ConnectedClient) {
    [this.world, this.engine, this.server, this.client] = [world, engine, server, client];
  }

  static async make(): Promise<Side> {
    const world = await FakeWorld.make();
    world.images.virtualBytes = DISK_BYTES;
    world.repository = { worker: WORKER, settleMs: 0 };
    const engine = await world.open();
    const server = await serverOf(world, engine);
    return new Side(world, engine, server, await connect({ socket: world.paths.endpoint.path }));
  }

  contentOf(name: string): FakeContent {
    const { id } = this.engine.instances.get(name);
    return this.world.host.contents.get(`${id} disk`) as FakeContent;
  }

  /** In the middle of all that it does; guests run on. */
  async end(): Promise<void> {
    await this.server.close();
    await this.world.close(this.engine);
  }

  async startAgain(options: Partial<EngineOptions> = {}): Promise<void> {
    await this.serve(await this.world.open(options));
  }

  /** Another engine is there for the same client. */
  async serve(engine: EngineCore): Promise<void> {
    [this.engine, this.server] = [engine, await serverOf(this.world, engine)];
  }

  /** One that has died, which `bury` lets go of. */
  async replace(bury: () => void): Promise<void> {
    await this.server.close();
    bury();
    await this.startAgain();
  }

  async dispose(): Promise<void> {
    expect(this.world.host.violations).toEqual([]);
    this.client.dispose();
    await this.server.close();
    await this.world.dispose();
  }
}

function serverOf({ paths: { endpoint } }: FakeWorld, core: EngineCore): Promise<EngineServer> {
  return startServer({ core, version: "1", endpoint, user: "tester", log: silentLog });
}
