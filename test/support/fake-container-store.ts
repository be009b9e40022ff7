/** The images of a runtime as an object: what was asked of it is noted, and slow work waits until it is let go on. */
import { abortable } from "../../src/base/async.ts";
import { EngineError } from "../../src/base/errors.ts";
import type { ContainerStore, StoredImage } from "../../src/engine/drivers/container-store.ts";

export class FakeContainerStore implements ContainerStore {
  readonly images = new Map<string, StoredImage>();
  readonly calls: string[] = [];
  /** What pulls, loads, saves and builds wait for. */
  gate: Promise<void> = Promise.resolve();
  needed: ReadonlySet<string> = new Set();

  put(reference: string, more: Partial<StoredImage> = {}): StoredImage {
    const image: StoredImage = {
      ...{ runtime: "docker", id: `sha256:${reference}`, references: [reference], digests: [], sizeBytes: 7 },
      ...{ createdAt: new Date(0), ours: true, inUse: false },
      ...more,
    };
    this.images.set(image.id, image);
    return image;
  }

  list: ContainerStore["list"] = async (_ctx, { runtime } = {}) =>
    [...this.images.values()].filter((image) => runtime === undefined || image.runtime === runtime);

  pull: ContainerStore["pull"] = async (ctx, reference, where = {}) => {
    this.calls.push(`pull ${reference} ${JSON.stringify(where)}`);
    ctx.progress({ phase: "download", parts: [{ id: "layer", state: "moving", done: 1, total: 2 }] });
    // One that never comes, until it is cancelled.
    await abortable(reference.includes("endless") ? new Promise(() => {}) : this.gate, ctx.signal);
    const { id } = this.put(reference);
    const facts = {
      os: "linux",
      arch: "amd64",
      sizeBytes: 7,
      shape: "application" as const,
      exposedPorts: [],
    };
    return { runtime: "docker", reference, id, ...facts };
  };

  push: ContainerStore["push"] = async (ctx, reference) => {
    await abortable(this.gate, ctx.signal);
    this.calls.push(`push ${reference}`);
  };

  remove: ContainerStore["remove"] = async (_ctx, reference) => {
    const image = [...this.images.values()].find(({ references }) => references.includes(reference));
    if (!image) throw new EngineError("not-found", `cannot remove image ${reference}: there is none`);
    this.images.delete(image.id);
  };

  prune: ContainerStore["prune"] = async (_ctx, { needed, foreign }) => {
    this.needed = needed;
    const gone = [...this.images.values()].filter(({ id, ours }) => !needed.has(id) && (ours || foreign));
    for (const { id } of gone) this.images.delete(id);
    return { removed: gone.map(({ id }) => id), freedBytes: 7 * gone.length };
  };

  build: ContainerStore["build"] = async (ctx, { directory, tags }, output) => {
    this.calls.push(`build ${directory}`);
    if (directory.endsWith("broken"))
      throw new EngineError("driver-failed", `cannot build ${directory}: it ended with code 1`);
    for (let step = 1; step <= 3; step += 1) await output(`step ${step}\n`);
    ctx.signal.addEventListener("abort", () => this.calls.push("build left"));
    await abortable(this.gate, ctx.signal);
    return this.put(tags[0] ?? "built").id;
  };

  load: ContainerStore["load"] = async (ctx, file) => {
    await abortable(this.gate, ctx.signal);
    this.calls.push(`load ${file}`);
    return [this.put("loaded:1").id];
  };

  import: ContainerStore["import"] = async (ctx, tar, reference) => {
    let bytes = 0;
    for await (const chunk of tar.iterator({ destroyOnReturn: true })) {
      ctx.signal.throwIfAborted();
      bytes += (chunk as Buffer).length;
    }
    if (bytes === 0)
      throw new EngineError("invalid-argument", `cannot import ${reference}: there are no files in it`);
    this.calls.push(`import ${reference}`);
    return this.put(reference, { sizeBytes: bytes }).id;
  };

  save: ContainerStore["save"] = async (ctx, reference, file) => {
    await abortable(this.gate, ctx.signal);
    this.calls.push(`save ${reference} ${file}`);
  };
}
