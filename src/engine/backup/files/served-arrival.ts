/** What the disks of one instance lack, served from its backup, whatever becomes of the way there meanwhile. */
import { abortable, deferred, sleep } from "../../../base/async.ts";
import { EngineError, toEngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { AwaitedDisk } from "../../drivers/driver.ts";
import { type Entry, nameOf } from "../../instances/entry.ts";
import type { Keeper } from "../../instances/keeper.ts";
import type { Repositories } from "../repositories.ts";
import { LentBackup } from "./lent-backup.ts";

const AGAIN_MS = 3_000;

export type ServedParts = { keeper: Keeper; repositories: Repositories; runDirectory: string };

export class ServedArrival {
  readonly #parts: ServedParts;
  readonly #entry: Entry;
  #lost = deferred<unknown>();
  #lent: LentBackup | undefined;

  constructor(parts: ServedParts, entry: Entry) {
    this.#parts = parts;
    this.#entry = entry;
  }

  /** Resolves when it is served, so that a guest may start. */
  async open(ctx: Ctx): Promise<AwaitedDisk[]> {
    const { repositories, runDirectory } = this.#parts;
    const { id, awaited } = this.#entry.record.descriptor;
    const doing = `start ${nameOf(this.#entry)}`;
    const record = awaited && repositories.byKey(awaited.repository);
    if (!record)
      throw new EngineError("not-found", `cannot ${doing}: the repository of its backup is no longer known`, {
        hint: "Add the repository again, and restore the backup to a new instance.",
      });
    const lost = deferred<unknown>();
    this.#lost = lost;
    this.#lent = await LentBackup.open(repositories, ctx, {
      ...{ record, backup: awaited.backup, disks: awaited.disks.map(({ stored }) => stored) },
      sockets: { directory: runDirectory, prefix: id.slice(0, 8) },
      onLost: (error) => lost.resolve(error),
    });
    const { disks } = this.#lent;
    return awaited.disks.flatMap((disk, index) => {
      const socket = disks[index]?.socket;
      return socket === undefined ? [] : [{ id: disk.id, socket }];
    });
  }

  /** Until the signal aborts: where the backup cannot be read, its guest waits, and it is tried again. Never rejects. */
  async keep({ signal, ...ctx }: Ctx): Promise<void> {
    let told: string | undefined;
    try {
      while (!signal.aborted) {
        const failure = await this.#serve({ ...ctx, signal });
        this.#tell(failure);
        const { message } = this.#entry.arrival?.trouble ?? {};
        if (message !== told) ctx.log.warn("a guest waits for what is in a backup", { error: failure });
        told = message;
        await this.close();
        await sleep(AGAIN_MS, signal);
      }
    } catch {
      // Nobody wants it any more.
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    await this.#lent?.close();
    this.#lent = undefined;
  }

  /** Resolves with what has ended it. */
  async #serve(ctx: Ctx): Promise<unknown> {
    try {
      if (!this.#lent) await this.open(ctx);
      this.#tell(undefined);
      return await abortable(this.#lost.promise, ctx.signal);
    } catch (error) {
      ctx.signal.throwIfAborted();
      return error;
    }
  }

  #tell(failure: unknown): void {
    const { arrival = { done: 0, total: 0 } } = this.#entry;
    const { trouble: _before, ...far } = arrival;
    this.#entry.arrival = failure === undefined ? far : { ...far, trouble: troubleOf(failure) };
    this.#parts.keeper.publish(this.#entry);
  }
}

function troubleOf(failure: unknown) {
  const { message, hint } = toEngineError(failure);
  return {
    ...{ code: "data-unreachable", severity: "error" as const },
    message: `its guest waits for data of its backup: ${message}`,
    ...(hint === undefined ? {} : { hint }),
  };
}
