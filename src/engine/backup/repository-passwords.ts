/** The passwords of a repository: the one that the engine has, and others that open it, too. */
import type { RepositoryKey } from "../../api/backup.ts";
import { EngineError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { Ctx } from "../ctx.ts";
import type { Repositories, RepositoryRecord } from "./repositories.ts";
import type { Repository } from "./repository/repository.ts";

export class RepositoryPasswords {
  readonly #repositories: Repositories;

  constructor(repositories: Repositories) {
    this.#repositories = repositories;
  }

  list(ctx: Ctx, record: RepositoryRecord): Promise<RepositoryKey[]> {
    return this.#repositories.useNow(ctx, record, (repository) => keysOf(ctx, repository));
  }

  async add(ctx: Ctx, record: RepositoryRecord, password: string): Promise<void> {
    await this.#repositories.useNow(ctx, record, (repository) =>
      repository.addKey(ctx, new Secret(password)),
    );
  }

  async remove(ctx: Ctx, record: RepositoryRecord, key: string): Promise<void> {
    await this.#repositories.useNow(ctx, record, async (repository) => {
      const fitting = (await keysOf(ctx, repository)).filter(({ id }) => id.startsWith(key));
      const [only] = fitting;
      if (only && fitting.length === 1) return repository.removeKey(ctx, only.id);
      const reason = only ? "several begin so" : "there is none that begins so";
      throw new EngineError("not-found", `cannot remove the password ${key}: ${reason}`, {
        hint: `berth repository keys list ${record.name} shows them.`,
      });
    });
  }

  /** The new one opens it, and is kept, before the old one stops: whatever ends this, one that is kept opens it. */
  async change(ctx: Ctx, record: RepositoryRecord, password: string): Promise<void> {
    const opening = await this.#repositories.reveal(record);
    const before = await this.#repositories.useNow(ctx, record, async (repository) => {
      const own = (await keysOf(ctx, repository)).find(({ isOwn }) => isOwn);
      await repository.addKey(ctx, new Secret(password));
      return own;
    });
    await this.#repositories.reopenBy(record, { ...opening, password });
    const changed = this.#repositories.byKey(record.key);
    if (!before || !changed) return;
    await this.#repositories.useNow(ctx, changed, (repository) => repository.removeKey(ctx, before.id));
  }
}

async function keysOf(ctx: Ctx, repository: Repository): Promise<RepositoryKey[]> {
  const slots = await repository.keys(ctx);
  return slots.map(({ name, created, username, hostname, isOwn }) => ({
    ...{ id: name, createdAt: created, isOwn },
    madeBy: `${username}@${hostname}`,
  }));
}
