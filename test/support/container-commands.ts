/** The shipped command beside a real Docker and a real Podman, for a file of tests. */
import { afterAll, beforeAll } from "vitest";
import { Berth } from "./berth.ts";
import { bundleProduct } from "./product-bundle.ts";
import { type Runtimes, startRuntimes } from "./runtimes.ts";

export type ContainerCommands = {
  /** There while the file's tests run, from its first `beforeAll` on. */
  readonly runtimes: Runtimes;
  /** A command that knows but that runtime; its files are disposed of by the caller. */
  berthOn(runtime: "docker" | "podman", env?: Record<string, string>): Promise<Berth>;
};

/** To be called at the top of a file, before its own hooks. */
export function containerCommands(): ContainerCommands {
  let runtimes: Runtimes;
  let bundle: Awaited<ReturnType<typeof bundleProduct>>;
  beforeAll(async () => {
    runtimes = await startRuntimes();
    bundle = await bundleProduct();
  });
  afterAll(async () => {
    await bundle?.dispose();
    await runtimes?.stop();
  });
  return {
    get runtimes() {
      return runtimes;
    },
    berthOn: (runtime, env = {}) => {
      const { address } = runtimes[runtime].api.endpoint;
      const socket = "socketPath" in address ? address.socketPath : "";
      return Berth.make({ DOCKER_HOST: `unix://${socket}`, ...env }, bundle.cli);
    },
  };
}
