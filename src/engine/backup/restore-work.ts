/** Makes a new instance of a backup. Until it is complete, a failure takes everything back. */
import * as z from "zod";
import type { LaunchSpec } from "../../api/instance.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { DriverInstance } from "../drivers/driver.ts";
import { type Block, FIRST_DISK } from "../drivers/points.ts";
import { makeKey } from "../instances/encryption.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import { changedOutside, firstDisk } from "../instances/generations.ts";
import type { Keeper } from "../instances/keeper.ts";
import { LaunchInput, takeBack } from "../instances/launch.ts";
import { BLANK_IMAGE } from "../instances/machine.ts";
import { reasonOf } from "../instances/power.ts";
import type { WorkCtx } from "../operations.ts";
import {
  DEFINITION,
  type Definition,
  diskPath,
  disksOf,
  MAX_DEFINITION_BYTES,
  parseDefinition,
  restoredUserData,
} from "./definition.ts";
import { snapshotOf } from "./find-backup.ts";
import type { Repositories } from "./repositories.ts";
import { damaged } from "./repository/damage.ts";
import type { BackupReader } from "./repository/reader.ts";
import type { Snapshot } from "./repository/snapshot.ts";
import type { FilePiece } from "./repository/stored-file.ts";
import { bytesOf, restoreSmall } from "./small-files.ts";

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

/** What a launch of the same machine would ask for: a restore is refused where that would be. Pure. */
export function specOf(definition: Definition, as: string | undefined): LaunchSpec {
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
  const node = await reader.node(ctx, snapshot, DEFINITION);
  const bytes = await bytesOf(ctx, reader, snapshot, node, MAX_DEFINITION_BYTES);
  return parseDefinition(bytes, snapshot.id.slice(0, 8));
}

export async function restoreNew(
  parts: RestoreParts,
  entry: Entry,
  ctx: WorkCtx,
  input: RestoreInput,
): Promise<void> {
  const { keeper, repositories } = parts;
  const doing = `restore ${nameOf(entry)}`;
  for (const warning of input.launch.warnings ?? []) ctx.warn(warning);
  try {
    // One that an engine died in may have come to its end but for the journal.
    if (!entry.record.descriptor.booted) {
      const record = repositories.byKey(input.repository);
      if (!record) throw new EngineError("not-found", `cannot ${doing}: its repository is no longer known`);
      ctx.progress({ phase: "open" });
      await repositories.use(ctx, record, async (repository) => {
        const snapshot = await snapshotOf(ctx, repository, input.backup, doing);
        await using reader = await repository.read(ctx);
        await make(keeper, entry, ctx, reader, snapshot);
      });
    }
    ctx.commit();
    await keeper.describe(entry, { booted: true });
    keeper.update(entry, { state: "stopped", problems: [] });
  } catch (error) {
    if (ctx.abandoned) throw error;
    const failure = toEngineError(reasonOf(ctx, error), doing);
    await takeBack(keeper, entry, ctx, failure);
    throw failure;
  }
}

async function make(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
  reader: BackupReader,
  snapshot: Snapshot,
): Promise<void> {
  const definition = await readDefinition(ctx, reader, snapshot);
  const { id } = entry.record.descriptor;
  await keeper.files.prepare(id);
  if (!(await keeper.files.readSecrets(id))) {
    const login = await keeper.makeLogin(definition.user);
    await keeper.files.writeSecrets(id, { login, ...restoredUserData(definition) });
  }
  await makeKey(keeper, entry);
  const { disks } = entry.record.descriptor;
  await keeper.describe(entry, {
    image: definition.image,
    base: { ...BLANK_IMAGE, user: definition.user },
    clonedFrom: { id: definition.id, keys: definition.keys },
    ...changedOutside(entry.record.descriptor, [firstDisk, ...disks]),
  });
  const instance = await keeper.driverInstance(entry);
  const total = [instance.diskBytes, ...disks.map(({ sizeBytes }) => sizeBytes)];
  const writing = new Writing(keeper, entry, instance, { reader, snapshot }, total);
  const stored = disksOf(definition);
  await writing.disk(ctx, { id: FIRST_DISK, sizeBytes: instance.diskBytes }, stored[0] ?? FIRST_DISK);
  for (const [index, disk] of disks.entries()) await writing.disk(ctx, disk, stored[index + 1] ?? "");
  const driver = keeper.driverOf(entry);
  await restoreSmall(ctx, reader, snapshot, driver.points?.smallFiles(instance) ?? []);
  await driver.create(ctx, instance);
}

class Writing {
  readonly #keeper: Keeper;
  readonly #entry: Entry;
  readonly #instance: DriverInstance;
  readonly #from: { reader: BackupReader; snapshot: Snapshot };
  readonly #totalBytes: number;
  #doneBytes = 0;

  constructor(
    keeper: Keeper,
    entry: Entry,
    instance: DriverInstance,
    from: { reader: BackupReader; snapshot: Snapshot },
    sizes: readonly number[],
  ) {
    this.#keeper = keeper;
    this.#entry = entry;
    this.#instance = instance;
    this.#from = from;
    this.#totalBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Whole, or not there. One that is there is left from an attempt that an engine died in. */
  async disk(ctx: Ctx, disk: { id: string; sizeBytes: number }, stored: string): Promise<void> {
    const { points } = this.#keeper.driverOf(this.#entry);
    if (!points)
      throw new EngineError(
        "not-supported",
        `cannot restore ${nameOf(this.#entry)}: its driver has no disks`,
      );
    const { reader, snapshot } = this.#from;
    const path = diskPath(stored);
    const file = await reader.open(ctx, await reader.node(ctx, snapshot, path));
    const { id, sizeBytes } = disk;
    if (file.sizeBytes !== sizeBytes) {
      const reason = `${path} has ${file.sizeBytes} bytes, and its definition says ${sizeBytes}`;
      throw damaged(`the backup ${snapshot.id.slice(0, 8)}`, reason);
    }
    try {
      await points.write(ctx, this.#instance, { id, sizeBytes }, this.#blocks(ctx, file.pieces(ctx)));
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== "already-exists") throw error;
    }
    this.#doneBytes += sizeBytes;
  }

  async *#blocks(ctx: Ctx, pieces: AsyncIterable<FilePiece>): AsyncGenerator<Block> {
    for await (const { offset, lengthBytes, bytes } of pieces) {
      if (bytes) yield { offset, data: bytes };
      const done = this.#doneBytes + offset + lengthBytes;
      ctx.progress({ phase: "restore-disk", done, total: this.#totalBytes });
    }
  }
}
