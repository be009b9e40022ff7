/**
 * The book of backup repositories, and its only writer: what they are called, where they lie, and what opens them, which is
 * sealed by the engine's key. A repository is opened for one piece of work at a time, and holds nothing in between.
 */
import { randomUUID } from "node:crypto";
import * as z from "zod";
import { type BackupRepository, PlaceAccess } from "../../api/backup.ts";
import type { Settings } from "../../api/engine-info.ts";
import { EngineError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { parseSize } from "../../base/units.ts";
import { sees } from "../access/asking.ts";
import { repositoryPath } from "../access/paths.ts";
import type { Ctx } from "../ctx.ts";
import type { EngineKeys, Reseal } from "../keys/engine-keys.ts";
import { Sealed } from "../keys/key-record.ts";
import type { Store } from "../store/store.ts";
import { placeAt } from "./places/open.ts";
import type { Place } from "./places/place.ts";
import { PATIENCE, type Patience } from "./places/retry.ts";
import type { Repository, RepositoryOptions } from "./repository/repository.ts";
import type { Limits } from "./repository/work.ts";

const KEY = "internal.repositories";

const HURRIED: Patience = { ...PATIENCE, forMs: 15_000, silentMs: 15_000 };

const RepositoryRecord = z.object({
  /** Whatever it is called. */
  key: z.uuid(),
  name: z.string().min(1),
  place: z.string().min(1),
  /** Its own id. Absent until it is known that it is there and that the password opens it. */
  id: z.string().optional(),
  createdAt: z.iso.datetime(),
  sealed: Sealed,
});
export type RepositoryRecord = z.infer<typeof RepositoryRecord>;

/** What is sealed. */
const Opening = z.object({ password: z.string().min(1), access: PlaceAccess });
export type Opening = z.infer<typeof Opening>;

export type RepositoriesParts = {
  store: Pick<Store, "readSetting" | "writeSettings">;
  keys: Pick<EngineKeys, "seal" | "unseal">;
  repository: RepositoryOptions;
  /** How much of the host work on a repository may take that begins now. */
  limits: () => Limits;
  /** They, what lies in them or what is planned for them is other than before. */
  onChanged: () => void;
  now: () => Date;
};

export class Repositories {
  readonly #parts: RepositoriesParts;
  #records: readonly RepositoryRecord[];

  constructor(parts: RepositoriesParts) {
    this.#parts = parts;
    this.#records = z.array(RepositoryRecord).safeParse(parts.store.readSetting(KEY) ?? []).data ?? [];
  }

  list(): BackupRepository[] {
    const known = this.#records.flatMap(({ name, place, id, createdAt }) =>
      id === undefined ? [] : [{ name, place, id, createdAt }],
    );
    return known.sort((a, b) => a.name.localeCompare(b.name));
  }

  records(): readonly RepositoryRecord[] {
    return this.#records.filter(({ id }) => id !== undefined);
  }

  byKey(key: string): RepositoryRecord | undefined {
    return this.#records.find((one) => one.key === key);
  }

  has(name: string): boolean {
    return this.#records.some((one) => one.name === name);
  }

  /** `doing` begins the refusal where there is none of that name; without a name, the only one there is. */
  find(name: string | undefined, doing: string): RepositoryRecord {
    const records = this.records().filter((one) => sees("repository.view", repositoryPath(one.name)));
    const [only] = name === undefined ? records : records.filter((one) => one.name === name);
    if (only && (name !== undefined || records.length === 1)) return only;
    if (name !== undefined)
      throw new EngineError("not-found", `cannot ${doing}: there is no repository ${name}`, {
        hint: "berth repository list shows them all.",
      });
    const reason = only ? "there are several repositories" : "there is no repository yet";
    const hint = only ? "Say which: --repository" : "Make one: berth repository init NAME PLACE";
    throw new EngineError("invalid-argument", `cannot ${doing}: ${reason}`, { hint });
  }

  /** Written down, but not shown before `found`. Seals what opens it, so that it is never without a password. */
  async note(name: string, place: string, opening: Opening): Promise<RepositoryRecord> {
    const key = randomUUID();
    const sealed = await this.#seal(key, name, opening);
    const record = { key, name, place, sealed, createdAt: this.#parts.now().toISOString() };
    // The seal may have been waited for.
    this.refuseTaken(name);
    this.#write([...this.#records, record]);
    return record;
  }

  refuseTaken(name: string): void {
    if (!this.has(name)) return;
    throw new EngineError("already-exists", `cannot add ${name}: there is a repository of that name`, {
      hint: "Choose another name.",
    });
  }

  /** It is there, and its password opens it. */
  found(key: string, id: string): void {
    this.#write(this.#records.map((one) => (one.key === key ? { ...one, id } : one)));
  }

  /** From now on it is opened by this. */
  async reopenBy({ key, name }: RepositoryRecord, opening: Opening): Promise<void> {
    const sealed = await this.#seal(key, name, opening);
    this.#write(this.#records.map((one) => (one.key === key ? { ...one, sealed } : one)));
  }

  #seal(key: string, name: string, opening: Opening): Promise<Sealed> {
    const secret = new Secret(JSON.stringify(opening));
    return this.#parts.keys.seal(boundTo(key), secret, `keep the password of ${name}`);
  }

  forget(key: string): void {
    this.#write(this.#records.filter((one) => one.key !== key));
  }

  async reveal({ key, sealed, name }: RepositoryRecord): Promise<Opening> {
    const secret = await this.#parts.keys.unseal(boundTo(key), sealed, `open the repository ${name}`);
    return Opening.parse(JSON.parse(secret.reveal()));
  }

  /** Opens it for `work`, and lets go of its place afterwards. A server that is away is waited for for minutes. */
  use<T>(ctx: Ctx, record: RepositoryRecord, work: (repository: Repository) => Promise<T>): Promise<T> {
    return this.#use(ctx, record, work, { patience: PATIENCE, make: false });
  }

  /** The same where somebody waits for an answer. */
  useNow<T>(
    ctx: Ctx,
    record: RepositoryRecord,
    work: (repository: Repository) => Promise<T>,
    { make = false }: { make?: boolean } = {},
  ): Promise<T> {
    return this.#use(ctx, record, work, { patience: HURRIED, make });
  }

  async #use<T>(
    ctx: Ctx,
    record: RepositoryRecord,
    work: (repository: Repository) => Promise<T>,
    { patience, make }: { patience: Patience; make: boolean },
  ): Promise<T> {
    const { password, access } = await this.reveal(record);
    const place = placeAt(record.place, access, patience);
    try {
      const open = make ? openOrMake : (await loadRepository()).open;
      const options = { ...this.#parts.repository, limits: this.#parts.limits() };
      return await work(await open(ctx, place, new Secret(password), options));
    } finally {
      place.dispose();
    }
  }

  readonly reseal: Reseal = async (again) => {
    for (const { key, sealed } of this.#records) {
      const next = await again(boundTo(key), sealed);
      this.#write(this.#records.map((one) => (one.key === key ? { ...one, sealed: next } : one)));
    }
  };

  #write(records: readonly RepositoryRecord[]): void {
    this.#parts.store.writeSettings({ [KEY]: records });
    this.#records = records;
    this.changed();
  }

  /** Said by whoever has changed what lies in one, or what is planned for it. */
  changed(): void {
    this.#parts.onChanged();
  }
}

/** The format, its threads and its ciphers: 2 MB of memory, which an engine without backups does without. */
const loadRepository = async () => (await import("./repository/repository.ts")).Repository;

const boundTo = (key: string) => `repository/${key}`;

/** One that an engine died in may have been made already: then this password opens it. */
async function openOrMake(
  ctx: Ctx,
  place: Place,
  password: Secret,
  options: RepositoryOptions,
): Promise<Repository> {
  const Repository = await loadRepository();
  try {
    return await Repository.init(ctx, place, password, options);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "already-exists") throw error;
    return await Repository.open(ctx, place, password, options).catch((cause: unknown) => {
      throw cause instanceof EngineError && cause.code === "unauthenticated" ? error : cause;
    });
  }
}

/** What the user allows. Pure. */
export function limitsOf(settings: Pick<Settings, "backups.rate" | "backups.cpu-percent">): Limits {
  const rate = settings["backups.rate"];
  return {
    share: settings["backups.cpu-percent"] / 100,
    ...(rate === "" ? {} : { bytesPerSecond: parseSize(rate) }),
  };
}
