/** Makes a new instance of a file: of one that an export has written, or of a disk alone. Until it is whole there is none. */
import * as z from "zod";
import { EngineError } from "../../base/errors.ts";
import type { DriverInstance } from "../drivers/driver.ts";
import { FIRST_DISK } from "../drivers/points.ts";
import { createDisk, PlannedDisk } from "../instances/disk-work.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import { LaunchInput } from "../instances/launch.ts";
import type { WorkCtx } from "../operations.ts";
import { disksOf } from "./definition.ts";
import { makeWhole } from "./made.ts";
import { damagedFile } from "./portable/layout.ts";
import type { Part, PortableReader } from "./portable/read.ts";
import { disksFor, makeInstance, type Origin, pointsFor } from "./restore-work.ts";
import { putSmall } from "./small-files.ts";

/** What is journaled of an import. One whose bytes a client sent is taken back by an engine that finds it. */
export const ImportInput = z.object({
  /** Of the new instance. */
  id: z.uuid(),
  action: z.literal("import"),
  launch: LaunchInput,
  /** A disk of this host, which another engine can read again. */
  disk: z.object({ source: PlannedDisk.shape.source, user: z.string() }).optional(),
});
export type ImportInput = z.infer<typeof ImportInput>;

/** `file`: absent where the engine that read it has died. */
export async function importNew(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  input: ImportInput,
  file: PortableReader | undefined,
): Promise<void> {
  const make = () => bring(keeper, entry, ctx, input, file);
  await makeWhole(keeper, entry, ctx, { doing: `import ${nameOf(entry)}`, launch: input.launch, make });
}

async function bring(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  { disk, launch }: ImportInput,
  file: PortableReader | undefined,
): Promise<void> {
  if (disk) {
    const { source, user } = disk;
    const image = { reference: source?.file ?? "", os: "", release: "", version: "" };
    const origin = { id: launch.id, user, keys: [], image, guest: launch.guest };
    const first = { id: FIRST_DISK, name: FIRST_DISK, sizeBytes: launch.diskBytes, slot: 0, source };
    return makeInstance(keeper, entry, ctx, origin, () => createDisk(keeper, entry, ctx, first));
  }
  if (!file) {
    const reason = `cannot import ${nameOf(entry)}: the engine was restarted in its middle`;
    throw new EngineError("engine-unavailable", reason, { hint: "Import it again." });
  }
  const origin: Origin = file.definition;
  const stop = () =>
    file.stop(new EngineError("cancelled", `cannot import ${nameOf(entry)}: it was cancelled`));
  ctx.signal.addEventListener("abort", stop, { once: true });
  try {
    await makeInstance(keeper, entry, ctx, origin, (instance) =>
      fillFrom(keeper, entry, ctx, instance, file),
    );
  } finally {
    ctx.signal.removeEventListener("abort", stop);
  }
}

/** Comes to its end only where all of the file is what was exported. */
async function fillFrom(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  instance: DriverInstance,
  file: PortableReader,
): Promise<void> {
  const points = pointsFor(keeper, entry);
  const small = points.smallFiles(instance);
  const wanted = disksFor(instance);
  const total = wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const stored = disksOf(file.definition);
  let before = 0;
  for await (const part of file.parts()) {
    ctx.signal.throwIfAborted();
    if (part.kind === "small") {
      const known = small.find(({ name }) => name === part.name);
      if (known) await putSmall(known, part.bytes);
      continue;
    }
    const disk = wanted[stored.indexOf(part.id)];
    if (disk?.sizeBytes !== part.sizeBytes)
      throw damagedFile(`its disk ${part.id} has another size than its definition says`);
    await points.write(ctx, instance, disk, told(ctx, part.blocks, { before, total }));
    before += disk.sizeBytes;
  }
}

async function* told(
  ctx: WorkCtx,
  blocks: Extract<Part, { kind: "disk" }>["blocks"],
  { before, total }: { before: number; total: number },
): typeof blocks {
  for await (const block of blocks) {
    yield block;
    ctx.progress({ phase: "import", done: before + block.offset + block.data.length, total });
  }
}
