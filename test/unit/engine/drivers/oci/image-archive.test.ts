/** An image that is made of files: what a runtime loads, and what of another's configuration goes into it. */
import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { readTar } from "../../../../../src/base/tar/read.ts";
import { imageArchive } from "../../../../../src/engine/drivers/oci/image-archive.ts";
import {
  checkedConfig,
  configOfImage,
  configOfRun,
} from "../../../../../src/engine/drivers/oci/image-config.ts";

const layer = Buffer.alloc(70_000, "layer");
const createdAt = "2026-11-30T12:00:00.000Z";
const root = (sizeBytes = layer.length) => ({
  sizeBytes,
  bytes: async function* () {
    yield layer.subarray(0, 1000);
    yield layer.subarray(1000);
  },
});

test("it has one layer, whose sum its configuration knows, and says what it is called", async () => {
  const config = { Cmd: ["serve"], Volumes: { "/data": {} } };
  const files = new Map<string, Buffer>();
  for await (const { name, body } of readTar(
    imageArchive({ config, createdAt, root: root() }, "x86_64", "own:base"),
  ))
    files.set(name, await buffer(body));
  const [manifest] = JSON.parse(files.get("manifest.json")?.toString() ?? "[]");
  expect(manifest.RepoTags).toEqual(["own:base"]);
  expect(files.get(manifest.Layers[0])).toEqual(layer);
  const bytes = files.get(manifest.Config) ?? Buffer.alloc(0);
  expect(manifest.Config).toBe(`${createHash("sha256").update(bytes).digest("hex")}.json`);
  const diffId = `sha256:${createHash("sha256").update(layer).digest("hex")}`;
  expect(JSON.parse(bytes.toString())).toMatchObject({
    ...{ architecture: "amd64", os: "linux", config },
    rootfs: { type: "layers", diff_ids: [diffId] },
  });
});

test("a layer that is not as long as was told ends it", async () => {
  const image = { config: {}, createdAt, root: root(layer.length + 1) };
  await expect(buffer(imageArchive(image, "aarch64", "own:base"))).rejects.toThrow("has not the size");
});

test("what is ours of its labels, what is empty, and what is none of an image is left out", () => {
  const labels = { "berth.instance": "x", "berth.engine": "y", of: "it" };
  expect(
    checkedConfig({ Labels: labels, Cmd: [], Env: null, User: "", Hostname: "web", Privileged: true }),
  ).toEqual({
    Labels: { of: "it" },
  });
});

test.each([{ Cmd: "rm -rf /" }, { Env: [1] }, { Labels: { a: 1 } }, { User: "x".repeat(300) }, null, "text"])(
  "%j is none",
  (json) => {
    expect(() => checkedConfig(json)).toThrow("cannot use the configuration of an image");
  },
);

test("secrets of a container are in no configuration, and what its image says to everybody is", () => {
  const env = { TOKEN: "canary", PATH: "/bin" };
  const Env = ["TOKEN=canary", "PATH=/bin", "LANG=C", "HOSTNAME=web"];
  const Labels = { "berth.instance": "", of: "it" };
  expect(configOfImage({ Env, Labels }, env)).toEqual({ Env: Env.slice(1), Labels: { of: "it" } });
  expect(configOfImage({ Env, Labels: { of: "it" } }, env)).toEqual({ Env, Labels: { of: "it" } });
  expect(configOfRun({ Env, Labels, Cmd: ["serve"] }, env)).toEqual({
    Env: ["PATH=/bin", "LANG=C"],
    Cmd: ["serve"],
  });
});
