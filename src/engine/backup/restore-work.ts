/** Makes a new instance of a backup. Until it is complete, a failure takes everything back. */
import * as z from "zod";
import type { LaunchSpec } from "../../api/instance.ts";
import { EngineError } from "../../base/errors.ts";
import { requireSpace } from "../../base/space.ts";
import type { Ctx } from "../ctx.ts";
import type { DriverInstance } from "../drivers/driver.ts";
import { FIRST_DISK, type PointSupport } from "../drivers/points.ts";
import { makeKey } from "../instances/encryption.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import { changedOutside, firstDisk } from "../instances/generations.ts";
import type { Keeper } from "../instances/keeper.ts";
import { LaunchInput } from "../instances/launch.ts";
import { BLANK_IMAGE } from "../instances/machine.ts";
import type { WorkCtx } from "../operations.ts";
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
import { bytesOf, restoreSmall } from "./small-files.ts";
import { makeContainer, StoredTrees } from "./tree-restore.ts";

/** What is journaled of a restore to a new instance. */
export const RestoreInput = z.object({
  /** Of the new instance. */
  id: z.uuid(),
  action: z.literal("restore-backup"),
  repository: z.uuid(),
  backup: z.string(),
  launch: LaunchInput,
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
        await makeContainer(keeper, entry, ctx, new StoredTrees(reader, snapshot));
      else await makeOf(keeper, entry, ctx, reader, snapshot);
    });
  };
  await makeWhole(keeper, entry, ctx, { doing, launch: input.launch, make });
}

/** All of the new instance but that it is said to be there. */
export async function makeOf(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
  reader: BackupReader,
  snapshot: Snapshot,
): Promise<void> {
  const definition = await readDefinition(ctx, reader, snapshot);
  await makeInstance(keeper, entry, ctx, definition, async (instance) => {
    const points = pointsFor(keeper, entry);
    const wanted = disksFor(instance);
    const sizes = wanted.map(({ sizeBytes }) => sizeBytes);
    const from = new BackupDisks(reader, snapshot, sizes);
    await requireRoom(ctx, from, instance, disksOf(definition));
    for (const [index, stored] of disksOf(definition).entries()) {
      const disk = wanted[index];
      if (disk) await writeDisk(ctx, points, instance, { ...disk, stored, disks: from });
    }
    await restoreSmall(ctx, reader, snapshot, points.smallFiles(instance));
  });
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
export function disksFor({
  diskBytes,
  disks,
}: Pick<DriverInstance, "diskBytes" | "disks">): { id: string; sizeBytes: number }[] {
  return [{ id: FIRST_DISK, sizeBytes: diskBytes }, ...disks];
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
  { id, sizeBytes, stored, disks }: { id: string; sizeBytes: number; stored: string; disks: BackupDisks },
): Promise<void> {
  const file = await disks.open(ctx, stored);
  if (file.sizeBytes !== sizeBytes) {
    const reason = `it has ${file.sizeBytes} bytes, and its definition says ${sizeBytes}`;
    throw damaged(`the disk ${diskPath(stored)}`, reason);
  }
  try {
    await points.write(ctx, instance, { id, sizeBytes }, disks.blocks(ctx, file));
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "already-exists") throw error;
  }
}
