/**
 * Every running guest knows the names of the instances that it reaches: they stand in its /etc/hosts, each line with a mark of ours. That works
 * in a guest with any resolver or none, costs a look-up nothing, and goes on while no engine runs; a resolver pointed at
 * the network's own name server would make such a guest wait for each name that it cannot find.
 */
import { abortable, sleep, withDeadline } from "../../base/async.ts";
import type { Running } from "../drivers/running.ts";
import { hostsLines, SET_HOSTS_SCRIPT } from "../guest/hosts.ts";
import { runInGuest } from "../guest/run-in-guest.ts";
import { areTogether, type Entry, isNamed, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

const WRITE_MS = 60_000;
/** A guest that is on its way through a reboot is there again after this, or will be asked when it next is. */
const RETURN_MS = 600_000;
const AGAIN_MS = 2_000;
const TRIES = 3;
/** How long a launch or a rename waits for guests to know of it. */
const KNOWN_MS = 5_000;

export class GuestNames {
  readonly #keeper: Keeper;
  /** What each guest has been told, or could not be told: the same is not tried for ever. */
  readonly #told = new WeakMap<Running, string>();
  readonly #busy = new Map<Running, Promise<void>>();

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  /** The names may have changed, or a guest may have become ready to be told. */
  update(): void {
    const ready = this.#keeper.entries().filter((entry) => entry.ready && entry.running?.lan !== undefined);
    if (ready.length === 0) return;
    for (const entry of ready) {
      const lines = this.#lines(entry);
      const { running } = entry;
      if (!running || this.#busy.has(running) || this.#told.get(running) === lines) continue;
      this.#busy.set(running, this.#tell(entry, running));
    }
  }

  /**
   * Resolves when the guest, or each guest, knows the names of now; or after a while, for no operation depends on a guest
   * that does not answer.
   */
  async known(signal: AbortSignal, entry?: Entry): Promise<void> {
    // Nobody has to wait for a guest to learn of itself.
    if (this.#keeper.entries().filter(isNamed).length < 2) return;
    const telling = entry ? [entry.running && this.#busy.get(entry.running)] : [...this.#busy.values()];
    const { signal: timed, done } = withDeadline(KNOWN_MS, signal);
    try {
      await abortable(Promise.all(telling), timed);
    } catch {
      signal.throwIfAborted();
    } finally {
      done();
    }
  }

  /** Those of its own network: others do not exist for it. */
  #lines(entry: Entry): string {
    const named = this.#keeper.entries().filter((one) => isNamed(one) && areTogether(entry, one));
    return hostsLines(named.map((one) => ({ name: nameOf(one), address: one.record.descriptor.address })));
  }

  /** Until it knows what is true then; never rejects. It is busy until the very look that finds nothing new. */
  async #tell(entry: Entry, running: Running): Promise<void> {
    await Promise.resolve();
    try {
      while (entry.running === running && entry.background) {
        const lines = this.#lines(entry);
        if (this.#told.get(running) === lines) return;
        this.#told.set(running, lines);
        await this.#write(running, lines, entry.background.signal);
      }
    } catch (error) {
      if (entry.running !== running) return;
      this.#keeper.log.warn("a guest could not be told the instances' names", {
        instance: nameOf(entry),
        error,
      });
    } finally {
      this.#busy.delete(running);
    }
  }

  async #write({ guest }: Running, lines: string, signal: AbortSignal): Promise<void> {
    const argv = ["sudo", "-n", "sh", "-c", SET_HOSTS_SCRIPT, "sh", lines];
    for (let tries = 1; ; tries += 1) {
      try {
        return await runInGuest(guest, argv, { timeoutMs: WRITE_MS, signal });
      } catch (error) {
        signal.throwIfAborted();
        if (tries === TRIES) throw error;
      }
      const deadline = withDeadline(RETURN_MS, signal);
      try {
        await sleep(AGAIN_MS, deadline.signal);
        await guest.waitReady({ signal: deadline.signal, progress: () => {}, log: this.#keeper.log });
      } finally {
        deadline.done();
      }
    }
  }
}
