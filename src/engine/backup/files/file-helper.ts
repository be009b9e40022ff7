/** A helper that shows the files of a backup, until nobody has asked for any for a while, or it has ended. */
import { timedOutput } from "../../guest/script.ts";
import { type Entry, nameOf } from "../../instances/entry.ts";
import type { Keeper } from "../../instances/keeper.ts";
import type { InstanceManager } from "../../instances/manager.ts";
import type { Log } from "../../log.ts";
import type { Operations } from "../../operations.ts";
import type { LentBackup } from "./lent-backup.ts";
import { IN_USE } from "./scripts.ts";

/** Making another takes as long as a boot. */
const IDLE_MS = 10 * 60_000;
const ASK_MS = 10_000;
const REMOVE_MS = 60_000;
/** Others may do something else to it meanwhile. */
const TRIES = 3;

export type FileHelperParts = {
  keeper: Keeper;
  manager: Pick<InstanceManager, "delete">;
  operations: Pick<Operations, "wait">;
  entry: Entry;
  lent: LentBackup;
  log: Log;
  /** It shows nothing any more. */
  onEnd: () => void;
};

export class FileHelper {
  readonly #parts: FileHelperParts;
  readonly #ending = new AbortController();
  #wantedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  /** Resolves when nothing of it is left; undefined as long as it shows files. */
  ending: Promise<void> | undefined;

  constructor(parts: FileHelperParts) {
    this.#parts = parts;
    // An engine that leaves would take the disks away.
    parts.keeper.serving.begin();
    void parts.entry.running?.exited.then(() => this.#ended());
    this.#wait();
  }

  get id(): string {
    return this.#parts.entry.record.descriptor.id;
  }

  get name(): string {
    return nameOf(this.#parts.entry);
  }

  /** Somebody is about to ask for files. */
  touch(): void {
    this.#wantedAt = performance.now();
  }

  /** Gives the disks up, and leaves the instance to the next engine. */
  async leave(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#ending.abort();
    await this.#parts.lent.close();
    this.#parts.keeper.serving.end();
  }

  #wait(): void {
    const idleMs = Math.min(this.#parts.lent.idleMs, performance.now() - this.#wantedAt);
    this.#timer = setTimeout(() => void this.#look(), Math.max(0, IDLE_MS - idleMs));
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const idleMs = Math.min(this.#parts.lent.idleMs, performance.now() - this.#wantedAt);
    if (idleMs >= IDLE_MS && !(await this.#isUsed())) return this.#ended();
    if (this.#isOver) return;
    if (idleMs >= IDLE_MS) this.touch();
    this.#wait();
  }

  /** What was read lately comes from the guest's memory, and is not seen here. */
  async #isUsed(): Promise<boolean> {
    const { guest } = this.#parts.entry.running ?? {};
    if (!guest) return false;
    const how = { ms: ASK_MS, name: this.name };
    return timedOutput(guest, this.#ending.signal, IN_USE, how).then(
      (said) => said.includes("used"),
      () => false,
    );
  }

  #ended(): Promise<void> {
    this.ending ??= this.#end();
    return this.ending;
  }

  /** Never rejects. */
  async #end(): Promise<void> {
    if (this.#isOver) return;
    for (let tries = 0; tries < TRIES && this.#isThere; tries += 1) await this.#remove();
    await this.leave();
    this.#parts.onEnd();
  }

  get #isThere(): boolean {
    return this.#parts.keeper.byId(this.id) === this.#parts.entry;
  }

  async #remove(): Promise<void> {
    const { manager, operations, log, entry } = this.#parts;
    try {
      const id = entry.pending?.id ?? (await manager.delete(this.name, { purge: true })).id;
      await operations.wait(id, AbortSignal.timeout(REMOVE_MS));
    } catch (error) {
      log.warn("a helper that showed files of a backup could not be removed", { error });
    }
  }
}
