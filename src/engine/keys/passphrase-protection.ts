/** The engine's key under a passphrase: sealed by what scrypt makes of that. */
import { randomBytes, type ScryptOptions, scrypt } from "node:crypto";
import { promisify } from "node:util";
import type { ByPassphrase } from "./key-record.ts";
import { KEY_BYTES, seal, unseal } from "./seal.ts";

/** As OWASP's guide has it: a tenth of a second and 64 MiB for each guess. */
const COST = { N: 2 ** 16, r: 8, p: 1 };
const SALT_BYTES = 32;

const derive = promisify<Buffer, Buffer, number, ScryptOptions, Buffer>(scrypt);

export async function protect(key: Buffer, passphrase: string, id: string): Promise<ByPassphrase> {
  const salt = randomBytes(SALT_BYTES);
  const over = await derived(passphrase, salt, COST);
  return { by: "passphrase", salt: salt.toString("base64"), cost: COST, sealed: seal(over, key, id) };
}

/** Undefined where it is another passphrase. */
export async function opened(
  { salt, cost, sealed }: ByPassphrase,
  passphrase: string,
  id: string,
): Promise<Buffer | undefined> {
  return unseal(await derived(passphrase, Buffer.from(salt, "base64"), cost), sealed, id);
}

/** The same characters give the same key, however a keyboard composes them. */
function derived(passphrase: string, salt: Buffer, cost: ByPassphrase["cost"]): Promise<Buffer> {
  const maxmem = 256 * cost.N * cost.r;
  return derive(Buffer.from(passphrase.normalize("NFKC")), salt, KEY_BYTES, { ...cost, maxmem });
}
