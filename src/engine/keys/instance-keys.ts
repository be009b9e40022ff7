/**
 * The key of each encrypted instance: 256 random bits, sealed by the engine's key, in a file in the instance's own
 * directory. While it is rotated there are two, and the file always names one that opens every disk.
 */
import { randomBytes } from "node:crypto";
import * as z from "zod";
import { KeyedQueue } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { EngineKeys, Reseal } from "./engine-keys.ts";
import { Sealed } from "./key-record.ts";
import { KEY_BYTES } from "./seal.ts";

export const InstanceKeyRecord = z.object({
  schema: z.literal(1),
  /** Opens every disk. */
  key: Sealed,
  /** Opens those disks that it has been given to already; to become the key when it opens all. */
  next: Sealed.optional(),
  /** Was the key; opens those disks that it has not been taken from yet. */
  former: Sealed.optional(),
});
export type InstanceKeyRecord = z.infer<typeof InstanceKeyRecord>;

/** Where the files are. */
export type KeyFiles = {
  readKey(id: string): Promise<InstanceKeyRecord | undefined>;
  writeKey(id: string, record: InstanceKeyRecord): Promise<void>;
};

/** What is done to all disks of an instance; each may have been done before, to some of them or to all. */
export type Rekeying = {
  add(key: Secret, added: Secret): Promise<void>;
  remove(key: Secret, removed: Secret): Promise<void>;
};

export type Named = { id: string; name: string };

export class InstanceKeys {
  readonly #engine: EngineKeys;
  readonly #files: KeyFiles;
  readonly #writing = new KeyedQueue();

  constructor(engine: EngineKeys, files: KeyFiles) {
    this.#engine = engine;
    this.#files = files;
  }

  /** Makes the key of an instance whose directory is there; no effect where it has one. */
  async make({ id, name }: Named): Promise<void> {
    const doing = `encrypt ${name}`;
    await this.#engine.ready(doing);
    await this.#writing.run(id, async () => {
      if (await this.#files.readKey(id)) return;
      await this.#files.writeKey(id, { schema: 1, key: await this.#engine.seal(id, draw(), doing) });
    });
  }

  async open({ id, name }: Named): Promise<Secret> {
    const { key } = await this.#record({ id, name });
    return this.#engine.unseal(id, key, doingOf(name));
  }

  /** Resolves when the key before opens no disk any more. Goes on where an attempt before has ended. */
  async rotate({ id, name }: Named, { add, remove }: Rekeying): Promise<void> {
    const unseal = (sealed: Sealed) => this.#engine.unseal(id, sealed, doingOf(name));
    const leave = async () => {
      const { key, former } = await this.#record({ id, name });
      if (!former) return;
      await remove(await unseal(key), await unseal(former));
      await this.#change({ id, name }, ({ key: now }) => ({ schema: 1, key: now }));
    };
    await leave();
    await this.#engine.ready(doingOf(name));
    const { key, next } = await this.#change({ id, name }, async (now) => ({
      ...now,
      next: now.next ?? (await this.#engine.seal(id, draw(), doingOf(name))),
    }));
    await add(await unseal(key), await unseal(next));
    await this.#change({ id, name }, (now) => ({ schema: 1, key: now.next ?? now.key, former: now.key }));
    await leave();
  }

  /** Of those instances that have a key. */
  resealing(ids: () => readonly string[]): Reseal {
    return async (again) => {
      for (const id of ids()) {
        await this.#writing.run(id, async () => {
          const now = await this.#files.readKey(id);
          if (now) await this.#files.writeKey(id, await resealed(now, (sealed) => again(id, sealed)));
        });
      }
    };
  }

  async #record({ id, name }: Named): Promise<InstanceKeyRecord> {
    const record = await this.#files.readKey(id);
    if (record) return record;
    throw new EngineError("internal", `cannot ${doingOf(name)}: its key is missing from its directory`, {
      hint: "Put that back from a backup: without it nothing opens them.",
    });
  }

  /**
   * What is sealed within one turn of writing is sealed by a key that a rotation of the engine's finds afterwards, so the
   * key must be at hand before: waiting for it here could wait for ever.
   */
  #change<T extends InstanceKeyRecord>(
    named: Named,
    change: (now: InstanceKeyRecord) => T | Promise<T>,
  ): Promise<T> {
    return this.#writing.run(named.id, async () => {
      const changed = await change(await this.#record(named));
      await this.#files.writeKey(named.id, changed);
      return changed;
    });
  }
}

const doingOf = (name: string) => `open the encrypted disks of ${name}`;

/** As text: what QEMU derives a disk's key from must be UTF-8. */
function draw(): Secret {
  return new Secret(randomBytes(KEY_BYTES).toString("hex"));
}

async function resealed(
  { key, next, former }: InstanceKeyRecord,
  again: (sealed: Sealed) => Promise<Sealed>,
): Promise<InstanceKeyRecord> {
  return {
    schema: 1,
    key: await again(key),
    ...(next ? { next: await again(next) } : {}),
    ...(former ? { former: await again(former) } : {}),
  };
}
