/** What is typed at a main process, up to the keys that leave it. Pure. */

/** Keeps back what may be the begin of these keys, until it is known. */
export class DetachKeys {
  readonly #keys: Buffer;
  #matched = 0;

  constructor(keys: Buffer) {
    this.#keys = keys;
  }

  /** What is for the process of what was typed until now, and whether the keys were pressed after it. */
  take(typed: Buffer): { typed: Buffer; leaves: boolean } {
    const held = this.#keys.subarray(0, this.#matched);
    const all = Buffer.concat([held, typed]);
    const at = all.indexOf(this.#keys);
    if (at >= 0) {
      this.#matched = 0;
      return { typed: all.subarray(0, at), leaves: true };
    }
    this.#matched = this.#begun(all);
    return { typed: all.subarray(0, all.length - this.#matched), leaves: false };
  }

  /** How many of the keys the end of this is. */
  #begun(all: Buffer): number {
    const most = Math.min(all.length, this.#keys.length - 1);
    for (let length = most; length > 0; length -= 1)
      if (all.subarray(-length).equals(this.#keys.subarray(0, length))) return length;
    return 0;
  }
}
