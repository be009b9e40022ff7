/** What is kept on disk of the engine's key: never the key itself, but what protects it. */
import path from "node:path";
import * as z from "zod";
import { privateDirectory, readIfThere, writeFileDurable } from "../../base/durable.ts";
import { EngineError } from "../../base/errors.ts";

/** Sealed by the key of that id. */
export const Sealed = z.object({ by: z.uuid(), text: z.base64() });
export type Sealed = z.infer<typeof Sealed>;

const ByPassphrase = z.object({
  by: z.literal("passphrase"),
  salt: z.base64(),
  /** scrypt's cost, so that a later Berth may ask for more. */
  cost: z.object({
    N: z
      .int()
      .min(2)
      .max(2 ** 22),
    r: z.int().min(1).max(32),
    p: z.int().min(1).max(16),
  }),
  sealed: z.base64(),
});
export type ByPassphrase = z.infer<typeof ByPassphrase>;

const KeyRecord = z.object({
  schema: z.literal(1),
  id: z.uuid(),
  createdAt: z.iso.datetime(),
  protection: z.discriminatedUnion("by", [z.object({ by: z.literal("keychain") }), ByPassphrase]),
  /** Whether the user has locked it; a keychain would give it back at once otherwise. */
  locked: z.boolean().default(false),
  /** Keys before this one, sealed by it, until nothing is sealed by them any more. */
  former: z.array(z.object({ id: z.uuid(), sealed: z.base64() })).default([]),
});
export type KeyRecord = z.infer<typeof KeyRecord>;

const fileIn = (directory: string) => path.join(directory, "engine-key.json");

/** Undefined where there is no key yet; throws where there is one and its record cannot be read. */
export async function readKeyRecord(directory: string): Promise<KeyRecord | undefined> {
  const text = await readIfThere(fileIn(directory));
  if (text === undefined) return undefined;
  try {
    return KeyRecord.parse(JSON.parse(text));
  } catch (cause) {
    const file = fileIn(directory);
    throw new EngineError("internal", `cannot read the engine's key: ${file} is damaged`, {
      hint: `Put back ${file} from a backup: without it no encrypted instance can be opened.`,
      cause,
    });
  }
}

export async function writeKeyRecord(directory: string, record: KeyRecord): Promise<void> {
  await privateDirectory(directory);
  await writeFileDurable(fileIn(directory), JSON.stringify(record));
}
