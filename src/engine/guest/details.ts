/** The guest's facts in one round trip: a script that prints them and a parser that reads them. Pure. */
import type { InstanceDetails } from "../../api/instance.ts";

/** Each fact under a `== name` line. Few processes, because each costs milliseconds in an emulated guest. */
export const DETAILS_SCRIPT = `
section() { echo "== $1"; }
section hostname; cat /proc/sys/kernel/hostname
section release; (. /etc/os-release 2>/dev/null; echo "$PRETTY_NAME")
section kernel; cat /proc/sys/kernel/osrelease
section boot; cat /proc/sys/kernel/random/boot_id
section uptime; cat /proc/uptime
section load; cat /proc/loadavg
section cpus; grep -c '^processor' /proc/cpuinfo
section memory; cat /proc/meminfo
section disk; df -Pk /
section addresses; ip -o -4 addr show scope global 2>/dev/null
section result; cat /run/cloud-init/result.json 2>/dev/null
true
`;

export function parseDetails(output: string): InstanceDetails {
  const sections = new Map<string, string>();
  for (const part of output.split(/^== /m).slice(1)) {
    const end = part.indexOf("\n");
    sections.set(part.slice(0, end), part.slice(end + 1).trim());
  }
  const text = (name: string) => sections.get(name) || undefined;
  const numbers = (name: string) => text(name)?.split(/\s+/).map(Number) ?? [];
  const [uptime] = numbers("uptime");
  const [one, five, fifteen] = numbers("load");
  const [cpus] = numbers("cpus");
  const facts = {
    hostname: text("hostname"),
    release: text("release"),
    kernel: text("kernel"),
    bootId: text("boot"),
    uptimeSeconds: finite(uptime),
    load: [one, five, fifteen].every((n) => Number.isFinite(n)) ? [one, five, fifteen] : undefined,
    cpus: finite(cpus) || undefined,
    memory: memoryOf(text("memory") ?? ""),
    disk: rootDiskOf(text("disk") ?? ""),
    addresses: [...(text("addresses") ?? "").matchAll(/\binet (\d+\.\d+\.\d+\.\d+)/g)].map(
      (match) => match[1],
    ),
    cloudInit: cloudInit(text("result")),
  };
  return Object.fromEntries(
    Object.entries(facts).filter(([, value]) => value !== undefined),
  ) as InstanceDetails;
}

function finite(value: number | undefined): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

/** From `/proc/meminfo`. */
export function memoryOf(meminfo: string): InstanceDetails["memory"] {
  const kib = (key: string) =>
    Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(meminfo)?.[1] ?? Number.NaN);
  const total = kib("MemTotal");
  const available = kib("MemAvailable");
  if (!Number.isFinite(total) || !Number.isFinite(available)) return undefined;
  return { usedBytes: (total - available) * 1024, totalBytes: total * 1024 };
}

/** Of the root filesystem, from `df -Pk /`. */
export function rootDiskOf(df: string): InstanceDetails["disk"] {
  const match = /\s(\d+)\s+(\d+)\s+(\d+)\s+\d+%\s+\/$/m.exec(df);
  return match ? { usedBytes: Number(match[2]) * 1024, totalBytes: Number(match[1]) * 1024 } : undefined;
}

function cloudInit(json: string | undefined): InstanceDetails["cloudInit"] {
  if (json === undefined) return undefined;
  const { errors, recoverable } = parseResult(json);
  const status = errors.length > 0 ? "error" : recoverable.length > 0 ? "degraded" : "done";
  return { status, errors: [...errors, ...recoverable] };
}

/** cloud-init's `result.json` and `status.json`: what failed, and what failed without stopping it. */
export function parseResult(json: string): { errors: string[]; recoverable: string[] } {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { errors: [], recoverable: [] };
  }
  const v1 = (value as { v1?: Record<string, unknown> } | null)?.v1 ?? {};
  const stages = [v1, ...Object.values(v1)].filter((stage) => typeof stage === "object" && stage !== null);
  const errors = new Set<string>();
  const recoverable = new Set<string>();
  for (const stage of stages as Record<string, unknown>[]) {
    for (const error of strings(stage["errors"])) errors.add(readable(error));
    const levels = stage["recoverable_errors"];
    if (typeof levels !== "object" || levels === null) continue;
    for (const level of Object.values(levels)) for (const error of strings(level)) recoverable.add(error);
  }
  return { errors: [...errors], recoverable: [...recoverable] };
}

function strings(value: unknown): string[] {
  return Array.isArray(value)
    ? value.filter((item) => typeof item === "string").map((item) => item.slice(0, 2000))
    : [];
}

/** `('scripts_user', RuntimeError('Runparts: …'))` as `scripts_user: Runparts: …`. */
function readable(error: string): string {
  const match = /^\('([^']+)', \w+\((['"])(.*)\2\)\)$/s.exec(error);
  return match ? `${match[1]}: ${match[3]}` : error;
}
