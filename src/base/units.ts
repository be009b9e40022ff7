/** Sizes and durations as people write and read them. All sizes are 1024-based, as Multipass's are. */
import { EngineError } from "./errors.ts";

const FACTORS: Record<string, number> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/**
 * Parses `512M`, `1.5GiB`, `2kb`, `1024`. Decimals need a unit. Throws `invalid-argument` with Multipass's words
 * (`1CiG is not a valid memory size`); `what` is the noun in that message, "memory" or "disk".
 */
export function parseSize(text: string, what = "memory"): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|(b))?\s*$/i.exec(text);
  const unit = (match?.[2] ?? match?.[3] ?? "").toLowerCase();
  const bytes = match ? Number(match[1]) * (FACTORS[unit] ?? 1) : Number.NaN;
  const decimalWithoutUnit = unit === "" && match?.[1]?.includes(".");
  if (!Number.isSafeInteger(Math.floor(bytes)) || decimalWithoutUnit) {
    throw new EngineError("invalid-argument", `${text} is not a valid ${what} size`, {
      hint: "Write a number and a unit, such as 512M, 2G or 1.5GiB.",
    });
  }
  return Math.floor(bytes);
}

/** `1536 MiB` as `1.5GiB`; one decimal, none when it is zero. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1).replace(/\.0$/, "")}${units[unit]}`;
}

/** `95000` as `1m 35s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

const DURATION_UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `10m`, `1h 30m` in milliseconds; undefined for anything else, and for no time at all. */
export function parseDuration(text: string): number | undefined {
  if (!/^\s*(\d+\s*[smhd]\s*)+$/i.test(text)) return undefined;
  const parts = [...text.toLowerCase().matchAll(/(\d+)\s*([smhd])/g)];
  const ms = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (DURATION_UNITS[unit ?? ""] ?? 0),
    0,
  );
  return ms > 0 && ms <= 366 * 86_400_000 ? ms : undefined;
}
