/**
 * A slot of a repository's master key: the key, sealed with one that scrypt makes of a password. A repository has a slot
 * for each of its passwords.
 */
import { randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import * as z from "zod";
import type { Secret } from "../../../base/secret.ts";
import { type MasterKey, masterKeyOf, seal, unseal } from "./crypt.ts";
import { damaged } from "./damage.ts";
import { goTimeOfMs } from "./go-text.ts";
import { parseJson } from "./unpacked.ts";
import { whoAmI } from "./who.ts";

/** An eighth of a second, 64 MiB. */
const COST = { N: 65_536, r: 8, p: 1 } as const;

/** What a slot may cost to try: others have chosen it. */
const MAX_MEMORY_BYTES = 512 * 1024 * 1024;
const MAX_P = 64;

const derive = promisify<string, Uint8Array, number, object, Buffer>(scrypt);

const Bytes = z.base64().transform((text) => Uint8Array.from(Buffer.from(text, "base64")));
const bytesOf = (length: number) =>
  Bytes.refine((bytes) => bytes.length === length, `is not ${length} bytes`);

const KeyJson = z
  .object({
    created: z.string().max(64),
    username: z.string().max(1024).default(""),
    hostname: z.string().max(1024).default(""),
    kdf: z.literal("scrypt"),
    N: z.number().int().min(2),
    r: z.number().int().min(1).max(1024),
    p: z.number().int().min(1).max(MAX_P),
    salt: Bytes,
    data: Bytes,
  })
  .refine(
    ({ N, r }) => Number.isInteger(Math.log2(N)) && 128 * N * r <= MAX_MEMORY_BYTES,
    "asks for too much memory",
  );

const MasterJson = z.object({
  mac: z.object({ k: bytesOf(16), r: bytesOf(16) }),
  encrypt: bytesOf(32),
});

/** What anybody can read of a slot. */
export type KeySlot = { name: string; created: string; username: string; hostname: string };

export async function makeKeyFile(password: Secret, master: MasterKey): Promise<Uint8Array> {
  const salt = randomBytes(64);
  const { username, hostname } = whoAmI();
  const user = masterKeyOf(
    await derive(password.reveal(), salt, 64, { ...COST, maxmem: 2 * MAX_MEMORY_BYTES }),
  );
  const text = JSON.stringify({
    mac: { k: base64(master.macK), r: base64(master.macR) },
    encrypt: base64(master.encrypt),
  });
  return Buffer.from(
    JSON.stringify({
      created: goTimeOfMs(Date.now()),
      username,
      hostname,
      kdf: "scrypt",
      ...COST,
      salt: base64(salt),
      data: base64(seal(user, Buffer.from(text))),
    }),
  );
}

/** The master key, or undefined where the password is another slot's. */
export async function openKeyFile(
  password: Secret,
  bytes: Uint8Array,
  what: string,
): Promise<MasterKey | undefined> {
  const { N, r, p, salt, data } = readKeyFile(bytes, what);
  const user = masterKeyOf(
    await derive(password.reveal(), salt, 64, { N, r, p, maxmem: 2 * MAX_MEMORY_BYTES }),
  );
  const text = unseal(user, data);
  if (!text) return undefined;
  const { data: master } = MasterJson.safeParse(parseJson(text, what));
  if (!master) throw damaged(what, "it holds no key");
  return { encrypt: master.encrypt, macK: master.mac.k, macR: master.mac.r };
}

export function slotOf(name: string, bytes: Uint8Array, what: string): KeySlot {
  const { created, username, hostname } = readKeyFile(bytes, what);
  return { name, created, username, hostname };
}

function readKeyFile(bytes: Uint8Array, what: string): z.infer<typeof KeyJson> {
  const { data, error } = KeyJson.safeParse(parseJson(bytes, what));
  if (!data) throw damaged(what, z.prettifyError(error).replaceAll("\n", " "));
  return data;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
