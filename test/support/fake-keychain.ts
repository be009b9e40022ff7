/** A keychain in memory, which several engines may use one after the other. */
import { EngineError } from "../../src/base/errors.ts";
import type { Secret } from "../../src/base/secret.ts";
import type { Keychain } from "../../src/engine/keys/keychain.ts";

export class FakeKeychain implements Keychain {
  readonly name = "the test's keychain";
  readonly kept = new Map<string, Secret>();
  /** Why it cannot be used. */
  problem: string | undefined;

  async read(account: string): Promise<Secret | undefined> {
    this.#refuse();
    return this.kept.get(account);
  }

  async write(account: string, value: Secret): Promise<void> {
    this.#refuse();
    this.kept.set(account, value);
  }

  async remove(account: string): Promise<void> {
    this.#refuse();
    this.kept.delete(account);
  }

  #refuse(): void {
    if (this.problem === undefined) return;
    throw new EngineError("missing-dependency", `cannot use ${this.name}: ${this.problem}`, {
      hint: "Open it.",
    });
  }
}
