/** Guests that nothing of ours is in, over the engine's real API and a fake driver. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LaunchSpec } from "../../src/api/instance.ts";
import { hostArch } from "../../src/base/paths.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { HEAD_BYTES } from "../../src/engine/images/qcow2.ts";
import { ended, FakeWorld, instanceBecomes, succeeded } from "../support/fake-engine.ts";

const GIB = 2 ** 30;
let world: FakeWorld;
let engine: EngineCore;
let iso: string;

/** As much of an ISO as is looked at. */
function isoBytes(): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES);
  bytes.write("\u0001CD001", 0x8000, "latin1");
  return bytes;
}

beforeEach(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
  iso = path.join(world.root, "in, staller.iso");
  await writeFile(iso, isoBytes());
});
afterEach(async () => {
  expect(world.host.violations).toEqual([]);
  await world.dispose();
});

const launch = (spec: LaunchSpec = {}) =>
  succeeded(engine, engine.instances.launch({ name: "win", iso, ...spec }));
const medium = () => world.host.named("win")?.medium;

test("an installer gets an empty disk, runs, and is never said to be ready", async () => {
  await launch();
  expect(engine.instances.get("win")).toMatchObject({
    ...{ state: "running", ready: false, guest: "other", firmware: "bios", tpm: false, diskBytes: 20 * GIB },
    ...{ medium: { reference: iso }, screen: "/run/win.vnc", problems: [] },
  });
  expect(engine.instances.get("win").image.reference).toBe("");
  expect(medium()).toBe(iso);
  await world.close(engine);
  engine = await world.open();
  expect(await instanceBecomes(engine, "win", ({ state }) => state === "running")).toMatchObject({
    ready: false,
  });
  await expect(
    engine.instances.guest("win").exec({ signal: AbortSignal.timeout(1000) }, {}),
  ).rejects.toMatchObject({
    code: "not-supported",
    hint: expect.stringContaining("/run/win.vnc"),
  });
  expect(await engine.instances.details("win", AbortSignal.timeout(1000))).toEqual({
    addresses: [],
    diskAllocatedBytes: 4096,
  });
});

test("Windows gets UEFI and room, unless told otherwise", async () => {
  await launch({ guest: "windows" });
  expect(engine.instances.get("win")).toMatchObject({
    ...{ guest: "windows", firmware: "uefi", cpus: 2, memoryBytes: 4 * GIB, diskBytes: 64 * GIB },
  });
  await succeeded(
    engine,
    engine.instances.launch({ name: "own", iso, guest: "windows", firmware: "bios", cpus: 1 }),
  );
  expect(engine.instances.get("own")).toMatchObject({ firmware: "bios", cpus: 1 });
});

test("an image without cloud-init is launched as it is", async () => {
  await succeeded(engine, engine.instances.launch({ name: "bsd", image: "bsd", guest: "other", tpm: true }));
  const bsd = engine.instances.get("bsd");
  expect(bsd).toMatchObject({ state: "running", ready: false, tpm: true, image: { reference: "bsd" } });
  expect(bsd.medium).toBeUndefined();
});

test("what contradicts itself or cannot run here is refused before anything is made", async () => {
  const other = hostArch() === "x86_64" ? ("aarch64" as const) : ("x86_64" as const);
  world.host.missing = ({ tpm, arch, firmware }) => [
    ...(tpm
      ? [{ code: "swtpm-missing", severity: "error" as const, message: "no swtpm", hint: "Install it." }]
      : []),
    ...(arch === other
      ? [{ code: "qemu-missing", severity: "error" as const, message: `no QEMU for ${arch}` }]
      : []),
    ...(firmware === "uefi-secure"
      ? [{ code: "x", severity: "error" as const, message: "no firmware" }]
      : []),
  ];
  const text = path.join(world.root, "text.iso");
  await writeFile(text, "no ISO at all");
  const mounts = [{ source: world.root, target: "/x" }];
  const refused: [LaunchSpec, string, RegExp][] = [
    [{ iso: text }, "invalid-argument", /is not an ISO/],
    [{ iso: "/nonesuch" }, "invalid-argument", /does not exist/],
    [{ iso: "relative.iso" }, "invalid-argument", /not an absolute path/],
    [{ iso: world.root }, "invalid-argument", /is not a file/],
    [{ iso, guest: "linux" }, "invalid-argument", /no CD-ROM drive/],
    [{ iso, userData: "#cloud-config\n" }, "invalid-argument", /no cloud-init to read it/],
    [{ iso, mounts }, "invalid-argument", /no login in the guest/],
    [{ iso, tpm: true }, "missing-dependency", /no swtpm/],
    [{ iso, arch: other, firmware: "uefi" }, "missing-dependency", /no QEMU for/],
    [{ iso, arch: "aarch64", firmware: "bios" }, "invalid-argument", /boot by UEFI only/],
    [{ iso, arch: "aarch64", firmware: "uefi-secure" }, "invalid-argument", /x86_64 guests only/],
    [{ iso, arch: "x86_64", firmware: "uefi-secure" }, "missing-dependency", /no firmware/],
  ];
  for (const [spec, code, message] of refused) {
    if (
      spec.arch !== undefined &&
      spec.arch !== hostArch() &&
      code === "missing-dependency" &&
      spec.arch !== other
    )
      continue;
    await expect(engine.instances.launch({ name: "win", ...spec })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  }
  expect(engine.instances.list()).toEqual([]);
  expect((await world.leftovers()).instances).toEqual([]);
  expect((await engine.instances.check({ iso: text })).map(({ code }) => code)).toEqual(["iso-impossible"]);
});

describe("the drive", () => {
  test("is emptied and filled while the guest runs and while it does not", async () => {
    await launch();
    const other = path.join(world.root, "other.iso");
    await writeFile(other, isoBytes());
    await succeeded(engine, engine.media.eject("win"));
    expect([medium(), engine.instances.get("win").medium]).toEqual([undefined, undefined]);
    await succeeded(engine, engine.media.insert("win", other));
    expect([medium(), engine.instances.get("win").medium]).toEqual([other, { reference: other }]);
    await succeeded(engine, engine.instances.stop("win", { force: true }));
    await succeeded(engine, engine.media.insert("win", iso));
    await succeeded(engine, engine.instances.start("win"));
    expect(medium()).toBe(iso);
    await expect(engine.media.insert("win", world.root)).rejects.toMatchObject({ code: "invalid-argument" });
  });

  test("with an ISO that is gone keeps the instance from starting, in words", async () => {
    await launch();
    await succeeded(engine, engine.instances.stop("win", { force: true }));
    await rm(iso);
    expect(await ended(engine, engine.instances.start("win"))).toMatchObject({
      status: "failed",
      error: {
        message: `cannot start win: the ISO in its drive is gone: ${iso}`,
        hint: expect.stringContaining("eject"),
      },
    });
    await succeeded(engine, engine.media.eject("win"));
    await succeeded(engine, engine.instances.start("win"));
  });

  test("is not there in a guest that cloud-init made ready", async () => {
    await succeeded(engine, engine.instances.launch({ name: "web" }));
    await expect(engine.media.insert("web", iso)).rejects.toMatchObject({ code: "not-supported" });
    await expect(engine.media.eject("web")).rejects.toMatchObject({ code: "not-supported" });
  });

  describe("is filled from an address", () => {
    let server: Server;
    let body: Buffer;
    let url: string;

    beforeEach(async () => {
      body = isoBytes();
      server = createServer((_request, response) => {
        response.writeHead(200, { "content-length": body.length }).end(body);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/win.iso`;
    });
    afterEach(() => void server.close());

    test("with a copy that is the instance's own", async () => {
      await launch({ iso: url });
      const own = path.join(world.paths.instances, engine.instances.get("win").id, "medium.iso");
      expect(medium()).toBe(own);
      expect((await readFile(own)).equals(body)).toBe(true);
      await succeeded(engine, engine.media.insert("win", url));
      expect(medium()).toBe(own);
      await succeeded(engine, engine.instances.stop("win", { force: true }));
      await succeeded(engine, engine.instances.clone("win", "copy"));
      expect(engine.instances.get("copy").medium).toBeUndefined();
      await succeeded(engine, engine.media.eject("win"));
      await expect(readFile(own)).rejects.toMatchObject({ code: "ENOENT" });
    });

    test("but with nothing else than an ISO", async () => {
      body = Buffer.from("<html>no ISO</html>");
      expect(await ended(engine, engine.instances.launch({ name: "win", iso: url }))).toMatchObject({
        status: "failed",
        error: { code: "download-failed", message: expect.stringContaining("it is not an ISO") },
      });
      expect(engine.instances.list()).toEqual([]);
      expect((await world.leftovers()).instances).toEqual([]);
    });
  });
});

test("it suspends, goes on, is cloned with what is in its drive, and gets disks at its next start", async () => {
  await launch();
  await succeeded(engine, engine.instances.suspend("win"));
  await succeeded(engine, engine.instances.start("win"));
  expect(engine.instances.get("win")).toMatchObject({ state: "running", ready: false });
  const added = await succeeded(engine, engine.disks.add("win", { sizeBytes: GIB }));
  expect(added.warnings).toEqual(["win has the disk disk1 from its next start on"]);
  expect(await ended(engine, engine.disks.remove("win", "disk1", { force: true }))).toMatchObject({
    error: { code: "wrong-state", hint: "Stop it first." },
  });
  await succeeded(engine, engine.instances.stop("win", { force: true }));
  await succeeded(engine, engine.disks.remove("win", "disk1", { force: false }));
  await succeeded(engine, engine.instances.clone("win", "copy"));
  expect(engine.instances.get("copy")).toMatchObject({ guest: "other", medium: { reference: iso } });
});
