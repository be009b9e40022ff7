/** What clients authenticate with. Only a salted scrypt hash of it is kept. */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import * as z from "zod";
import { KeyedQueue } from "../base/async.ts";
import { EngineError } from "../base/errors.ts";
import type { PassphraseApi } from "./key-core.ts";

const KEY = "internal.passphrase";
const Kept = z.object({ salt: z.base64(), hash: z.base64() });
/** As OWASP's guide has it; a tenth of a second, which is also the limit on guessing, one at a time. */
const COST: ScryptOptions = { N: 2 ** 16, r: 8, p: 1, maxmem: 2 ** 28 };
const HASH_BYTES = 32;

const hash = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** What it is kept in; the store. */
type Keeping = {
  readSetting(key: string): unknown;
  writeSettings(patch: Readonly<Record<string, unknown>>): void;
};

export class Passphrase implements PassphraseApi {
  readonly #store: Keeping;
  readonly #tries = new KeyedQueue();

  constructor(store: Keeping) {
    this.#store = store;
  }

  get isSet(): boolean {
    return this.#kept !== undefined;
  }

  async set(text: string): Promise<void> {
    if (text === "") {
      this.#store.writeSettings({ [KEY]: null });
      return;
    }
    const salt = randomBytes(16);
    const hashed = await hash(text, salt, HASH_BYTES, COST);
    this.#store.writeSettings({ [KEY]: { salt: salt.toString("base64"), hash: hashed.toString("base64") } });
  }

  verify(text: string): Promise<void> {
    return this.#tries.run("", async () => {
      const kept = this.#kept;
      if (!kept) {
        throw new EngineError("wrong-state", "cannot authenticate: Passphrase is not set", {
          hint: "Set one first: berth set local.passphrase",
        });
      }
      const given = await hash(text, Buffer.from(kept.salt, "base64"), HASH_BYTES, COST);
      if (timingSafeEqual(given, Buffer.from(kept.hash, "base64"))) return;
      throw new EngineError("permission-denied", "cannot authenticate: Passphrase is not correct", {
        hint: "Please try again.",
      });
    });
  }

  get #kept(): z.infer<typeof Kept> | undefined {
    return Kept.safeParse(this.#store.readSetting(KEY)).data;
  }
}
