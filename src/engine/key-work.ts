/** What clients may do with the engine's key: what it opens goes with it. */
import type { Problem } from "../api/instance.ts";
import type { KeyStatus } from "../api/keys.ts";
import { toEngineError } from "../base/errors.ts";
import type { Keeper } from "./instances/keeper.ts";
import type { KeysApi } from "./key-core.ts";
import type { EngineKeys, Reseal } from "./keys/engine-keys.ts";
import { LOCKED } from "./keys/key-errors.ts";
import type { Log } from "./log.ts";

export type KeyWorkParts = {
  keys: EngineKeys;
  keeper: Keeper;
  log: Log;
  /** Seals anew what is sealed by the engine's key besides the instances'. */
  alsoSealed: Reseal;
};

export class KeyWork implements KeysApi {
  readonly #keys: EngineKeys;
  readonly #keeper: Keeper;
  readonly #log: Log;
  readonly #reseal: Reseal;

  constructor({ keys, keeper, log, alsoSealed }: KeyWorkParts) {
    this.#keys = keys;
    this.#keeper = keeper;
    this.#log = log;
    // Those in the trash and those that cannot be read have a key as well.
    const ids = () => keeper.entries().map(({ record }) => record.descriptor.id);
    this.#reseal = async (again) => {
      await keeper.keys.resealing(ids)(again);
      await alsoSealed(again);
    };
  }

  get held(): boolean {
    return this.#keys.held;
  }

  get onDidChange(): EngineKeys["onDidChange"] {
    return this.#keys.onDidChange;
  }

  async status(): Promise<KeyStatus> {
    return { ...(await this.#keys.status()), instances: this.#encrypted };
  }

  /** Of the engine as a whole: what is encrypted cannot be started. */
  async problems(): Promise<Problem[]> {
    if (this.#encrypted === 0) return [];
    const locked = await this.#keys.isLocked().catch((error: unknown) => toEngineError(error));
    if (locked === false) return [];
    const problem = { code: "keys-locked", severity: "warning" } as const;
    const { reason, hint } = LOCKED;
    if (locked === true)
      return [{ ...problem, message: `encrypted instances cannot be started: ${reason}`, hint }];
    return [{ ...problem, severity: "error", message: locked.message, hint: locked.hint }];
  }

  get #encrypted(): number {
    return this.#keeper.entries().filter(({ record }) => record.descriptor.encrypted).length;
  }

  init(passphrase: string | undefined): Promise<void> {
    return this.#keys.init(passphrase);
  }

  async unlock(passphrase: string | undefined): Promise<void> {
    await this.#keys.unlock(passphrase);
    this.finishRotation();
  }

  lock(): Promise<void> {
    return this.#keys.lock();
  }

  change(passphrase: string | undefined): Promise<void> {
    return this.#keys.change(passphrase);
  }

  async export(): Promise<string> {
    return (await this.#keys.export()).reveal();
  }

  async import(text: string, passphrase: string | undefined): Promise<void> {
    await this.#keys.import(text, passphrase);
    this.finishRotation();
  }

  rotate(passphrase: string | undefined): Promise<void> {
    return this.#keys.rotate(passphrase, this.#reseal);
  }

  /** Beside all else: until it has come to its end, the key before still opens what it sealed. */
  finishRotation(): void {
    void this.#keys.finishRotation(this.#reseal).catch((error: unknown) => {
      this.#log.warn("a rotation of the engine's key is not finished yet", { error });
    });
  }
}
