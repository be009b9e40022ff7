/** What the guest uses, as four small charts of the last minutes. They are drawn only while figures arrive. */
import uPlot from "uplot";
import type { Metrics } from "../../../api/metrics.ts";
import { h } from "../dom.ts";

/** Two seconds each: five minutes. */
const POINTS = 150;
const SECONDS = 2 * (POINTS - 1);
/** A chart that has just begun is not squeezed into its right edge. */
const LEAST_SECONDS = 60;
const HEIGHT = 90;
const AXIS_WIDTH = 62;

type Series = { label: string; colour: string; of: (metrics: Metrics) => number | undefined };

type ChartSpec = {
  title: string;
  series: readonly Series[];
  /** Upper end of the axis; left out: as high as the values. */
  most?: (metrics: Metrics) => number | undefined;
  text: (value: number) => string;
  /** The newest values in words, beside the title. */
  now: (metrics: Metrics) => string;
};

const BLUE = "blue";
const GREEN = "green";

const CHARTS: readonly ChartSpec[] = [
  {
    title: "CPU",
    series: [{ label: "busy", colour: BLUE, of: ({ cpu }) => cpu }],
    most: () => 1,
    text: percent,
    now: ({ cpu }) => (cpu === undefined ? "" : percent(cpu)),
  },
  {
    title: "Memory",
    series: [{ label: "used", colour: BLUE, of: ({ memory }) => memory?.usedBytes }],
    most: ({ memory }) => memory?.totalBytes,
    text: bytes,
    now: ({ memory }) => (memory ? `${bytes(memory.usedBytes)} of ${bytes(memory.totalBytes)}` : ""),
  },
  {
    title: "Disk",
    series: [
      { label: "read", colour: GREEN, of: ({ disk }) => disk?.readBytesPerSecond },
      { label: "written", colour: BLUE, of: ({ disk }) => disk?.writtenBytesPerSecond },
    ],
    text: rate,
    now: ({ disk }) => (disk ? `${bytes(disk.usedBytes)} of ${bytes(disk.totalBytes)} used` : ""),
  },
  {
    title: "Network",
    series: [
      { label: "received", colour: GREEN, of: ({ network }) => network?.receivedBytesPerSecond },
      { label: "sent", colour: BLUE, of: ({ network }) => network?.sentBytesPerSecond },
    ],
    text: rate,
    now: ({ network }) =>
      network ? `↓ ${rate(network.receivedBytesPerSecond)}  ↑ ${rate(network.sentBytesPerSecond)}` : "",
  },
];

export class Charts {
  readonly #charts = CHARTS.map((spec) => new Chart(spec));
  readonly element = h("div", { class: "charts" }, ...this.#charts.map(({ element }) => element));

  constructor() {
    const recolour = () => {
      for (const chart of this.#charts) chart.recolour();
    };
    const attributeFilter = ["class", "data-vscode-theme-id"];
    new MutationObserver(recolour).observe(document.body, { attributes: true, attributeFilter });
  }

  add(metrics: Metrics): void {
    for (const chart of this.#charts) chart.add(metrics);
  }

  /** Another run of the guest begins with nothing. */
  clear(): void {
    for (const chart of this.#charts) chart.clear();
  }
}

class Chart {
  readonly element: HTMLElement;
  readonly #spec: ChartSpec;
  readonly #now = h("span", { class: "now" });
  readonly #place = h("div", { class: "plot", role: "img" });
  readonly #times: number[] = [];
  readonly #values: (number | null)[][];
  #most: number | undefined;
  #plot: uPlot | undefined;

  constructor(spec: ChartSpec) {
    this.#spec = spec;
    this.#values = spec.series.map(() => []);
    const keys = spec.series.map(({ label, colour }) => h("span", { class: `key ${colour}` }, label));
    const legend = spec.series.length > 1 && h("span", { class: "legend" }, ...keys);
    this.element = h("section", { class: "chart" }, h("h3", {}, spec.title, this.#now), this.#place, legend);
    new ResizeObserver(() => this.#resize()).observe(this.#place);
  }

  add(metrics: Metrics): void {
    const { title, series, most, now } = this.#spec;
    this.#times.push(Date.parse(metrics.at) / 1000);
    for (const [at, one] of series.entries()) this.#values[at]?.push(one.of(metrics) ?? null);
    for (const list of [this.#times, ...this.#values]) if (list.length > POINTS) list.shift();
    this.#most = most?.(metrics) ?? this.#most;
    this.#now.textContent = now(metrics);
    this.#place.setAttribute("aria-label", `${title}: ${now(metrics)}`);
    this.#draw();
  }

  clear(): void {
    for (const list of [this.#times, ...this.#values]) list.length = 0;
    this.#now.textContent = "";
    this.#draw();
  }

  /** The theme is another one: what was drawn keeps its colours. */
  recolour(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
    this.#draw();
  }

  #draw(): void {
    const data = [this.#times, ...this.#values] as uPlot.AlignedData;
    if (this.#plot) this.#plot.setData(data);
    else if (this.#place.clientWidth > 0) this.#plot = new uPlot(this.#options(), data, this.#place);
  }

  #resize(): void {
    const width = this.#place.clientWidth;
    if (width === 0) return;
    if (this.#plot) this.#plot.setSize({ width, height: HEIGHT });
    else this.#draw();
  }

  #options(): uPlot.Options {
    const { series, text } = this.#spec;
    const alone = series.length === 1;
    const lines = series.map((one): uPlot.Series => {
      const stroke = themeColour(`--vscode-charts-${one.colour}`);
      return { stroke, width: 1.5, points: { show: false }, ...(alone ? { fill: `${stroke}33` } : {}) };
    });
    return {
      width: this.#place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { range: (_, first, last) => [last - spanOf(last - first), last] },
        y: { range: (_, __, high) => [0, this.#most ?? roundTop(high ?? 0)] },
      },
      axes: [
        { show: false },
        {
          stroke: themeColour("--vscode-descriptionForeground"),
          font: "10px sans-serif",
          size: AXIS_WIDTH,
          grid: { stroke: themeColour("--vscode-panel-border"), width: 1 },
          ticks: { show: false },
          splits: (_, __, ___, top) => [0, top / 2, top],
          // A guest that has told nothing yet has no scale.
          values: (_, splits) => splits.map((one) => (this.#times.length === 0 ? "" : text(one))),
        },
      ],
      series: [{}, ...lines],
    };
  }
}

/** The end of an axis of bytes whose half is a round number too: 1, 2, 5, 10 … 500 KiB, 1 MiB and so on. */
function roundTop(high: number): number {
  const unit = 1024 ** Math.max(1, Math.floor(Math.log2(Math.max(high, 1)) / 10));
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1024];
  return unit * (steps.find((step) => step * unit >= high) ?? 1024);
}

function spanOf(seconds: number): number {
  return Math.max(LEAST_SECONDS, Math.min(SECONDS, seconds));
}

function themeColour(variable: string): string {
  return getComputedStyle(document.body).getPropertyValue(variable).trim() || "#888888";
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = count < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(count) / 10));
  const value = count / 1024 ** power;
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

function rate(count: number): string {
  return `${bytes(count)}/s`;
}
