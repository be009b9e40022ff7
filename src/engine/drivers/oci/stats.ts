/** What a container uses, from what its runtime tells again and again. */
import type { Metrics } from "../../../api/metrics.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import type { RuntimeApi } from "./api.ts";
import { objectsIn } from "./json-lines.ts";

type Signal = Pick<Ctx, "signal">;
type Sizes = Pick<DriverInstance, "cpus" | "memoryBytes" | "name">;

/** What of a runtime's words is read. */
export type RuntimeStats = {
  read?: string;
  cpu_stats?: { cpu_usage?: { total_usage?: number }; online_cpus?: number };
  memory_stats?: { usage?: number; limit?: number; stats?: Record<string, number> };
  networks?: Record<string, { rx_bytes?: number; tx_bytes?: number }> | null;
};

/** Ends when the signal does, or with the container's run. */
export async function* statsOf(
  ctx: Signal,
  api: RuntimeApi,
  id: string,
  sizes: Sizes,
): AsyncGenerator<Metrics> {
  const doing = `watch ${sizes.name}`;
  const answer = await api.stream(ctx, "GET", `/containers/${id}/stats`, {
    doing,
    query: { stream: "true" },
  });
  let before: RuntimeStats | undefined;
  try {
    for await (const now of objectsIn<RuntimeStats>(answer)) {
      if (!hasUsage(now)) return;
      yield metricsOf(now, before, sizes);
      before = now;
    }
  } catch (error) {
    if (!ctx.signal.aborted) throw error;
  } finally {
    answer.destroy();
  }
}

/** Memory at this moment; undefined where the runtime does not tell. */
export async function memoryOf(
  ctx: Signal,
  api: RuntimeApi,
  id: string,
  sizes: Sizes,
): Promise<Metrics["memory"]> {
  const query = { stream: "false", "one-shot": "true" };
  const doing = `look at what ${sizes.name} uses`;
  const now = await api.json<RuntimeStats>(ctx, "GET", `/containers/${id}/stats`, { doing, query });
  return memoryIn(now, sizes);
}

/** A container that has ended is told of once more, with nothing in it. */
function hasUsage({ cpu_stats, memory_stats }: RuntimeStats): boolean {
  return (cpu_stats?.cpu_usage?.total_usage ?? 0) > 0 || (memory_stats?.usage ?? 0) > 0;
}

/** Rates are over the time since the one before. Pure. */
export function metricsOf(now: RuntimeStats, before: RuntimeStats | undefined, sizes: Sizes): Metrics {
  const at = Date.parse(now.read ?? "");
  const seconds = before ? (at - Date.parse(before.read ?? "")) / 1000 : 0;
  const rate = (value: number | undefined, earlier: number | undefined) =>
    value === undefined || earlier === undefined || !(seconds > 0) || value < earlier
      ? undefined
      : (value - earlier) / seconds;
  const cpus = sizes.cpus || now.cpu_stats?.online_cpus || 1;
  const busy = rate(now.cpu_stats?.cpu_usage?.total_usage, before?.cpu_stats?.cpu_usage?.total_usage);
  const received = rate(trafficOf(now, "rx_bytes"), trafficOf(before, "rx_bytes"));
  const sent = rate(trafficOf(now, "tx_bytes"), trafficOf(before, "tx_bytes"));
  const memory = memoryIn(now, sizes);
  return {
    at: new Date(Number.isNaN(at) ? Date.now() : at).toISOString(),
    ...(busy === undefined ? {} : { cpu: Math.min(1, busy / 1e9 / cpus) }),
    ...(memory ? { memory } : {}),
    ...(received === undefined || sent === undefined
      ? {}
      : { network: { receivedBytesPerSecond: received, sentBytesPerSecond: sent } }),
  };
}

/** Without what the kernel keeps of files and gives back when it is asked: `inactive_file`, as cgroups call it. */
function memoryIn({ memory_stats: memory }: RuntimeStats, sizes: Sizes): Metrics["memory"] {
  const { usage, limit, stats = {} } = memory ?? {};
  const totalBytes = sizes.memoryBytes || limit;
  if (usage === undefined || usage === 0 || totalBytes === undefined) return undefined;
  const cached = stats["total_inactive_file"] ?? stats["inactive_file"] ?? 0;
  return { usedBytes: Math.max(0, usage - cached), totalBytes };
}

function trafficOf(stats: RuntimeStats | undefined, what: "rx_bytes" | "tx_bytes"): number | undefined {
  const networks = Object.values(stats?.networks ?? {});
  if (networks.length === 0) return undefined;
  return networks.reduce((sum, network) => sum + (network[what] ?? 0), 0);
}
