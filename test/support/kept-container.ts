/** A container of the fake runtime that is backed up: its files, its volume, and what is found in tars of such. */
import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import tar from "tar-stream";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { tarOf } from "./container-image.ts";
import type { FakeRuntime } from "./fake-containers.ts";
import { succeeded } from "./fake-engine.ts";

export type TarFile = Parameters<typeof tarOf>[0][number];

export const LARGE = randomBytes(1_500_000);

export const FILES: readonly TarFile[] = [
  { name: "./", type: "directory" },
  { name: "etc", type: "directory" },
  { name: "etc/motd", body: Buffer.from("hello\n"), mode: 0o640, uid: 7 },
  { name: "etc/link", type: "symlink", linkname: "/etc/motd" },
  { name: "data", type: "directory" },
  { name: "data/of-the-image", body: Buffer.from("x") },
  { name: "large", body: LARGE },
  { name: "again", type: "link", linkname: "large" },
];

/** `web`, whose files, volumes and image are these. */
export async function launchKept(engine: EngineCore, runtime: FakeRuntime, container = {}): Promise<void> {
  const volumes = [{ name: "data", target: "/data", readOnly: true }];
  const spec = { env: { TOKEN: "canary-4711" }, volumes, command: ["serve"], ...container };
  await succeeded(
    engine,
    engine.instances.launch({ name: "web", image: "alpine", container: spec, labels: { a: "b" } }),
  );
  runtime.trees.set(engine.instances.get("web").id, {
    root: await tarOf(FILES),
    volumes: [
      {
        ...{ name: "data", target: "/data", isAnonymous: false },
        tar: await tarOf([
          { name: "data", type: "directory", mode: 0o700, uid: 70 },
          { name: "data/rows", body: Buffer.from("1,2,3\n") },
        ]),
      },
    ],
    image: { Cmd: ["serve"], Labels: { a: "b" } },
  });
}

export async function filesIn(bytes: Buffer | undefined) {
  const files = new Map<string, { header: tar.Headers; body: string }>();
  const extract = tar.extract();
  extract.end(bytes ?? Buffer.alloc(0));
  for await (const entry of extract) {
    const body = (await buffer(entry as unknown as AsyncIterable<Buffer>)).toString("latin1");
    files.set(entry.header.name.replace(/\/$/, ""), { header: entry.header, body });
  }
  return files;
}
