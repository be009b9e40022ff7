/** Where the engine's key is kept: as it is in the keychain of the host's user, or on disk under a passphrase. */
import type { KeyStatus } from "../../api/keys.ts";
import { withDeadline } from "../../base/async.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { homeless, refused, WANTS_PASSPHRASE } from "./key-errors.ts";
import type { KeyRecord } from "./key-record.ts";
import type { Keychain } from "./keychain.ts";
import { opened, protect } from "./passphrase-protection.ts";
import { KEY_BYTES } from "./seal.ts";

/** A keychain may have to ask its user first. */
const KEYCHAIN_MS = 60_000;
const LOOK_MS = 5_000;

export type OpenKey = { id: string; key: Buffer };

/** What is written to a keychain is read back before anything is sealed by it. */
export async function keepKey(
  keychain: Keychain,
  { id, key }: OpenKey,
  passphrase: string | undefined,
): Promise<KeyRecord["protection"]> {
  if (passphrase !== undefined) return protect(key, passphrase, id);
  const refuse = (problem: string, hint?: string) =>
    refused("keep the engine's key", homeless({ name: keychain.name, problem, hint }));
  const kept = await timed(KEYCHAIN_MS, async (signal) => {
    await keychain.write(id, new Secret(key.toString("hex")), signal);
    return fromKeychain(keychain, id, signal);
  }).catch((error: unknown) => {
    throw refuse(messageOf(error), hintOf(error));
  });
  if (key.equals(kept)) return { by: "keychain" };
  throw refuse(`${keychain.name} gives back another than it was given`);
}

/** Rejects with `permission-denied` where it is another passphrase. */
export async function fetchKey(
  keychain: Keychain,
  { id, protection }: KeyRecord,
  passphrase: string | undefined,
): Promise<OpenKey> {
  if (protection.by === "keychain") {
    return { id, key: await timed(KEYCHAIN_MS, (signal) => fromKeychain(keychain, id, signal)) };
  }
  if (passphrase === undefined) throw refused("open the engine's key", WANTS_PASSPHRASE);
  const key = await opened(protection, passphrase, id);
  if (key) return { id, key };
  throw new EngineError("permission-denied", "cannot open the engine's key: it is another passphrase", {
    hint: "Please try again.",
  });
}

/** Best effort: what is left in a keychain opens nothing any more, or is protected by a passphrase as well. */
export async function forgetKey(keychain: Keychain, id: string): Promise<void> {
  await timed(KEYCHAIN_MS, (signal) => keychain.remove(id, signal)).catch(() => {});
}

export async function lookAt(keychain: Keychain): Promise<KeyStatus["keychain"]> {
  const { name } = keychain;
  try {
    await timed(LOOK_MS, (signal) => keychain.read("none", signal));
    return { name };
  } catch (error) {
    return { name, problem: messageOf(error), hint: hintOf(error) };
  }
}

async function fromKeychain(keychain: Keychain, id: string, signal: AbortSignal): Promise<Buffer> {
  const kept = await keychain.read(id, signal);
  const key = kept && Buffer.from(kept.reveal(), "hex");
  if (key?.length === KEY_BYTES) return key;
  throw new EngineError("not-found", `cannot open the engine's key: ${keychain.name} does not have it`, {
    hint: "It lies in the keychain of the user who made it.",
  });
}

function hintOf(error: unknown): string | undefined {
  return error instanceof EngineError ? error.hint : undefined;
}

async function timed<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, done } = withDeadline(ms);
  try {
    return await work(signal);
  } finally {
    done();
  }
}
