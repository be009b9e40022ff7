/** What a client of an SFTP server has open, under the names that the server gave it: four bytes that count up. */
import { PACKET, type PacketReader, PacketWriter } from "../../../base/sftp-packets.ts";
import type { Answer } from "./answers.ts";

export class Handles<T> {
  readonly #most: number;
  readonly #open = new Map<number, T>();
  #last = 0;

  /** `most` may be open at once; who opens asks `isFull` first. */
  constructor(most: number) {
    this.#most = most;
  }

  get isFull(): boolean {
    return this.#open.size >= this.#most;
  }

  /** The answer to request `id`, which tells its name. */
  keep(id: number, handle: T): Answer {
    this.#last += 1;
    this.#open.set(this.#last, handle);
    const name = Buffer.alloc(4);
    name.writeUInt32BE(this.#last);
    return new PacketWriter(PACKET.handle).uint32(id).data(name).packet();
  }

  /** The one whose name comes next in a request; undefined where nothing of that name is open. */
  next(reader: PacketReader): { key: number; handle: T } | undefined {
    const name = reader.data();
    const key = name.length === 4 ? name.readUInt32BE(0) : 0;
    const handle = this.#open.get(key);
    return handle === undefined ? undefined : { key, handle };
  }

  replace(key: number, handle: T): void {
    this.#open.set(key, handle);
  }

  remove(key: number): void {
    this.#open.delete(key);
  }

  /** All that is open still: the caller closes it. */
  takeAll(): T[] {
    const all = [...this.#open.values()];
    this.#open.clear();
    return all;
  }
}
