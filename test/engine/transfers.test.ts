/** VMs as files over the real engine and disks in memory: what is written is what is read, or nothing is. */
import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ExportOpen, InstanceImportOpen } from "../../src/api/streams.ts";
import { hostArch } from "../../src/base/paths.ts";
import { writePortable } from "../../src/engine/backup/portable/write.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { ended, FakeWorld, succeeded } from "../support/fake-engine.ts";
import { FakeContent } from "../support/fake-points.ts";
import { pointCtx } from "../support/point-model.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 512 * MIB;

let world: FakeWorld;
let engine: EngineCore;

beforeEach(async () => {
  world = await FakeWorld.make();
  world.images.virtualBytes = DISK_BYTES;
  engine = await world.open();
});
afterEach(async () => {
  expect(world.host.violations).toEqual([]);
  await world.dispose();
});

const signal = () => AbortSignal.timeout(20_000);
const idOf = (name: string) => engine.instances.get(name).id;
const contentOf = (name: string, disk = "disk") =>
  world.host.contents.get(`${idOf(name)} ${disk}`) as FakeContent;

/** An instance with some data on its disks. */
async function launched(more = {}): Promise<FakeContent> {
  const spec = { name: "web", diskBytes: DISK_BYTES, labels: { team: "blue" }, ...more };
  await succeeded(engine, engine.instances.launch(spec));
  const content = new FakeContent(DISK_BYTES);
  content.write(3 * MIB, randomBytes(MIB));
  content.write(DISK_BYTES - 65_536, randomBytes(65_536));
  world.host.contents.set(`${idOf("web")} disk`, content);
  return content;
}

const exported = async (open: ExportOpen = {}, name = "web") =>
  buffer(await engine.transfers.export(name, open, signal()));

const imported = async (file: Buffer | Readable, open: InstanceImportOpen = { as: "again" }) => {
  const source = file instanceof Readable ? file : Readable.from([file]);
  return JSON.parse(await text(engine.transfers.import(open, source, signal()))) as { name: string };
};

function sumOf(content: FakeContent): string {
  const hash = createHash("sha256");
  const zeros = Buffer.alloc(65_536);
  for (let block = 0; block < content.sizeBytes / 65_536; block++)
    hash.update(content.blocks.get(block) ?? zeros);
  return hash.digest("hex");
}

/** Nothing of an instance that did not come to be is left. */
async function nothingLeft(): Promise<void> {
  expect(engine.instances.list().map(({ name }) => name)).toEqual(["web"]);
  expect(await world.leftovers()).toEqual({ instances: [idOf("web")], trash: [] });
}

test("a VM that runs is written to a file and made again of it, while it goes on", async () => {
  const content = await launched({ disks: [{ name: "data", sizeBytes: 64 * MIB }] });
  const data = engine.instances.get("web").disks[0]?.id as string;
  const extra = new FakeContent(64 * MIB);
  extra.write(MIB, Buffer.from("of the second disk"));
  world.host.contents.set(`${idOf("web")} ${data}`, extra);
  await writeFile(path.join(world.paths.instances, idOf("web"), "variables"), "of UEFI");
  const file = await exported();
  expect(file.length).toBeLessThan(4 * MIB);
  expect(file.includes("canary")).toBe(false);
  const before = sumOf(content);
  content.write(0, randomBytes(MIB));
  expect(await imported(file)).toEqual({ name: "again" });
  const again = engine.instances.get("again");
  expect(again).toMatchObject({ state: "stopped", labels: { team: "blue" }, diskBytes: DISK_BYTES });
  expect(again.image).toEqual(engine.instances.get("web").image);
  expect(sumOf(contentOf("again"))).toBe(before);
  expect(sumOf(contentOf("again", again.disks[0]?.id))).toBe(sumOf(extra));
  const { state, operation } = engine.instances.get("web");
  expect([state, operation]).toEqual(["running", undefined]);
  await succeeded(engine, engine.instances.start("again"));
});

test("notes of changes that backups need are as they were", async () => {
  const content = await launched();
  content.notes.set("bk-1", new Set([1]));
  await exported();
  expect([...content.notes.keys()]).toEqual(["bk-1"]);
});

test("a stopped one, too, and it cannot be started meanwhile", async () => {
  await launched();
  await succeeded(engine, engine.instances.stop("web", { force: false }));
  const output = await engine.transfers.export("web", {}, signal());
  await expect(engine.instances.start("web")).rejects.toMatchObject({
    code: "busy",
    message: expect.stringContaining("its export is under way"),
  });
  await buffer(output);
  await succeeded(engine, engine.instances.start("web"));
});

test("a reader that leaves ends the export, and nothing of it is left", async () => {
  const content = await launched();
  content.write(10 * MIB, randomBytes(20 * MIB));
  const leaving = new AbortController();
  const output = await engine.transfers.export("web", {}, leaving.signal);
  output.on("error", () => {});
  await new Promise((resolve) => output.once("readable", resolve));
  leaving.abort();
  const [operation] = engine.operations.list().filter(({ kind }) => kind === "export");
  expect((await ended(engine, operation as never)).status).toBe("cancelled");
  expect([...content.notes.keys()]).toEqual([]);
  await succeeded(engine, engine.instances.stop("web", { force: false }));
});

test("an encrypted one is not left readable unless that is asked for, and is encrypted again where it comes to", async () => {
  await engine.keys.init("correct horse");
  await launched({ encrypted: true });
  await expect(exported()).rejects.toMatchObject({
    code: "invalid-argument",
    hint: expect.stringContaining("--encrypt"),
  });
  const passphrase = "battery staple";
  const sealed = await exported({ passphrase });
  await expect(imported(sealed)).rejects.toMatchObject({ code: "unauthenticated" });
  await expect(imported(sealed, { as: "again", passphrase: "another one" })).rejects.toMatchObject({
    code: "permission-denied",
  });
  await nothingLeft();
  expect(await imported(sealed, { as: "again", passphrase })).toEqual({ name: "again" });
  expect(await imported(await exported({ plain: true }), { as: "third" })).toEqual({ name: "third" });
  for (const name of ["again", "third"]) expect(engine.instances.get(name).encrypted).toBe(true);
});

test("a damaged file makes nothing, wherever the damage is", async () => {
  await launched();
  const file = await exported();
  for (const at of [300, 700, Math.floor(file.length / 2), file.length - 300]) {
    const damaged = Buffer.from(file);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await expect(imported(damaged)).rejects.toMatchObject({
      message: expect.stringContaining("cannot import"),
    });
    await nothingLeft();
  }
  await expect(imported(file.subarray(0, file.length - 2000))).rejects.toMatchObject({
    code: "invalid-argument",
  });
  await nothingLeft();
});

test("what cannot be here is refused before anything is made", async () => {
  await launched();
  const file = await exported();
  await expect(imported(file, {})).rejects.toMatchObject({ code: "already-exists" });
  await expect(imported(file, { as: "again", id: idOf("web") })).rejects.toMatchObject({
    code: "already-exists",
  });
  const other = hostArch() === "x86_64" ? "aarch64" : "x86_64";
  const size = Number.parseInt(file.toString("latin1", 124, 135), 8);
  const definition = { ...JSON.parse(file.toString("utf8", 512, 512 + size)), arch: other };
  const foreign = await buffer(
    writePortable(
      pointCtx(),
      { definition: Buffer.from(JSON.stringify(definition)), small: [], disks: [] },
      undefined,
    ),
  );
  await expect(imported(foreign)).rejects.toMatchObject({ code: "not-supported" });
  await nothingLeft();
  await world.close(engine);
  engine = await world.open({
    hostFacts: async () => ({ cpus: 4, memoryBytes: 2 ** 40, freeDiskBytes: MIB }),
  });
  await expect(imported(file)).rejects.toMatchObject({
    code: "no-resources",
    message: expect.stringContaining("cannot import again"),
  });
  await nothingLeft();
});

test("an import is known by what its sender says", async () => {
  await launched();
  const id = "36a98c95-eead-4d86-8510-de96f72b20ab";
  await imported(await exported(), { as: "again", id });
  expect(idOf("again")).toBe(id);
});

test("a sender that leaves takes the instance with it", async () => {
  await launched();
  const file = await exported();
  const leaving = new AbortController();
  const source = new PassThrough();
  const output = engine.transfers.import({ as: "again" }, source, leaving.signal);
  const end = text(output).catch((error: unknown) => error);
  source.write(file.subarray(0, file.length / 2));
  await begun("again");
  leaving.abort();
  expect(await end).toMatchObject({ code: "cancelled" });
  await nothingLeft();
});

test("an engine that dies in an import leaves nothing, and in an export all", async () => {
  const content = await launched();
  const file = await exported();
  const source = new PassThrough();
  const output = engine.transfers.import({ as: "again" }, source, signal());
  const end = text(output).catch((error: unknown) => error);
  source.write(file.subarray(0, file.length / 2));
  await begun("again");
  await world.close(engine);
  await end;
  engine = await world.open();
  const [operation] = engine.operations.list().filter(({ kind }) => kind === "import");
  expect(await ended(engine, operation as never)).toMatchObject({
    status: "failed",
    error: { message: expect.stringContaining("restarted in its middle") },
  });
  await nothingLeft();
  content.write(10 * MIB, randomBytes(20 * MIB));
  const reading = await engine.transfers.export("web", {}, signal());
  reading.on("error", () => {});
  await new Promise((resolve) => reading.once("readable", resolve));
  await world.close(engine);
  engine = await world.open();
  await succeeded(engine, engine.instances.stop("web", { force: false }));
});

/** Resolves when the instance is shown. */
async function begun(name: string): Promise<void> {
  for await (const event of engine.events.subscribe({}, signal())) {
    if (event.type === "instance" && event.instance.name === name) return;
    if (engine.instances.list().some((one) => one.name === name)) return;
  }
}

test("a disk of another program becomes a VM, whose user is said", async () => {
  const source = path.join(world.root, "noble.img");
  const disk = Buffer.alloc(2 * MIB);
  disk.write("EFI PART", 512);
  disk[510] = 0x55;
  disk[511] = 0xaa;
  await writeFile(source, disk);
  const wanted = { name: "mine", source, user: "ubuntu", cpus: 2, memoryBytes: 2 ** 30 };
  await succeeded(engine, engine.transfers.importDisk(wanted));
  expect(engine.instances.get("mine")).toMatchObject({
    ...{ state: "stopped", cpus: 2, memoryBytes: 2 ** 30, diskBytes: DISK_BYTES },
    image: { reference: source },
  });
  await succeeded(engine, engine.instances.start("mine"));
  expect(engine.instances.get("mine").ssh?.user).toBe("ubuntu");
  await expect(engine.transfers.importDisk({ ...wanted, name: "mine" })).rejects.toMatchObject({
    code: "already-exists",
  });
  await expect(
    engine.transfers.importDisk({ ...wanted, name: "other", source: path.join(world.root, "none") }),
  ).rejects.toMatchObject({ code: "invalid-argument" });
});
