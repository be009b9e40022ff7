/** The engine's key, which seals the keys of encrypted instances. */
import * as z from "zod";

/** What keeps the engine's key: the keychain of the host's user, or a passphrase that only people know. */
export const KeyProtection = z.enum(["keychain", "passphrase"]);
export type KeyProtection = z.infer<typeof KeyProtection>;

export const LEAST_PASSPHRASE = 8;

export const NewPassphrase = z
  .string()
  .min(LEAST_PASSPHRASE, `a passphrase of ${LEAST_PASSPHRASE} characters or more is needed`)
  .max(1024)
  .describe("What shall protect the key; left out, the keychain of the host's user");

export const KeyStatus = z.object({
  state: z
    .enum(["none", "locked", "unlocked"])
    .describe("none: there is no key yet; locked: encrypted instances cannot be started"),
  protection: KeyProtection.optional().describe("Absent where there is no key"),
  createdAt: z.iso.datetime().optional(),
  keychain: z
    .object({
      name: z.string(),
      problem: z.string().optional().describe("Why it cannot be used; absent where it can"),
      hint: z.string().optional(),
    })
    .describe("Of the host's user"),
  instances: z.int().describe("How many instances are encrypted"),
});
export type KeyStatus = z.infer<typeof KeyStatus>;
