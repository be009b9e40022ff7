import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { detectRuntimes } from "../../src/engine/drivers/oci/detect.ts";
import { loadImage, makeImage } from "../support/container-image.ts";
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

  test("runs a process, and its bytes come over an upgraded connection", async () => {
    const { api } = all[runtime];
    await loadImage(api, await makeImage(), "localhost/berth-test:1");
    const { Id } = await api.json<{ Id: string }>(ctx, "POST", "/containers/create", {
      body: { Image: "localhost/berth-test:1", Cmd: ["cat"], OpenStdin: true, StdinOnce: true, Tty: true },
    });
    const query = { stream: "true", stdin: "true", stdout: "true" };
    const connection = await api.upgrade(ctx, `/containers/${Id}/attach`, { query });
    await api.json(ctx, "POST", `/containers/${Id}/start`);
    let printed = "";
    connection.on("data", (chunk: Buffer) => {
      printed += chunk;
    });
    connection.write("ahoy\n");
    await expect.poll(() => printed).toContain("ahoy");
    connection.destroy();
    await api.json(ctx, "DELETE", `/containers/${Id}`, { query: { force: "true" } });
    await expect(api.json(ctx, "GET", `/containers/${Id}/json`)).rejects.toMatchObject({ code: "not-found" });
  });
});
