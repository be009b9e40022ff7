/** File systems of containers as tars, and tars as images, on a real Docker and a real Podman. */
import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import tar from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import { ctx } from "../contract/driver.ts";
import { busyboxLayer, tarOf } from "../support/container-image.ts";
import { type ContainerWorld, containerWorld, shellIn } from "../support/container-world.ts";
import { type Runtimes, startRuntimes } from "../support/runtimes.ts";

let runtimes: Runtimes;
beforeAll(async () => {
  runtimes = await startRuntimes();
});
afterAll(() => runtimes?.stop());

const SAFE = "localhost/berth-import";

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  let world: ContainerWorld;
  beforeAll(async () => {
    world = await containerWorld(runtimes[runtime]);
  });
  afterAll(async () => {
    for (const { references } of await images()) {
      for (const name of references) await store().remove(ctx(), name, { runtime });
    }
    await world?.dispose();
  });

  const store = () => {
    if (!world.driver.containerStore) throw new Error("it has no images");
    return world.driver.containerStore;
  };
  const images = async () =>
    (await store().list(ctx(), { runtime })).filter(({ references }) =>
      references.some((name) => name.includes("berth-import")),
    );
  const named = async (tag: string) =>
    (await images()).filter(({ references }) => references.some((name) => name.endsWith(`:${tag}`)));
  const imported = (source: Readable, tag: string) =>
    store().import(ctx(), source, `${SAFE}:${tag}`, { runtime });
  const exported = async (instance: DriverInstance) => {
    const stream = await world.driver.export?.(ctx(), instance);
    if (!stream) throw new Error("it cannot be exported");
    return stream;
  };

  test("what a container holds becomes an image, and that a container which holds it", async () => {
    const { instance, running } = await world.started("source");
    await shellIn(running, "echo content > /root/file; chmod 640 /root/file; ln -s /etc/passwd /root/link");
    const id = await imported(await exported(instance), "copy");
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await named("copy")).toMatchObject([{ id, ours: true }]);
    const command = ["sh", "-c", "sleep 9999"];
    const image = { reference: `${SAFE}:copy`, id };
    const copy = await world.started("copy", { container: { runtime, command, image } });
    expect(await shellIn(copy.running, "cat /root/file; readlink /root/link; stat -c %a /root/file")).toBe(
      "content\n/etc/passwd\n640\n",
    );
    await world.driver.delete(ctx(), copy.instance);
  });

  test("it is exported when it has ended, too, and when it is paused", async () => {
    const { instance, running } = await world.started("ended");
    await shellIn(running, "echo kept > /kept");
    await running.pause?.(ctx());
    expect(await fileIn(await exported(instance), "kept")).toBe("kept\n");
    await running.stop(ctx(), "force");
    expect(await fileIn(await exported(instance), "kept")).toBe("kept\n");
  });

  test("an export that nobody wants any more ends", async () => {
    const { instance } = await world.started("left");
    const controller = new AbortController();
    const stream = await world.driver.export?.(ctx(controller.signal), instance);
    controller.abort(new DOMException("cancelled", "AbortError"));
    await expect(buffer(stream as Readable)).rejects.toThrow();
  });

  test("what is not there is told", async () => {
    const instance = await world.created("gone");
    await world.remove(instance);
    await expect(exported(instance)).rejects.toMatchObject({ code: "not-found" });
  });

  test("a tar in gzip becomes the same image's content", async () => {
    const layer = gzipSync(await busyboxLayer());
    const id = await imported(Readable.from([layer]), "zipped");
    expect(await named("zipped")).toMatchObject([{ id }]);
  });

  test.each([
    [
      "a name that leads out",
      [
        { name: "a", body: Buffer.from("x") },
        { name: "../b", body: Buffer.from("x") },
      ],
      /leads out/,
    ],
    ["an absolute name", [{ name: "/etc/passwd", body: Buffer.from("x") }], /leads out/],
    [
      "a hard link out",
      [{ name: "a", type: "link" as const, linkname: "../../etc/shadow" }],
      /which is not in it/,
    ],
    ["a device", [{ name: "disk", type: "block-device" as const, devmajor: 8, devminor: 0 }], /is a device/],
  ])("%s is refused, and nothing of it is an image", async (_what, files, words) => {
    // So much before it that its runtime has begun to read.
    const before = { name: "large", body: Buffer.alloc(3_000_000, "x") };
    const tar = await tarOf([before, ...files]);
    await expect(imported(Readable.from(pieces(tar)), "bad")).rejects.toThrow(words);
    expect(await named("bad")).toEqual([]);
  });

  test.each([
    ["nothing", Buffer.alloc(0), /there are no files in it/],
    ["no tar", Buffer.from("no tar at all ".repeat(10_000)), /it is no whole tar/],
  ])("%s is refused", async (_what, bytes, words) => {
    await expect(imported(Readable.from(pieces(bytes)), "bad")).rejects.toThrow(words);
    expect(await named("bad")).toEqual([]);
  });

  test("a tar that is cut off is refused", async () => {
    const whole = await tarOf([{ name: "large", body: Buffer.alloc(3_000_000, "x") }]);
    await expect(imported(Readable.from(pieces(whole.subarray(0, 2_000_000))), "bad")).rejects.toThrow(
      /it is no whole tar/,
    );
    expect(await named("bad")).toEqual([]);
  });

  test("an import that is cancelled, or whose source fails, makes no image", async () => {
    const whole = await tarOf([{ name: "large", body: Buffer.alloc(3_000_000, "x") }]);
    const controller = new AbortController();
    const source = new PassThrough();
    source.on("error", () => {});
    source.write(whole.subarray(0, 2_000_000));
    const work = store().import(ctx(controller.signal), source, `${SAFE}:bad`, { runtime });
    setImmediate(() => controller.abort(new DOMException("cancelled", "AbortError")));
    await expect(work).rejects.toMatchObject({ name: "AbortError" });
    if (!source.closed) await once(source, "close");
    async function* failing() {
      yield whole.subarray(0, 2_000_000);
      throw new Error("the disk is broken");
    }
    await expect(imported(Readable.from(failing()), "bad")).rejects.toThrow("the disk is broken");
    expect(await named("bad")).toEqual([]);
  });

  test.each([`${SAFE}@sha256:${"0".repeat(64)}`, `sha256:${"0".repeat(64)}`, "Not A Name"])(
    "%s is no name for an image",
    async (reference) => {
      await expect(store().import(ctx(), Readable.from([]), reference, { runtime })).rejects.toMatchObject({
        code: "invalid-argument",
      });
    },
  );
});

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

async function fileIn(stream: Readable, name: string): Promise<string | undefined> {
  let found: string | undefined;
  const extract = tar.extract();
  stream.pipe(extract as unknown as NodeJS.WritableStream);
  for await (const entry of extract) {
    const body = await buffer(entry as unknown as AsyncIterable<Buffer>);
    if (entry.header.name.replace(/^\.?\//, "") === name) found = body.toString();
  }
  return found;
}
