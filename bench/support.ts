/** What the benches share: timing, medians, and the table that they print. */

export type Row = { what: string; value: string; peer: string; ratio: string; target: string };

/** Wall time of the work, in seconds. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Wall times in ms, one after the other. */
export async function times(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const all: number[] = [];
  for (let index = 0; index < count; index += 1) all.push(1000 * (await seconds(work)));
  return all;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Median and range. */
export function text(values: readonly number[], unit: "s" | "ms"): string {
  const digits = unit === "s" ? 1 : 0;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} ${unit} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

export function row(what: string, value: string, peer: string, ratio: number, target: string): Row {
  return { what, value, peer, ratio: `${ratio.toFixed(2)} ×`, target };
}

export function print(rows: readonly Row[]): void {
  const keys = ["what", "value", "peer", "ratio", "target"] as const;
  const header = { what: "", value: "Berth (min–max)", peer: "peer", ratio: "ratio", target: "target" };
  const widths = keys.map((key) => Math.max(...[header, ...rows].map((each) => each[key].length)));
  for (const each of [header, ...rows])
    console.log(keys.map((key, at) => each[key].padEnd(widths[at] ?? 0)).join("  "));
}

/** What is given by `--name N`. */
export function numberOption(name: string, otherwise: number): number {
  const given = process.argv[process.argv.indexOf(`--${name}`) + 1] ?? "";
  return Number(/^\d+$/.exec(given)?.[0] ?? otherwise);
}
