/** Whether an instance is encrypted, what speaks against that, and its key. */
import { EngineError } from "../../base/errors.ts";
import type { Driver } from "../drivers/driver.ts";
import type { EngineKeys } from "../keys/engine-keys.ts";
import type { WorkCtx } from "../operations.ts";
import type { Finding } from "./check.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import type { ParsedSpec } from "./plan.ts";

export type EncryptionParts = {
  keys: Pick<EngineKeys, "refusal">;
  /** Of virtual machines, unless a launch says otherwise. */
  encryptsByDefault: () => boolean;
};

type Wanted = Pick<ParsedSpec, "encrypted" | "container">;

export function isEncrypted({ encryptsByDefault }: EncryptionParts, wanted: Wanted): boolean {
  return wanted.encrypted ?? (wanted.container === undefined && encryptsByDefault());
}

/** It is never made in plain text instead. */
export async function encryptionFindings(
  parts: EncryptionParts,
  driver: Driver,
  wanted: Wanted,
): Promise<Finding[]> {
  if (!isEncrypted(parts, wanted)) return [];
  const finding = { code: "encryption-impossible", severity: "error" } as const;
  if (wanted.container) {
    const message = "what a container writes is its runtime's to keep, which does not encrypt it";
    const hint =
      "Run containers in an encrypted VM: berth set instances.encrypted=true, then berth set containers.runtime=vm";
    return [{ ...finding, message, hint, error: "not-supported" }];
  }
  if (!driver.encryption) {
    const message = `the driver ${driver.name} cannot encrypt disks`;
    return [{ ...finding, message, error: "not-supported" }];
  }
  const refusal = await parts.keys.refusal();
  if (!refusal) return [];
  const { code: error, reason: message, hint, details } = refusal;
  const code = details.keys === "locked" ? "encryption-locked" : "encryption-homeless";
  return [{ ...finding, code, message, error, ...(hint === undefined ? {} : { hint }) }];
}

/** Makes the key of an instance that shall be encrypted, once its directory is there. */
export async function makeKey(keeper: Keeper, entry: Entry): Promise<void> {
  const { id, name, encrypted } = entry.record.descriptor;
  if (encrypted) await keeper.keys.make({ id, name });
}

/** Throws where it has no key that could be another. */
export function checkRotate(entry: Entry): void {
  if (entry.record.descriptor.encrypted) return;
  const reason = `cannot change the key of ${nameOf(entry)}: it is not encrypted`;
  throw new EngineError("wrong-state", reason, {
    hint: `Make an encrypted clone of it: berth clone ${nameOf(entry)} --encrypted`,
  });
}

/** A failure leaves it with a key that opens all its disks; another attempt goes on from there. */
export async function rotateKey(keeper: Keeper, entry: Entry, ctx: WorkCtx): Promise<void> {
  checkRotate(entry);
  const { id, name, disks } = entry.record.descriptor;
  const { encryption } = keeper.driverOf(entry);
  if (!encryption) throw new EngineError("not-supported", `cannot change the key of ${name}`);
  ctx.commit();
  ctx.progress({ phase: "rekey" });
  const instance = { ...(await keeper.driverInstance(entry)), disks };
  await keeper.keys.rotate(
    { id, name },
    {
      add: (key, added) => encryption.addKey(ctx, instance, key, added),
      remove: (key, removed) => encryption.removeKey(ctx, instance, key, removed),
    },
  );
}
