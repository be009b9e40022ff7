/** What the fake runtime's containers hold: tars in its memory. One that runs is halted while it is read. */
import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { EngineError } from "../../src/base/errors.ts";
import type { DriverInstance, SnapshotSupport } from "../../src/engine/drivers/driver.ts";
import type { OpenTrees, TreeSupport, TreeVolume } from "../../src/engine/drivers/trees.ts";
import type { FakeRuntime } from "./fake-containers.ts";

export type FakeTrees = {
  /** Its own file system; volumes are by where they are seen, and beneath a directory. */
  root: Buffer;
  volumes: (TreeVolume & { tar: Buffer })[];
  image: Record<string, unknown>;
  /** What it got beside its image. */
  unlayered?: Buffer | undefined;
};

export function fakeTrees(runtime: FakeRuntime, make: TreeSupport["make"]): TreeSupport {
  const { trees, images } = runtime;
  const heldBy = ({ id, name }: DriverInstance): FakeTrees => {
    const held = trees.get(id);
    if (held) return held;
    throw new EngineError("not-found", `cannot back up ${name}: its container was removed outside of Berth`);
  };
  return {
    open: async (_ctx, instance) => openFake(runtime, instance, heldBy(instance)),
    volumes: async (_ctx, { id }) => trees.get(id)?.volumes ?? [],
    removeVolumes: async (_ctx, _instance, names) => {
      const used = new Set([...trees.values()].flatMap((held) => held.volumes.map(({ name }) => name)));
      for (const name of names) if (!used.has(name)) runtime.volumes.delete(name);
    },
    place: async () => runtime.place,
    makeImage: async (ctx, { name }, { config, root }) => {
      const bytes = await buffer(root.bytes());
      ctx.signal.throwIfAborted();
      if (bytes.length !== root.sizeBytes)
        throw new Error(`the layer of ${name} has another size than was told`);
      const id = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      images.set(id, { root: bytes, config: { ...config } });
      return { id, runtime: "docker" };
    },
    make: async (ctx, instance, { volumes, files, takesPlace = false }) => {
      const image = images.get(instance.container?.image.id ?? "");
      if (!image)
        throw new EngineError("not-found", `cannot create ${instance.name}: its image is not there`);
      const targets = new Set(volumes.map(({ target }) => target));
      const others = takesPlace ? (trees.get(instance.id)?.volumes ?? []) : [];
      const filled = others.filter(({ target }) => !targets.has(target));
      for (const { bytes, ...volume } of volumes) filled.push({ ...volume, tar: await buffer(bytes()) });
      const unlayered = files && (await buffer(files()));
      ctx.signal.throwIfAborted();
      const made = { root: image.root, volumes: filled, image: image.config, unlayered };
      trees.set(instance.id, await runtime.makes(made));
      note(runtime, filled);
      await make(ctx, instance, { volumes });
    },
  };
}

function note(runtime: FakeRuntime, volumes: FakeTrees["volumes"]): void {
  for (const volume of volumes) runtime.volumes.set(volume.name, volume);
}

/** Of what a container holds of its own; its volumes are those that it is given. */
export function fakeTreeSnapshots(runtime: FakeRuntime, guests: SnapshotSupport): SnapshotSupport {
  const { trees, kept, volumes } = runtime;
  return {
    ...guests,
    isFree: false,
    take: async (ctx, instance, id) => {
      await guests.take(ctx, instance, id);
      const held = trees.get(instance.id);
      if (!held) return;
      note(runtime, held.volumes);
      kept.set(id, held);
    },
    restore: async (ctx, instance, id, unnamed = []) => {
      await guests.restore(ctx, instance, id);
      const held = kept.get(id);
      if (!held) return;
      const wanted = [...(instance.container?.volumes ?? []), ...unnamed];
      const found = wanted.map(({ name }) => volumes.get(name)).filter((one) => one !== undefined);
      trees.set(instance.id, { ...held, volumes: found });
    },
    remove: async (ctx, instance, id) => {
      await guests.remove(ctx, instance, id);
      kept.delete(id);
    },
  };
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

function openFake(runtime: FakeRuntime, { id }: DriverInstance, held: FakeTrees): OpenTrees {
  const { paused, host, cannotHalt } = runtime;
  const isLive = host.guests.has(id) && !paused.has(id);
  let halted = false;
  return {
    ...{ isLive, image: held.image, volumes: held.volumes },
    root: async () => ({ bytes: once(held.root), hasTop: false }),
    volume: async (_ctx, wanted) => {
      const volume = held.volumes.find(({ name }) => name === wanted.name);
      return { bytes: once(volume?.tar ?? Buffer.alloc(0)), hasTop: true };
    },
    halt: async () => {
      if (!isLive || cannotHalt) return;
      halted = true;
      paused.add(id);
    },
    consistency: async () => (paused.has(id) ? "paused" : host.guests.has(id) ? "live" : "offline"),
    close: async () => {
      if (halted) paused.delete(id);
    },
  };
}
