/**
 * What a guest uses: a script that tells it again and again, and a reader of what it tells. One process in the guest for
 * as long as somebody watches, so that nothing is opened for each look. Numbers: proc(5) of the kernel's documentation.
 */
import type { Metrics } from "../../api/metrics.ts";
import { memoryOf, rootDiskOf } from "./details.ts";
import { type Section, SectionReader, sectionsOf } from "./sections.ts";

/** Prints a sample at once and then in this interval, until it is ended. Whole disks only: partitions would count twice. */
export function metricsScript(intervalMs: number): string {
  return `
while :; do
  echo "== uptime"; cat /proc/uptime
  echo "== cpu"; head -n 1 /proc/stat
  echo "== memory"; cat /proc/meminfo
  echo "== disk"; df -Pk /
  echo "== io"; cat /sys/block/*/stat 2>/dev/null
  echo "== network"; cat /proc/net/dev
  echo "== end"
  sleep ${intervalMs / 1000}
done`;
}

/** The counters of one moment; rates are made of two. */
export type Sample = {
  /** Of the guest's own clock that nobody sets, in seconds. */
  uptime: number;
  cpu: { busy: number; all: number } | undefined;
  memory: Metrics["memory"];
  space: Metrics["memory"];
  io: { read: number; written: number } | undefined;
  network: { received: number; sent: number } | undefined;
};

/** Splits what the script prints into samples. */
export class SampleReader {
  readonly #sections = new SectionReader();

  push(chunk: string): Sample[] {
    return this.#sections.push(chunk).map(sampleOf);
  }
}

const SECTOR_BYTES = 512;

export function parseSample(text: string): Sample {
  return sampleOf(sectionsOf(text));
}

function sampleOf(section: Section): Sample {
  return {
    uptime: Number(section("uptime").split(" ", 1)[0]),
    cpu: cpuOf(section("cpu")),
    memory: memoryOf(section("memory")),
    space: rootDiskOf(section("disk")),
    io: ioOf(section("io")),
    network: networkOf(section("network")),
  };
}

/** `before` is undefined for the first sample. Counters that went back, as after a resume, give no rate. */
export function metricsOf(now: Sample, before: Sample | undefined, at: Date): Metrics {
  const elapsed = before ? now.uptime - before.uptime : 0;
  const rate = (value: number, earlier: number | undefined) =>
    earlier === undefined || !(elapsed > 0) || value < earlier ? undefined : (value - earlier) / elapsed;
  const read = now.io && rate(now.io.read, before?.io?.read);
  const written = now.io && rate(now.io.written, before?.io?.written);
  const received = now.network && rate(now.network.received, before?.network?.received);
  const sent = now.network && rate(now.network.sent, before?.network?.sent);
  const cpu = now.cpu && before?.cpu && shareOf(now.cpu, before.cpu);
  return {
    at: at.toISOString(),
    ...(cpu === undefined ? {} : { cpu }),
    ...(now.memory ? { memory: now.memory } : {}),
    ...(now.space
      ? {
          disk: {
            ...now.space,
            ...(read === undefined ? {} : { readBytesPerSecond: read }),
            ...(written === undefined ? {} : { writtenBytesPerSecond: written }),
          },
        }
      : {}),
    ...(received === undefined || sent === undefined
      ? {}
      : { network: { receivedBytesPerSecond: received, sentBytesPerSecond: sent } }),
  };
}

type Cpu = { busy: number; all: number };

function shareOf(now: Cpu, before: Cpu): number | undefined {
  const all = now.all - before.all;
  const busy = now.busy - before.busy;
  return all > 0 && busy >= 0 ? Math.min(1, busy / all) : undefined;
}

/** user nice system idle iowait irq softirq steal …; guest time is counted in user already. */
function cpuOf(line: string): Sample["cpu"] {
  const [word, ...numbers] = line.trim().split(/\s+/);
  const ticks = numbers.slice(0, 8).map(Number);
  if (word !== "cpu" || ticks.length < 4 || !ticks.every(Number.isFinite)) return undefined;
  const all = ticks.reduce((sum, one) => sum + one, 0);
  return { all, busy: all - (ticks[3] ?? 0) - (ticks[4] ?? 0) };
}

/** The third number of each line is sectors read, the seventh sectors written. */
function ioOf(lines: string): Sample["io"] {
  const rows = lines
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const known = rows.filter((row) => row.length >= 7 && row.every(Number.isFinite));
  if (known.length === 0) return undefined;
  const sum = (column: number) => known.reduce((all, row) => all + (row[column] ?? 0), 0) * SECTOR_BYTES;
  return { read: sum(2), written: sum(6) };
}

/** After `name:` the first number is bytes received, the ninth bytes sent. */
function networkOf(table: string): Sample["network"] {
  const rows = [...table.matchAll(/^\s*([^:\s]+):\s*(.*)$/gm)].filter(([, name]) => name !== "lo");
  if (rows.length === 0) return undefined;
  const numbers = rows.map(([, , rest = ""]) => rest.trim().split(/\s+/).map(Number));
  const sum = (column: number) => numbers.reduce((all, row) => all + (row[column] || 0), 0);
  return { received: sum(0), sent: sum(8) };
}
