import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { detectRuntimes } from "../../src/engine/drivers/oci/detect.ts";
import { type Runtimes, startRuntimes } from "../support/runtimes.ts";

const ctx = { signal: new AbortController().signal };
let all: Runtimes;

beforeAll(async () => {
  all = await startRuntimes();
});
afterAll(() => all?.stop());

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  test("is found, and known for what it is", async () => {
    const { address } = all[runtime].api.endpoint;
    const { found } = await detectRuntimes(ctx, {
      platform: "linux",
      env: { DOCKER_HOST: "socketPath" in address ? `unix://${address.socketPath}` : "" },
      home: all.directory,
      tmp: all.directory,
      uid: 0,
      contexts: [],
      currentContext: undefined,
    });
    expect(found.map(({ endpoint, version }) => [endpoint.runtime, version])).toEqual([
      [runtime, expect.stringMatching(/^\d+\./)],
    ]);
  });
});
