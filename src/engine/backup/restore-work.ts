/** Makes a new instance of a backup. Until it is complete, a failure takes everything back. */
import * as z from "zod";
import type { LaunchSpec } from "../../api/instance.ts";
import { EngineError } from "../../base/errors.ts";
import { requireSpace } from "../../base/space.ts";
import type { Ctx } from "../ctx.ts";
import type { DriverDisk, DriverInstance } from "../drivers/driver.ts";
import { type Block, FIRST_DISK, type PointSupport } from "../drivers/points.ts";
import { makeKey } from "../instances/encryption.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import { changedOutside, firstDisk } from "../instances/generations.ts";
import type { Keeper } from "../instances/keeper.ts";
import { LaunchInput } from "../instances/launch.ts";
import { BLANK_IMAGE } from "../instances/machine.ts";
import { start } from "../instances/power.ts";
import type { WorkCtx } from "../operations.ts";
import type { Awaited } from "../store/record.ts";
import { containerSpecOf } from "./container-definition.ts";
import {
  type AnyDefinition,
  DEFINITION,
  type Definition,
  diskPath,
  disksOf,
  MAX_DEFINITION_BYTES,
  parseAnyDefinition,
  parseDefinition,
  restoredUserData,
} from "./definition.ts";
import { BackupDisks } from "./disk-blocks.ts";
import { snapshotOf } from "./find-backup.ts";
import { makeWhole } from "./made.ts";
import type { Repositories } from "./repositories.ts";
import { damaged } from "./repository/damage.ts";
import type { BackupReader } from "./repository/reader.ts";
import type { Snapshot } from "./repository/snapshot.ts";
import type { StoredFile } from "./repository/stored-file.ts";
import { bytesOf, restoreSmall } from "./small-files.ts";
import { makeNewContainer, StoredTrees } from "./tree-restore.ts";

/** What is journaled of a restore to a new instance. */
export const RestoreInput = z.object({
  /** Of the new instance. */
  id: z.uuid(),
  action: z.literal("restore-backup"),
  repository: z.uuid(),
  backup: z.string(),
  launch: LaunchInput,
  /** The guest starts before its data is there. */
  live: z.boolean().optional(),
});
export type RestoreInput = z.infer<typeof RestoreInput>;

export type RestoreParts = { keeper: Keeper; repositories: Repositories };

/**
 * What a launch of the same instance would ask for: a restore is refused where that would be. `env`: of a container, whose
 * backup has none. Pure.
 */
export function specOf(
  definition: AnyDefinition,
  as: string | undefined,
  env: Readonly<Record<string, string>> = {},
): LaunchSpec {
  if (definition.kind === "container") return containerSpecOf(definition, as, env);
  const { arch, cpus, memoryBytes, diskBytes, guest, firmware, tpm, network, labels } = definition;
  return {
    ...{ arch, cpus, memoryBytes, diskBytes, guest, firmware, tpm, network, labels },
    name: as ?? definition.name,
    // Who is used by its screen has one anyway.
    ...(definition.display && guest === "linux" ? { display: true } : {}),
    ...(definition.encrypted ? { encrypted: true } : {}),
    disks: definition.disks.map(({ name, sizeBytes }) => ({ name, sizeBytes })),
  };
}

export async function readDefinition(
  ctx: Ctx,
  reader: BackupReader,
  snapshot: Snapshot,
): Promise<Definition> {
  return parseDefinition(await definitionIn(ctx, reader, snapshot), whatOf(snapshot));
}

/** Of a machine or of a container. */
export async function readAnyDefinition(
  ctx: Ctx,
  reader: BackupReader,
  snapshot: Snapshot,
): Promise<AnyDefinition> {
  return parseAnyDefinition(await definitionIn(ctx, reader, snapshot), whatOf(snapshot));
}

const whatOf = ({ id }: Snapshot) => `the backup ${id.slice(0, 8)}`;

async function definitionIn(ctx: Ctx, reader: BackupReader, snapshot: Snapshot): Promise<Buffer> {
  const node = await reader.node(ctx, snapshot, DEFINITION);
  return bytesOf(ctx, reader, snapshot, node, MAX_DEFINITION_BYTES);
}

export async function restoreNew(
  parts: RestoreParts,
  entry: Entry,
  ctx: WorkCtx,
  input: RestoreInput,
): Promise<void> {
  const { keeper, repositories } = parts;
  const doing = `restore ${nameOf(entry)}`;
  const make = async () => {
    const record = repositories.byKey(input.repository);
    if (!record) throw new EngineError("not-found", `cannot ${doing}: its repository is no longer known`);
    ctx.progress({ phase: "open" });
    await repositories.use(ctx, record, async (repository) => {
      const snapshot = await snapshotOf(ctx, repository, input.backup, doing);
      await using reader = await repository.read(ctx);
      if (entry.record.descriptor.container)
        await makeNewContainer(keeper, entry, ctx, new StoredTrees(reader, snapshot));
      else await makeOf(keeper, entry, ctx, reader, snapshot, input.live ? input.repository : undefined);
    });
  };
  // The guest of one that an engine died in may run.
  const isMade = input.live && entry.record.descriptor.booted;
  if (!isMade) await makeWhole(keeper, entry, ctx, { doing, launch: input.launch, make });
  if (input.live) await start(keeper, entry, ctx);
}

/**
 * All of the new instance but that it is said to be there. With `awaitedFrom`, the key of its repository, the disks are left
 * empty, and it is written down that they await their data.
 */
export async function makeOf(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
  reader: BackupReader,
  snapshot: Snapshot,
  awaitedFrom?: string,
): Promise<void> {
  const definition = await readDefinition(ctx, reader, snapshot);
  await makeInstance(keeper, entry, ctx, definition, async (instance) => {
    const points = pointsFor(keeper, entry);
    const wanted = disksFor(instance);
    const sizes = wanted.map(({ sizeBytes }) => sizeBytes);
    const from = new BackupDisks(reader, snapshot, sizes);
    await requireRoom(ctx, from, instance, disksOf(definition));
    const awaited: Awaited["disks"] = [];
    for (const [index, stored] of disksOf(definition).entries()) {
      const disk = wanted[index];
      if (!disk) continue;
      const file = await openWhole(ctx, from, stored, disk.sizeBytes);
      if (awaitedFrom === undefined) await writeDisk(ctx, points, instance, disk, from.blocks(ctx, file));
      else await keeper.driverOf(entry).disks?.create(ctx, instance, disk);
      awaited.push({ id: disk.id, stored });
    }
    await restoreSmall(ctx, reader, snapshot, points.smallFiles(instance));
    if (awaitedFrom === undefined) return;
    // Its id becomes another where its tags are changed.
    const backup = snapshot.original ?? snapshot.id;
    await keeper.describe(entry, { awaited: { repository: awaitedFrom, backup, disks: awaited } });
  });
}

/** Rejects where it is not as large as its definition says. */
async function openWhole(
  ctx: Ctx,
  disks: BackupDisks,
  stored: string,
  sizeBytes: number,
): Promise<StoredFile> {
  const file = await disks.open(ctx, stored);
  if (file.sizeBytes === sizeBytes) return file;
  const reason = `it has ${file.sizeBytes} bytes, and its definition says ${sizeBytes}`;
  throw damaged(`the disk ${diskPath(stored)}`, reason);
}

/** What an instance is made of beside what its disks hold. */
export type Origin = Pick<Definition, "id" | "user" | "keys" | "image" | "guest">;

/** All of a new instance; `fill` writes what its disks hold. May be repeated. */
export async function makeInstance(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
  origin: Origin,
  fill: (instance: DriverInstance) => Promise<void>,
): Promise<void> {
  const { id, disks } = entry.record.descriptor;
  await keeper.files.prepare(id);
  if (!(await keeper.files.readSecrets(id))) {
    const login = await keeper.makeLogin(origin.user);
    await keeper.files.writeSecrets(id, { login, ...restoredUserData(origin) });
  }
  await makeKey(keeper, entry);
  await keeper.describe(entry, {
    image: origin.image,
    base: { ...BLANK_IMAGE, user: origin.user },
    clonedFrom: { id: origin.id, keys: origin.keys },
    ...changedOutside(entry.record.descriptor, [firstDisk, ...disks]),
  });
  const instance = await keeper.driverInstance(entry);
  await fill(instance);
  await keeper.driverOf(entry).create(ctx, instance);
}

export function pointsFor(keeper: Keeper, entry: Entry): PointSupport {
  const { points } = keeper.driverOf(entry);
  if (points) return points;
  throw new EngineError("not-supported", `cannot restore ${nameOf(entry)}: its driver has no disks`);
}

/** Its disks, in the order of a definition's. */
export function disksFor({ diskBytes, disks }: Pick<DriverInstance, "diskBytes" | "disks">): DriverDisk[] {
  return [{ id: FIRST_DISK, name: FIRST_DISK, sizeBytes: diskBytes, slot: 0 }, ...disks];
}

async function requireRoom(
  ctx: Ctx,
  disks: BackupDisks,
  { name, directory }: DriverInstance,
  stored: readonly string[],
): Promise<void> {
  let neededBytes = 0;
  for (const id of stored) neededBytes += (await disks.open(ctx, id)).dataBytes;
  await requireSpace(`restore ${name}`, directory, neededBytes);
}

/** Whole, or not there. One that is there is left from an attempt that an engine died in. */
async function writeDisk(
  ctx: Ctx,
  points: PointSupport,
  instance: DriverInstance,
  disk: DriverDisk,
  blocks: AsyncIterable<Block>,
): Promise<void> {
  try {
    await points.write(ctx, instance, disk, blocks);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "already-exists") throw error;
  }
}
