/** Writes a VM to one file: a point in time of it, as it runs or rests, to whoever reads that. */
import { once } from "node:events";
import { PassThrough, type Readable } from "node:stream";
import * as z from "zod";
import type { Operation } from "../../api/operation.ts";
import type { ExportOpen } from "../../api/streams.ts";
import { withDeadline } from "../../base/async.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { type Entry, nameOf } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import type { WorkCtx } from "../operations.ts";
import { definitionOf, formatDefinition } from "./definition.ts";
import { CLOSE_MS, pointsOf } from "./disk-backup.ts";
import type { PointBook } from "./point-book.ts";
import { type PortableVm, writePortable } from "./portable/write.ts";
import { readSmall } from "./small-files.ts";

/** What is journaled of an export; an engine that died has left nobody who reads it. */
export const ExportInput = z.object({ id: z.uuid(), action: z.literal("export"), point: z.string() });
export type ExportInput = z.infer<typeof ExportInput>;

export type ExportParts = { keeper: Keeper; points: PointBook };

/** What may wait for its reader. */
const WAITING_BYTES = 2 ** 20;

export function exportOutput(): PassThrough {
  const output = new PassThrough({ highWaterMark: WAITING_BYTES });
  return output.on("error", () => {}); // Told by whoever reads it.
}

/** Throws where it would leave an encrypted instance's disks readable, and nobody has said that it may. */
export function refusePlain(entry: Entry, { plain = false, passphrase }: ExportOpen): void {
  if (!entry.record.descriptor.encrypted || plain || passphrase !== undefined) return;
  const reason = `cannot export ${nameOf(entry)}: it is encrypted, and the file would not be`;
  throw new EngineError("invalid-argument", reason, {
    hint: "Encrypt the file: --encrypt. Or leave it readable for everyone who gets it: --plain.",
  });
}

export async function exportVm(
  { keeper, points }: ExportParts,
  entry: Entry,
  ctx: WorkCtx,
  { input, output, passphrase }: { input: ExportInput; output: PassThrough; passphrase: string | undefined },
): Promise<void> {
  const open = pointsOf(keeper, entry, "export");
  const instance = await keeper.driverInstance(entry);
  const files = keeper.driverOf(entry).points?.smallFiles(instance) ?? [];
  const definition = formatDefinition(definitionOf(entry.record.descriptor, instance));
  // Notes of changes that backups need are left as they are.
  const point = await open(ctx, instance, { id: input.point, keep: points.others(instance.id, "") });
  try {
    const small: { name: string; bytes: Uint8Array }[] = [];
    for (const file of files) {
      const bytes = await readSmall(file);
      if (bytes) small.push({ name: file.name, bytes });
    }
    await send(ctx, { definition, small, disks: point.disks }, output, passphrase);
  } finally {
    const { signal, done } = withDeadline(CLOSE_MS);
    await point.close({ ...ctx, signal }, false).finally(done);
  }
}

async function send(
  ctx: WorkCtx,
  vm: PortableVm,
  output: PassThrough,
  passphrase: string | undefined,
): Promise<void> {
  const secret = passphrase === undefined ? undefined : new Secret(passphrase);
  for await (const chunk of writePortable(ctx, vm, secret)) {
    ctx.signal.throwIfAborted();
    if (!output.write(chunk)) await once(output, "drain", { signal: ctx.signal });
  }
}

/** The reader is told of the end when it has come: until then the instance is the export's. */
export function endWith(output: PassThrough, ended: Promise<Operation>): Readable {
  void ended.then(
    ({ status, error, target }) => {
      if (status === "succeeded") output.end();
      else if (error) output.destroy(EngineError.fromBody(error));
      else output.destroy(new EngineError("cancelled", `cannot export ${target}: it was cancelled`));
    },
    (error: unknown) => output.destroy(toEngineError(error)),
  );
  return output;
}
