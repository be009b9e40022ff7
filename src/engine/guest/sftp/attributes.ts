/** File attributes as the guest is told them, and whose a file is on either side. */
import type { Stats } from "node:fs";
import { HAS, type PacketWriter } from "../../../base/sftp-packets.ts";

/** A file of this host, as `lstat` shows it. */
export type FileFacts = Pick<Stats, "size" | "uid" | "gid" | "mode" | "atimeMs" | "mtimeMs">;

export type IdPair = { host: number; guest: number };

/** Nobody: whose a file is in the guest when its owner on the host has no counterpart there. */
const NOBODY = 65_534;

/** Users, or groups, of this host and who they are in the guest. */
export class IdMap {
  readonly #toGuest: ReadonlyMap<number, number>;
  readonly #toHost: ReadonlyMap<number, number>;

  constructor(pairs: readonly IdPair[]) {
    this.#toGuest = new Map(pairs.map(({ host, guest }) => [host, guest]));
    this.#toHost = new Map(pairs.map(({ host, guest }) => [guest, host]));
  }

  toGuest(host: number): number {
    return this.#toGuest.get(host) ?? NOBODY;
  }

  /** undefined where the guest's has no counterpart on this host. */
  toHost(guest: number): number | undefined {
    return this.#toHost.get(guest);
  }
}

export type IdMaps = { uids: IdMap; gids: IdMap };

export function writeAttributes(
  writer: PacketWriter,
  facts: FileFacts,
  { uids, gids }: IdMaps,
): PacketWriter {
  return writer
    .uint32(HAS.size | HAS.owner | HAS.mode | HAS.times)
    .uint64(facts.size)
    .uint32(uids.toGuest(facts.uid))
    .uint32(gids.toGuest(facts.gid))
    .uint32(facts.mode)
    .uint32(seconds(facts.atimeMs))
    .uint32(seconds(facts.mtimeMs));
}

/** Version 3 has 32 bits for a time: later ones, and those before 1970, are shown as the nearest there is. */
function seconds(ms: number): number {
  return Math.min(Math.max(Math.floor(ms / 1000), 0), 0xffff_ffff);
}
