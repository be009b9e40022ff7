/** What a guest that runs can be made to reach, by what it was started with. Pure. */
import { leadsOut, type NetworkMode, segmentOf } from "../../../api/network-mode.ts";
import type { RunRecord } from "./run-record.ts";

type Reach = Pick<RunRecord, "lan" | "wayOut"> & { network: NetworkMode };

/**
 * The engine's switch decides who meets whom on the LAN NIC, at any moment; a user network lets out, or does not, from its
 * start on. A guest without a LAN NIC is in no network, whatever it asks for.
 */
export function canChange({ lan, wayOut, network }: Reach, mode: NetworkMode): boolean {
  const [from, to] = [segmentOf(network), segmentOf(mode)];
  if (to !== undefined && to !== from && lan === undefined) return false;
  return leadsOut(mode) ? wayOut !== undefined : wayOut === undefined;
}

/** Of an earlier engine's run, whose mode could not change: as it was started. */
export function withNetwork(record: RunRecord, network: NetworkMode): RunRecord & { network: NetworkMode } {
  if (record.network !== undefined) return { ...record, network: record.network };
  return { ...record, network, ...(leadsOut(network) ? { wayOut: "net" as const } : {}) };
}
