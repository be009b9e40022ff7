import { chmod, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { hostArch } from "../../src/base/paths.ts";
import { findImage } from "../../src/engine/drivers/oci/images.ts";
import type { ContainerLibrary } from "../../src/engine/drivers/oci/library.ts";
import { MANIFEST_TYPE } from "../support/container-image.ts";
import { AUTH, fetchesOf, ImageWorld, MIB, makeCtx, publish } from "../support/image-world.ts";
import { LOGIN } from "../support/registry.ts";
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

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  let world: ImageWorld;
  let library: ContainerLibrary;

  beforeEach(async () => {
    world = await ImageWorld.make(all, runtime);
    library = world.library;
  });
  afterEach(() => world.dispose());

  test("pulls with the progress of each layer, once, and says what it is", async () => {
    const pushed = await publish(all.registry, {
      extraLayers: [3 * MIB, 2 * MIB],
      exposedPorts: [80],
      entrypoint: ["/bin/httpd"],
    });
    const ctx = makeCtx();
    const image = await library.resolve(ctx, pushed.reference, { arch: hostArch() });
    expect(image).toMatchObject({
      runtime,
      reference: pushed.reference,
      id: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      digest: pushed.digest,
      os: "linux",
      shape: "application",
      exposedPorts: [80],
    });
    const last = ctx.told.at(-1);
    const layers = pushed.layers.map((digest) => digest.slice(7, 19));
    // Podman tells of the configuration in the same way.
    expect(last?.parts?.map(({ id }) => id)).toEqual(expect.arrayContaining(layers));
    expect(last?.message).toMatch(/^(\d) of \1 layers$/);
    for (const layer of pushed.layers) expect(fetchesOf(all.registry, pushed, layer)).toHaveLength(1);

    const before = all.registry.passed.length;
    expect(await library.resolve(makeCtx(), pushed.reference)).toEqual(image);
    expect(await library.resolve(makeCtx(), image.id)).toMatchObject({ id: image.id });
    expect(all.registry.passed).toHaveLength(before);
    expect(await library.pull(makeCtx(), pushed.reference)).toEqual(image);
    expect(all.registry.passed.length).toBeGreaterThan(before);
    for (const layer of pushed.layers) expect(fetchesOf(all.registry, pushed, layer)).toHaveLength(1);
  });

  test("a digest pins what comes", async () => {
    const pushed = await publish(all.registry);
    const pinned = pushed.reference.replace(":1", `@${pushed.digest}`);
    const image = await library.resolve(makeCtx(), pinned);
    expect(image).toMatchObject({ reference: pinned, digest: pushed.digest });
  });

  test("a manifest that is not what its digest names is refused", async () => {
    const pushed = await publish(all.registry);
    const { manifest } = await publish(all.registry);
    const other = { kind: "answer", status: 200, body: manifest, type: MANIFEST_TYPE } as const;
    all.registry.fault(/\/manifests\/sha256:/, other);
    const pinned = pushed.reference.replace(":1", `@${pushed.digest}`);
    await expect(library.resolve(makeCtx(), pinned)).rejects.toMatchObject({
      code: "download-failed",
      details: { reason: "digest-mismatch" },
    });
    expect(await findImage(makeCtx(), world.api, pinned)).toBeUndefined();
  });

  test("a layer that is not what its digest names is refused", async () => {
    const pushed = await publish(all.registry, { extraLayers: [100_000] });
    all.registry.fault(new RegExp(`/blobs/${pushed.layers[1]}$`), { kind: "corrupt" });
    await expect(library.resolve(makeCtx(), pushed.reference)).rejects.toMatchObject({
      code: "download-failed",
      details: { reason: "digest-mismatch" },
    });
    expect(await findImage(makeCtx(), world.api, pushed.reference)).toBeUndefined();
  });

  test("a registry that dies in a layer is asked for that layer again, and for no other", async () => {
    const pushed = await publish(all.registry, { extraLayers: [MIB, 4 * MIB] });
    const [, whole = "", broken = ""] = pushed.layers;
    all.registry.fault(new RegExp(`/blobs/${broken}$`), { kind: "drop", at: 2 * MIB }, 1);
    await library.resolve(makeCtx(), pushed.reference);
    expect(fetchesOf(all.registry, pushed, whole)).toHaveLength(1);
    const [first, again] = fetchesOf(all.registry, pushed, broken);
    expect(first?.range).toBeUndefined();
    expect(again).toBeDefined();
    if (runtime === "docker") expect(again?.range).toMatch(/^bytes=[1-9]/);
  });

  test("a cancelled pull stops at once, and the next one brings the image", async () => {
    const pushed = await publish(all.registry, { extraLayers: [MIB, 4 * MIB] });
    const [, whole = "", stalled = ""] = pushed.layers;
    all.registry.fault(new RegExp(`/blobs/${stalled}$`), { kind: "stall", at: MIB });
    const ctx = makeCtx();
    const pulling = library.resolve(ctx, pushed.reference);
    pulling.catch(() => {});
    await expect.poll(() => fetchesOf(all.registry, pushed, stalled).length, { timeout: 30_000 }).toBe(1);
    await expect.poll(() => fetchesOf(all.registry, pushed, whole).length, { timeout: 30_000 }).toBe(1);
    ctx.cancel();
    await expect(pulling).rejects.toMatchObject({ name: "AbortError" });
    expect(await findImage(makeCtx(), world.api, pushed.reference)).toBeUndefined();
    all.registry.heal();
    expect(await library.resolve(makeCtx(), pushed.reference)).toMatchObject({ digest: pushed.digest });
  });

  test("what is not there, or is limited, is said as that", async () => {
    const pushed = await publish(all.registry);
    await expect(library.resolve(makeCtx(), pushed.reference.replace(":1", ":2"))).rejects.toMatchObject({
      code: "not-found",
    });
    await expect(library.resolve(makeCtx(), `${all.registry.host}/nobody/nothing`)).rejects.toMatchObject({
      code: "not-found",
    });
    const body = '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit"}]}';
    all.registry.fault(/\/manifests\//, { kind: "answer", status: 429, body });
    await expect(library.resolve(makeCtx(), pushed.reference)).rejects.toMatchObject({
      code: "download-failed",
      details: { reason: "rate-limited" },
      hint: expect.stringContaining("wait"),
    });
  });

  test("a registry that does not answer is tried again, then told", async () => {
    const ctx = makeCtx();
    await expect(library.resolve(ctx, "127.0.0.1:1/team/app:1")).rejects.toMatchObject({
      code: "download-failed",
      details: { reason: "connection" },
    });
  });

  test("a private registry lets in the user's own login, from wherever it is kept", async () => {
    const { host } = all.privateRegistry;
    const pushed = await publish(all.privateRegistry);
    await expect(library.resolve(makeCtx(), pushed.reference)).rejects.toMatchObject({
      code: "unauthenticated",
      hint: expect.stringContaining("login"),
    });
    await world.keepLogins("wrong.json", {
      auths: { [host]: { auth: Buffer.from(`${LOGIN.username}:wrong`).toString("base64") } },
    });
    await expect(library.resolve(makeCtx(), pushed.reference)).rejects.toMatchObject({
      code: "unauthenticated",
    });
    await world.keepLogins("auth.json", { auths: { [`${host}/team`]: { auth: AUTH } } });
    expect(await library.resolve(makeCtx(), pushed.reference)).toMatchObject({ digest: pushed.digest });
  });

  test("a private registry lets in what a credential helper answers", async () => {
    const pushed = await publish(all.privateRegistry);
    const answer = JSON.stringify({ Username: LOGIN.username, Secret: LOGIN.password });
    const helper = path.join(world.directory, "docker-credential-test");
    await writeFile(
      helper,
      `#!/bin/sh\nread -r host\n[ "$host" = ${all.privateRegistry.host} ] && echo '${answer}'\n`,
    );
    await chmod(helper, 0o755);
    await world.keepLogins("config.json", { credsStore: "test" });
    const outer = process.env["PATH"];
    process.env["PATH"] = `${world.directory}:${outer}`;
    try {
      expect(await library.resolve(makeCtx(), pushed.reference)).toMatchObject({ digest: pushed.digest });
    } finally {
      process.env["PATH"] = outer;
    }
  });

  test("a runtime that dies in the middle of a pull is told, and the pull works when it is back", async () => {
    const pushed = await publish(all.registry, { extraLayers: [4 * MIB] });
    all.registry.fault(new RegExp(`/blobs/${pushed.layers[1]}$`), { kind: "stall", at: MIB });
    const pulling = library.resolve(makeCtx(), pushed.reference);
    pulling.catch(() => {});
    await expect
      .poll(() => fetchesOf(all.registry, pushed, pushed.layers[1] ?? "").length, { timeout: 30_000 })
      .toBe(1);
    await all[runtime].kill();
    await expect(pulling).rejects.toMatchObject({ name: "EngineError" });
    await expect(library.list(makeCtx())).rejects.toMatchObject({ code: "missing-dependency" });
    all.registry.heal();
    await all[runtime].start();
    expect(await library.resolve(makeCtx(), pushed.reference)).toMatchObject({ digest: pushed.digest });
  });
});
