/**
 * Makes a container of a backup, a new one or in the place of the one that there is: an image of all that its file system
 * held, which needs no other image, and new volumes with what its volumes held. The image is the instance's own.
 */
import { EngineError } from "../../base/errors.ts";
import { requireSpace } from "../../base/space.ts";
import type { Ctx } from "../ctx.ts";
import type { FilledVolume, SizedTar, TreeSupport } from "../drivers/trees.ts";
import { prepareContainer } from "../instances/container-work.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import type { WorkCtx } from "../operations.ts";
import {
  type ContainerDefinition,
  IMAGE,
  leftOutOf,
  namedVolumes,
  type RestoredVolume,
  ROOT,
  restoredVolumes,
} from "./container-definition.ts";
import { DEFINITION, MAX_DEFINITION_BYTES, parseAnyDefinition } from "./definition.ts";
import { damaged } from "./repository/damage.ts";
import type { TreeNode } from "./repository/node.ts";
import type { BackupReader, WalkedNode } from "./repository/reader.ts";
import type { Snapshot } from "./repository/snapshot.ts";
import { bytesOf } from "./small-files.ts";
import { besideLayer, layerOf, sizedTar, tarItems } from "./trees/tar-of-tree.ts";

/** What it does not get back by itself is told. */
export async function makeNewContainer(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  from: StoredTrees,
): Promise<void> {
  const definition = await from.definition(ctx);
  for (const words of leftOutOf(definition, entry.record.descriptor.container?.env)) ctx.warn(words);
  await makeContainer(keeper, entry, ctx, from);
}

export async function makeContainer(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  from: StoredTrees,
  { ownVolumes }: { ownVolumes?: true } = {},
): Promise<void> {
  const definition = await from.definition(ctx);
  const { descriptor } = entry.record;
  const { container } = descriptor;
  await keeper.driverOf(entry).prepare?.(ctx, descriptor);
  await prepareContainer(keeper, entry);
  const { image } = definition.container;
  // What it stood on where it was backed up: until there is another one, nothing is made of it.
  await keeper.describe(entry, { image: definition.image, container: { ...container, image, ownVolumes } });
  await makeOf(keeper, entry, ctx, from, { definition, volumes: restoredVolumes(definition, descriptor.id) });
}

/** The container that there is goes when the other one is whole; `id` tells its volumes from all others. May be repeated. */
export async function remakeContainer(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  from: StoredTrees,
  id: string,
): Promise<void> {
  const definition = await from.definition(ctx);
  const volumes = restoredVolumes(definition, id);
  await makeOf(keeper, entry, ctx, from, { definition, volumes, takesPlace: true });
  const named = volumes.filter(({ isAnonymous }) => !isAnonymous);
  if (named.length === 0) return;
  const list = named.map(({ name, target }) => `${target} is ${name}`).join(", ");
  ctx.warn(`It has new volumes, and its old ones stay as they are: ${list}`);
}

type Wanted = { definition: ContainerDefinition; volumes: RestoredVolume[]; takesPlace?: true };

async function makeOf(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  from: StoredTrees,
  { definition, volumes, takesPlace }: Wanted,
): Promise<void> {
  const trees = treesOf(keeper, entry);
  const layer = await from.layer(ctx, volumes);
  const config = await from.config(ctx);
  const { createdAt } = definition;
  const instance = await keeper.driverInstance(entry);
  const place = await trees.place(ctx, instance);
  if (place !== undefined) await requireSpace(`restore ${nameOf(entry)}`, place, from.totalBytes);
  const { id, runtime } = await trees.makeImage(ctx, instance, { config, createdAt, root: layer });
  const { container } = entry.record.descriptor;
  const image = { reference: definition.container.image.reference, id };
  const own = { runtime, image, volumes: namedVolumes(definition, volumes, container?.volumes) };
  await keeper.describe(entry, { image: definition.image, container: { ...container, ...own } });
  const filled = await from.filled(ctx, volumes);
  const files = await from.unlayered(ctx, volumes);
  await trees.make(ctx, await keeper.driverInstance(entry), { volumes: filled, files, takesPlace });
}

function treesOf(keeper: Keeper, entry: Entry): TreeSupport {
  const { trees, name } = keeper.driverOf(entry);
  if (trees) return trees;
  const reason = `cannot restore ${nameOf(entry)}: the driver ${name} cannot make a container of files`;
  throw new EngineError("not-supported", reason);
}

/** The trees of a backup as tars; how far they are is told of all of them together. */
export class StoredTrees {
  readonly #reader: BackupReader;
  readonly #snapshot: Snapshot;
  /** Of all its files. */
  readonly totalBytes: number;
  #doneBytes = 0;

  constructor(reader: BackupReader, snapshot: Snapshot) {
    this.#reader = reader;
    this.#snapshot = snapshot;
    this.totalBytes = snapshot.summary?.total_bytes_processed ?? 0;
  }

  async definition(ctx: Ctx): Promise<ContainerDefinition> {
    const id = this.#snapshot.id.slice(0, 8);
    const definition = parseAnyDefinition(await this.#text(ctx, DEFINITION), `the backup ${id}`);
    if (definition.kind === "container") return definition;
    throw damaged(`the backup ${id}`, `${DEFINITION} is that of a machine`);
  }

  /** Whatever it says: who makes an image of it looks at that. */
  async config(ctx: Ctx): Promise<Record<string, unknown>> {
    const bytes = await this.#text(ctx, IMAGE);
    try {
      return { ...JSON.parse(bytes.toString("utf8")) };
    } catch (cause) {
      throw damaged(`the backup ${this.#snapshot.id.slice(0, 8)}`, `${IMAGE} is no JSON`, cause);
    }
  }

  async layer(ctx: Ctx, volumes: readonly RestoredVolume[]): Promise<SizedTar> {
    const roots = new Map<string, TreeNode>();
    for (const { target, path } of volumes) roots.set(target, await this.#folder(ctx, path));
    return this.#tar(ctx, layerOf(await this.files(ctx, ROOT), roots));
  }

  /** What of its own file system no layer can hold; undefined where that is nothing. */
  async unlayered(ctx: Ctx, volumes: readonly RestoredVolume[]): Promise<SizedTar["bytes"] | undefined> {
    const targets = volumes.map(({ target }) => target);
    const files = [...besideLayer(await this.files(ctx, ROOT), targets)];
    return files.length > 0 ? (await this.#tar(ctx, files)).bytes : undefined;
  }

  async filled(ctx: Ctx, volumes: readonly RestoredVolume[]): Promise<FilledVolume[]> {
    const filled: FilledVolume[] = [];
    for (const { path, ...volume } of volumes)
      filled.push({ ...volume, bytes: (await this.#tar(ctx, await this.files(ctx, path))).bytes });
    return filled;
  }

  async #text(ctx: Ctx, path: string): Promise<Buffer> {
    const node = await this.#reader.node(ctx, this.#snapshot, path);
    return bytesOf(ctx, this.#reader, this.#snapshot, node, MAX_DEFINITION_BYTES);
  }

  #tar(ctx: Ctx, files: Iterable<WalkedNode>): Promise<SizedTar> {
    return sizedTar(ctx, this.#reader, tarItems(files), (bytes) => {
      this.#doneBytes += bytes;
      const total = Math.max(this.totalBytes, this.#doneBytes);
      ctx.progress({ phase: "restore-files", done: this.#doneBytes, total });
    });
  }

  /** A directory of the backup and all beneath it. */
  async files(ctx: Ctx, path: string): Promise<WalkedNode[]> {
    const node = await this.#folder(ctx, path);
    const files: WalkedNode[] = [{ path: "", node }];
    for await (const each of this.#reader.walk(ctx, this.#snapshot, node)) files.push(each);
    return files;
  }

  async #folder(ctx: Ctx, path: string): Promise<TreeNode> {
    const node = await this.#reader.node(ctx, this.#snapshot, path);
    if (node.type === "dir") return node;
    throw damaged(`the backup ${this.#snapshot.id.slice(0, 8)}`, `${path} is no directory`);
  }
}
