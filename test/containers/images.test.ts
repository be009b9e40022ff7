import { mkdir, mkdtemp, readdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { findImage } from "../../src/engine/drivers/oci/images.ts";
import type { ContainerLibrary } from "../../src/engine/drivers/oci/library.ts";
import { loadImage, makeImage } from "../support/container-image.ts";
import { AUTH, ImageWorld, MIB, makeCtx, publish } from "../support/image-world.ts";
import { processesWith } from "../support/processes.ts";
import { type Runtimes, startRuntimes } from "../support/runtimes.ts";

let all: Runtimes;

beforeAll(async () => {
  all = await startRuntimes();
});
afterAll(() => all?.stop());
afterEach(() => {
  all.registry.heal();
  all.privateRegistry.heal();
});

/** A directory with these files. */
async function folderWith(world: ImageWorld, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(path.join(world.directory, "context-"));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  return folder;
}

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  let world: ImageWorld;
  let library: ContainerLibrary;

  beforeEach(async () => {
    world = await ImageWorld.make(all, runtime);
    library = world.library;
  });
  afterEach(() => world.dispose());

  test("lists, removes and prunes: never what is used, nothing of others unless asked", async () => {
    const [ours, kept, needed, foreign] = await Promise.all([1, 2, 3, 4].map(() => publish(all.registry)));
    const named = (reference = "") =>
      library
        .list(makeCtx())
        .then((images) => images.find(({ references }) => references.includes(reference)));
    await world
      .request("POST", "/images/create", {
        query: { fromImage: foreign?.reference },
        deadlineMs: 60_000,
      })
      .catch(() => {});
    for (const each of [ours, kept, needed]) await library.resolve(makeCtx(), each?.reference ?? "");
    const { Id } = await world.request<{ Id: string }>("POST", "/containers/create", {
      body: { Image: kept?.reference },
    });

    expect(await named(ours?.reference)).toMatchObject({
      runtime,
      ours: true,
      inUse: false,
      digests: [ours?.digest],
    });
    expect(await named(kept?.reference)).toMatchObject({ ours: true, inUse: true });
    expect(await named(foreign?.reference)).toMatchObject({ ours: false, inUse: false });
    await expect(library.remove(makeCtx(), kept?.reference ?? "")).rejects.toMatchObject({ code: "busy" });

    const neededIds = new Set([(await named(needed?.reference))?.id ?? ""]);
    const pruned = await library.prune(makeCtx(), { needed: neededIds, foreign: false });
    expect(pruned.removed).toEqual([ours?.reference]);
    expect(pruned.freedBytes).toBeGreaterThan(MIB);
    expect(await named(kept?.reference)).toBeDefined();
    expect(await named(foreign?.reference)).toBeDefined();

    const all_ = await library.prune(makeCtx(), { needed: neededIds, foreign: true });
    expect(all_.removed).toContain(foreign?.reference);
    expect(await named(kept?.reference)).toBeDefined();
    expect(await named(needed?.reference)).toBeDefined();

    await world.request("DELETE", `/containers/${Id}`);
    await library.remove(makeCtx(), kept?.reference ?? "");
    expect(await named(kept?.reference)).toBeUndefined();
    await expect(library.remove(makeCtx(), kept?.reference ?? "")).rejects.toMatchObject({
      code: "not-found",
    });
  });

  test("pushes with the user's login, and says why it may not", async () => {
    const { host } = all.privateRegistry;
    const { id } = await library.resolve(
      makeCtx(),
      (await publish(all.registry, { extraLayers: [MIB] })).reference,
    );
    const target = `${host}/pushed/${runtime}:1`;
    const tag = { repo: `${host}/pushed/${runtime}`, tag: "1" };
    await world.request("POST", `/images/${id}/tag`, { query: tag });
    await expect(library.push(makeCtx(), target)).rejects.toMatchObject({
      code: "unauthenticated",
      message: expect.stringContaining(`cannot push ${target}: `),
    });
    await world.keepLogins("auth.json", { auths: { [host]: { auth: AUTH } } });
    const ctx = makeCtx();
    await library.push(ctx, target);
    expect(ctx.told.at(-1)?.phase).toBe("upload");
    // Podman says nothing of the layers that it sends.
    if (runtime === "docker") expect(ctx.told.at(-1)?.message).toMatch(/^(\d) of \1 layers$/);
    await library.remove(makeCtx(), target);
    expect(await library.resolve(makeCtx(), target)).toMatchObject({ id });
    await expect(library.push(makeCtx(), `${host}/absent:1`)).rejects.toMatchObject({ code: "not-found" });
  });

  test("an image that an instance was kept in is none of the user's", async () => {
    await loadImage(world.api, await makeImage({ seed: "own" }), "localhost/berth/0001:base");
    expect((await library.list(makeCtx())).flatMap(({ references }) => references)).not.toContain(
      "localhost/berth/0001:base",
    );
    await library.prune(makeCtx(), { needed: new Set(), foreign: true });
    expect(await findImage(makeCtx(), world.api, "localhost/berth/0001:base")).toBeDefined();
  });

  test("builds from a private image, tells what it prints, and leaves out what is ignored", async () => {
    const base = await publish(all.privateRegistry);
    await world.keepLogins("auth.json", { auths: { [all.privateRegistry.host]: { auth: AUTH } } });
    const folder = await folderWith(world, {
      Containerfile: `FROM ${base.reference}\nARG WORD\nCOPY . /app\nRUN echo "built with $WORD" && ls /app\nCMD ["/bin/sh", "-c", "cat /app/keep"]\n`,
      ".dockerignore": "secret\n",
      keep: "kept",
      secret: "hidden",
    });
    const printed: string[] = [];
    const tag = `localhost/built-${runtime}:1`;
    const id = await library.build(
      makeCtx(),
      { directory: folder, tags: [tag], arguments: { WORD: "care" } },
      (text) => void printed.push(text),
    );
    const output = printed.join("");
    expect(output).toContain("built with care");
    expect(output).toContain("keep");
    expect(output).not.toContain("secret");
    expect(printed.length).toBeGreaterThan(3);
    expect(await library.resolve(makeCtx(), tag)).toMatchObject({ id });
    expect((await library.list(makeCtx())).find((image) => image.id === id)).toMatchObject({ ours: true });
  });

  test("a build that fails says why, and a cancelled one ends", async () => {
    const base = await publish(all.registry);
    const failing = await folderWith(world, {
      Dockerfile: `FROM ${base.reference}\nRUN echo before; exit 7\n`,
    });
    const printed: string[] = [];
    await expect(
      library.build(makeCtx(), { directory: failing, tags: [] }, (text) => void printed.push(text)),
    ).rejects.toMatchObject({
      code: "driver-failed",
      message: expect.stringMatching(/cannot build .*: .*7/s),
    });
    expect(printed.join("")).toContain("before");

    const endless = await folderWith(world, {
      Dockerfile: `FROM ${base.reference}\nRUN echo begun; sleep 17\n`,
    });
    const ctx = makeCtx();
    const begun = Promise.withResolvers<void>();
    const building = library.build(ctx, { directory: endless, tags: [] }, (text) => {
      if (/^begun/m.test(text)) begun.resolve();
    });
    building.catch(begun.reject);
    await begun.promise;
    ctx.cancel();
    await expect(building).rejects.toMatchObject({ name: "AbortError" });
    // Podman lets the step that runs come to its end.
    if (runtime === "docker")
      await expect.poll(() => processesWith("sleep\u000017"), { timeout: 10_000 }).toEqual([]);
  });

  test("saves an image and loads it again", async () => {
    const pushed = await publish(all.registry, { extraLayers: [MIB] });
    const { id } = await library.resolve(makeCtx(), pushed.reference);
    const file = path.join(world.directory, "image.tar");
    const ctx = makeCtx();
    await library.save(ctx, pushed.reference, file);
    expect(ctx.told.at(-1)).toMatchObject({ phase: "save", done: (await stat(file)).size });
    await library.remove(makeCtx(), pushed.reference);
    expect(await library.load(makeCtx(), file)).toEqual([pushed.reference]);
    expect(await library.resolve(makeCtx(), pushed.reference)).toMatchObject({ id });
    expect((await readdir(world.directory)).filter((name) => name.startsWith("image.tar."))).toEqual([]);
  });

  test("what is no archive is refused, and so is a file that is not there", async () => {
    const file = path.join(world.directory, "text.tar");
    await writeFile(file, "no archive");
    await expect(library.load(makeCtx(), file)).rejects.toThrow(/^cannot load images from /);
    await expect(library.load(makeCtx(), path.join(world.directory, "absent.tar"))).rejects.toMatchObject({
      code: "not-found",
    });
    await expect(
      library.save(makeCtx(), "localhost/absent:1", path.join(world.directory, "x.tar")),
    ).rejects.toMatchObject({
      code: "not-found",
    });
    expect((await readdir(world.directory)).filter((name) => name.startsWith("x.tar"))).toEqual([]);
  });
});
