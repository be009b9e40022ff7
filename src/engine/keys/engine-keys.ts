/**
 * The engine's key, by which the keys of encrypted instances are sealed. It lies in the keychain of the host's user, or
 * is sealed by a passphrase; on disk it is never in plain text, and where neither is there, there is no key. In memory it
 * is while it is unlocked: with a keychain from its first use on, with a passphrase from when that is given.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { KeyStatus } from "../../api/keys.ts";
import { KeyedQueue } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import { Emitter } from "../../base/event.ts";
import { Secret } from "../../base/secret.ts";
import { exported, imported } from "./exported.ts";
import { ABSENT, homeless, LOCKED, lost, type Refusal, refused, unreachable } from "./key-errors.ts";
import { type KeyRecord, readKeyRecord, type Sealed, writeKeyRecord } from "./key-record.ts";
import type { Keychain } from "./keychain.ts";
import { fetchKey, forgetKey, keepKey, lookAt, type OpenKey } from "./protection.ts";
import { KEY_BYTES, seal, unseal } from "./seal.ts";

export type EngineKeysParts = { directory: string; keychain: Keychain; now: () => Date };

/** Seals anew whatever is sealed by a key before; resolves when nothing is any more. */
export type Reseal = (again: (boundTo: string, sealed: Sealed) => Promise<Sealed>) => Promise<void>;

export class EngineKeys {
  readonly #parts: EngineKeysParts;
  readonly #turns = new KeyedQueue();
  readonly #changed = new Emitter<void>();
  #open: OpenKey | undefined;
  #given = false;

  /** Fires when `held` may be another than before. */
  readonly onDidChange = this.#changed.event;

  constructor(parts: EngineKeysParts) {
    this.#parts = parts;
  }

  /** A passphrase has opened it: were this engine to leave, somebody would have to give that again. */
  get held(): boolean {
    return this.#given;
  }

  async status(): Promise<Omit<KeyStatus, "instances">> {
    const [record, keychain] = await Promise.all([this.#record(), lookAt(this.#parts.keychain)]);
    if (!record) return { state: "none", keychain };
    const { createdAt, protection } = record;
    const state = this.#isLocked(record) ? "locked" : "unlocked";
    return { state, protection: protection.by, createdAt, keychain };
  }

  /** Whether somebody has to unlock it before anything is opened; asks no keychain. */
  async isLocked(): Promise<boolean> {
    const record = await this.#record();
    return record !== undefined && this.#isLocked(record);
  }

  /** Why nothing can be encrypted now; undefined where it can. */
  async refusal(): Promise<Refusal | undefined> {
    const { state, protection, keychain } = await this.status();
    if (state === "locked") return LOCKED;
    if (protection === "passphrase" || keychain.problem === undefined) return undefined;
    return state === "none" ? homeless(keychain) : unreachable(keychain);
  }

  init(passphrase: string | undefined): Promise<void> {
    return this.#inTurn(async () => {
      if (!(await this.#record())) await this.#make(passphrase);
      else {
        throw new EngineError("already-exists", "cannot make the engine's key: there is one", {
          hint: "Protect it otherwise: berth keys change. Make another: berth keys rotate.",
        });
      }
    });
  }

  unlock(passphrase: string | undefined): Promise<void> {
    return this.#inTurn(async () => {
      const record = await this.#required("unlock the engine's key");
      const open = await fetchKey(this.#parts.keychain, record, passphrase);
      if (record.locked) await this.#write({ ...record, locked: false });
      this.#keep(open, record);
    });
  }

  lock(): Promise<void> {
    return this.#inTurn(async () => {
      const record = await this.#required("lock the engine's key");
      if (!record.locked) await this.#write({ ...record, locked: true });
      this.#open?.key.fill(0);
      this.#open = undefined;
      this.#given = false;
      this.#changed.fire();
    });
  }

  /** Whoever has it opens every instance: to be kept where nobody else comes. */
  export(): Promise<Secret> {
    return this.#inTurn(async () => {
      const doing = "export the engine's key";
      return exported(await this.#openOf(await this.#required(doing), doing));
    });
  }

  /** What was exported becomes the engine's key again, where its keychain, its passphrase or all of it is lost. */
  import(text: string, passphrase: string | undefined): Promise<void> {
    return this.#inTurn(async () => {
      const open = imported(text);
      const record = await this.#record();
      if (record && record.id !== open.id) {
        throw new EngineError("already-exists", "cannot take the engine's key: there is another one", {
          hint: `Instances are encrypted by it. Where none is, remove ${this.#parts.directory} first.`,
        });
      }
      await this.#begin(open, passphrase, record);
    });
  }

  /** The key stays the same; what protects it becomes the passphrase, or the keychain where none is given. */
  change(passphrase: string | undefined): Promise<void> {
    return this.#inTurn(async () => {
      const doing = "change what protects the engine's key";
      const record = await this.#required(doing);
      const open = await this.#openOf(record, doing);
      const protection = await keepKey(this.#parts.keychain, open, passphrase);
      const changed = { ...record, protection };
      await this.#write(changed);
      this.#keep(open, changed);
      const left = record.protection.by === "keychain" && protection.by !== "keychain";
      if (left) await forgetKey(this.#parts.keychain, open.id);
    });
  }

  /**
   * Another key, protected as this one is: by the same passphrase, which must be given. The one before goes when nothing
   * is sealed by it any more.
   */
  rotate(passphrase: string | undefined, reseal: Reseal): Promise<void> {
    return this.#inTurn(async () => {
      const doing = "rotate the engine's key";
      const { keychain, now } = this.#parts;
      const record = await this.#required(doing);
      const before = await this.#openOf(record, doing);
      const byPassphrase = record.protection.by === "passphrase";
      if (byPassphrase) await fetchKey(keychain, record, passphrase);
      const next = { id: randomUUID(), key: randomBytes(KEY_BYTES) };
      const protection = await keepKey(keychain, next, byPassphrase ? passphrase : undefined);
      const former = record.former.map((one) => ({ ...one, sealed: moved(one, before.key, next.key) }));
      former.push({ id: before.id, sealed: seal(next.key, before.key, before.id) });
      const rotated = { ...record, id: next.id, createdAt: now().toISOString(), protection, former };
      await this.#write(rotated);
      this.#keep(next, rotated);
      await this.#finish(reseal);
      if (!byPassphrase) await forgetKey(keychain, before.id);
    });
  }

  /** Goes on with a rotation that did not come to its end. */
  finishRotation(reseal: Reseal): Promise<void> {
    return this.#inTurn(() => this.#finish(reseal));
  }

  /** Resolves when it is at hand; where there is none yet, one is made, in the keychain. */
  async ready(doing: string): Promise<void> {
    await this.#key(doing, { make: true });
  }

  /** By the newest key. */
  async seal(boundTo: string, secret: Secret, doing: string): Promise<Sealed> {
    const { id, key } = await this.#key(doing, { make: true });
    return { by: id, text: seal(key, Buffer.from(secret.reveal()), boundTo) };
  }

  async unseal(boundTo: string, { by, text }: Sealed, doing: string): Promise<Secret> {
    const open = await this.#key(doing, { make: false });
    const key = by === open.id ? open.key : formerKey(await this.#required(doing), by, open.key);
    const plain = key && unseal(key, text, boundTo);
    if (plain) return new Secret(plain.toString());
    const reason = key ? "its own is damaged" : "its own is sealed by another engine's key";
    throw new EngineError("wrong-state", `cannot ${doing}: ${reason}`, {
      hint: "Put back its directory and the engine's keys from one backup.",
    });
  }

  // --- Within a turn -------------------------------------------------------------------------------------------

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.run("", work);
  }

  #record(): Promise<KeyRecord | undefined> {
    return readKeyRecord(this.#parts.directory);
  }

  #write(record: KeyRecord): Promise<void> {
    return writeKeyRecord(this.#parts.directory, record);
  }

  #isLocked({ id, locked, protection }: KeyRecord): boolean {
    return locked || (protection.by === "passphrase" && this.#open?.id !== id);
  }

  async #required(doing: string): Promise<KeyRecord> {
    const record = await this.#record();
    if (record) return record;
    throw refused(doing, ABSENT);
  }

  #keep(open: OpenKey, { protection }: KeyRecord): void {
    this.#open = open;
    this.#given = protection.by === "passphrase";
    this.#changed.fire();
  }

  async #key(doing: string, { make }: { make: boolean }): Promise<OpenKey> {
    if (this.#open) return this.#open;
    return this.#inTurn(async () => {
      const record = await this.#record();
      if (record) return this.#openOf(record, doing);
      if (make) return this.#make(undefined);
      throw refused(doing, lost(this.#parts.directory));
    });
  }

  async #openOf(record: KeyRecord, doing: string): Promise<OpenKey> {
    if (this.#open?.id === record.id) return this.#open;
    if (record.locked || record.protection.by === "passphrase") throw refused(doing, LOCKED);
    const open = await fetchKey(this.#parts.keychain, record, undefined);
    this.#keep(open, record);
    return open;
  }

  #make(passphrase: string | undefined): Promise<OpenKey> {
    return this.#begin({ id: randomUUID(), key: randomBytes(KEY_BYTES) }, passphrase);
  }

  async #begin(open: OpenKey, passphrase: string | undefined, before?: KeyRecord): Promise<OpenKey> {
    const protection = await keepKey(this.#parts.keychain, open, passphrase);
    const { createdAt = this.#parts.now().toISOString(), former = [] } = before ?? {};
    const record: KeyRecord = { schema: 1, id: open.id, createdAt, protection, locked: false, former };
    await this.#write(record);
    this.#keep(open, record);
    return open;
  }

  async #finish(reseal: Reseal): Promise<void> {
    const record = await this.#record();
    if (!record || record.former.length === 0) return;
    const doing = "seal the instances' keys by the engine's new one";
    const { id, key } = await this.#openOf(record, doing);
    await reseal(async (boundTo, sealed) => {
      if (sealed.by === id) return sealed;
      const former = formerKey(record, sealed.by, key);
      const plain = former && unseal(former, sealed.text, boundTo);
      if (plain) return { by: id, text: seal(key, plain, boundTo) };
      throw new EngineError("wrong-state", `cannot ${doing}: the one before does not open ${boundTo}'s`);
    });
    await this.#write({ ...record, former: [] });
  }
}

function formerKey({ former }: KeyRecord, id: string, key: Buffer): Buffer | undefined {
  const found = former.find((one) => one.id === id);
  return found && unseal(key, found.sealed, id);
}

/** A key before the one before, from under that to under another. */
function moved({ id, sealed }: { id: string; sealed: string }, from: Buffer, to: Buffer): string {
  const plain = unseal(from, sealed, id);
  if (plain) return seal(to, plain, id);
  throw new EngineError("internal", "cannot rotate the engine's key: its record is damaged");
}
