/**
 * The directory of each instance: `instances/<id>/` with `instance.json`, its predecessor `instance.json.prev` and
 * `secrets.json`, beside what the driver keeps there. Nothing here deletes, except what is in the trash already.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { exists, moveDurable, privateDirectory, writeFileDurable } from "../../base/durable.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { InstanceKeyRecord } from "../keys/instance-keys.ts";
import { type Descriptor, formatDescriptor, InstanceSecrets, parseDescriptor } from "./record.ts";

/** What a look at one instance's directory found. */
export type FoundInstance =
  | {
      id: string;
      descriptor: Descriptor /** Set when only the predecessor could be read. */;
      damage?: string;
    }
  | { id: string; descriptor?: undefined; damage: string };

const DESCRIPTOR = "instance.json";
const PREVIOUS = "instance.json.prev";
const SECRETS = "secrets.json";
/** Of an encrypted instance: what opens its disks, sealed by the engine's key. */
const KEY = "key.json";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Where they lie now: a move changes it. */
export type InstancePlaces = {
  readonly instances: string;
  readonly trash: string;
  isPresent?: (what: "instances") => Promise<boolean>;
  require?: (what: "instances") => Promise<void>;
};

export class InstanceFiles {
  readonly #places: InstancePlaces;

  constructor(places: InstancePlaces) {
    this.#places = places;
  }

  directory(id: string): string {
    return path.join(this.#places.instances, id);
  }

  /** Makes the instance's directory; no effect when it is there. */
  async prepare(id: string): Promise<void> {
    await this.#places.require?.("instances");
    await privateDirectory(this.directory(id));
  }

  hasDirectory(id: string): Promise<boolean> {
    return exists(this.directory(id));
  }

  /** Keeps the one before as `.prev`, so that later damage to the file does not lose the instance. */
  async writeDescriptor(descriptor: Descriptor): Promise<void> {
    const file = path.join(this.directory(descriptor.id), DESCRIPTOR);
    const before = await readIfThere(file);
    if (before !== undefined && isWhole(before)) {
      await writeFileDurable(path.join(this.directory(descriptor.id), PREVIOUS), before);
    }
    await writeFileDurable(file, formatDescriptor(descriptor));
  }

  async writeSecrets(id: string, secrets: InstanceSecrets): Promise<void> {
    await writeFileDurable(path.join(this.directory(id), SECRETS), JSON.stringify(secrets));
  }

  /** Undefined when none were written yet; throws `internal` when they cannot be read. */
  async readSecrets(id: string): Promise<InstanceSecrets | undefined> {
    return this.#readSecret(id, SECRETS, InstanceSecrets);
  }

  async writeKey(id: string, record: InstanceKeyRecord): Promise<void> {
    await writeFileDurable(path.join(this.directory(id), KEY), JSON.stringify(record));
  }

  /** Undefined where the instance is not encrypted; throws `internal` where it cannot be read. */
  async readKey(id: string): Promise<InstanceKeyRecord | undefined> {
    return this.#readSecret(id, KEY, InstanceKeyRecord);
  }

  async #readSecret<T>(
    id: string,
    name: string,
    shape: { parse(value: unknown): T },
  ): Promise<T | undefined> {
    const file = path.join(this.directory(id), name);
    const text = await readIfThere(file);
    if (text === undefined) return undefined;
    try {
      return shape.parse(JSON.parse(text));
    } catch {
      // The cause would quote the file, and its content must not reach a log.
      throw new EngineError("internal", `cannot read the instance's keys: ${name} is damaged`, {
        hint: `Put back ${file} from a backup.`,
      });
    }
  }

  /** Every instance on disk. What cannot be read is part of the result, never left out. */
  async scan(): Promise<FoundInstance[]> {
    if ((await this.#places.isPresent?.("instances")) === false) return [];
    const entries = await readdir(this.#places.instances, { withFileTypes: true });
    const ids = entries.filter((entry) => entry.isDirectory() && UUID.test(entry.name));
    return Promise.all(ids.map((entry) => this.find(entry.name)));
  }

  /** Takes the instance's directory out of use in one step; no effect when that has been done. */
  async moveToTrash(id: string): Promise<void> {
    if (await this.hasDirectory(id)) await moveDurable(this.directory(id), path.join(this.#places.trash, id));
  }

  /** Removes for good what `moveToTrash` put aside. */
  async emptyTrash(id: string): Promise<void> {
    await rm(path.join(this.#places.trash, id), { recursive: true, force: true });
  }

  /** A look at one of them. */
  async find(id: string): Promise<FoundInstance> {
    const directory = this.directory(id);
    const current = await read(path.join(directory, DESCRIPTOR), id);
    if (current.descriptor) return current;
    const previous = await read(path.join(directory, PREVIOUS), id);
    if (!previous.descriptor) return current;
    return { ...previous, damage: current.damage };
  }
}

async function read(
  file: string,
  id: string,
): Promise<{ id: string; descriptor: Descriptor } | { id: string; descriptor?: undefined; damage: string }> {
  try {
    const descriptor = parseDescriptor(await readFile(file, "utf8"));
    if (descriptor.id === id) return { id, descriptor };
    return { id, damage: `${file} describes another instance, ${descriptor.name} (${descriptor.id})` };
  } catch (error) {
    return { id, damage: messageOf(error) };
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function isWhole(text: string): boolean {
  try {
    parseDescriptor(text);
    return true;
  } catch {
    return false;
  }
}
