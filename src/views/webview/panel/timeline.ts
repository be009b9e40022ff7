/** All that the instance can go back to, by days, the newest first, and how chosen moments differ. */
import type { TimelineRow } from "../../panel/protocol.ts";
import { type Child, h } from "../dom.ts";
import { tell } from "./host.ts";
import { button, empty } from "./sections.ts";

export type TimelineShown = {
  rows: TimelineRow[];
  isStopped: boolean;
  canSnapshot: boolean;
  canBackUp: boolean;
  note?: string | undefined;
};

type Choose = (row: TimelineRow, on: boolean) => void;

export function timeline({ rows, isStopped, canSnapshot, canBackUp, note }: TimelineShown): Child[] {
  const bar = h(
    "div",
    { class: "row" },
    enabled(button("Take Snapshot…", "berth.takeSnapshot", "primary"), canSnapshot),
    enabled(button("Back Up", "berth.backUp"), canBackUp),
    enabled(button("Schedule Backups…", "berth.planBackups"), canBackUp),
    !isStopped && h("span", { class: "remark" }, "Snapshots are taken of stopped instances."),
  );
  const remark = note !== undefined && h("p", { class: "remark", role: "status" }, note);
  if (rows.length === 0) {
    const words =
      "Nothing to go back to yet. A snapshot keeps the disk as it is, on this host; a backup keeps it in another place.";
    return [bar, remark, empty(words)];
  }
  const compared = h("div", { "aria-live": "polite" });
  const chosen = new Set<TimelineRow>();
  const choose: Choose = (row, on) => {
    if (on) chosen.add(row);
    else chosen.delete(row);
    const wanted = rows.filter((one) => chosen.has(one));
    compared.replaceChildren(...(wanted.length >= 2 ? [comparison(wanted)] : []));
  };
  const days = [...Map.groupBy(rows, ({ day }) => day)];
  const canCompare = rows.filter(isComparable).length >= 2;
  return [
    bar,
    remark,
    ...days.map(([day, of]) => dayOf(day, of, canCompare ? choose : undefined)),
    canCompare && h("p", { class: "remark" }, "Tick two or more to compare them."),
    compared,
  ];
}

function enabled(one: HTMLButtonElement, can: boolean): HTMLButtonElement {
  one.disabled = !can;
  return one;
}

function isComparable({ facts }: TimelineRow): boolean {
  return facts.length > 0;
}

function dayOf(day: string, rows: readonly TimelineRow[], choose: Choose | undefined): HTMLElement {
  const list = h("ol", { class: "timeline" }, ...rows.map((row) => rowOf(row, choose)));
  return h("section", { class: "day" }, h("h3", {}, day), list);
}

function rowOf(row: TimelineRow, choose: Choose | undefined): HTMLElement {
  const { id, kind, name, time, what, current, automatic, actions } = row;
  const buttons = actions.map(({ label, command, primary }) => {
    const onclick = () => tell({ type: "moment", command, kind, id });
    const look = primary ? "primary" : "link";
    return h(
      "button",
      { type: "button", class: look, id: `${command} ${id}`, "aria-label": `${label} ${name}`, onclick },
      label,
    );
  });
  const onchange = (event: Event) => choose?.(row, (event.target as HTMLInputElement).checked);
  const box = h("input", { type: "checkbox", "aria-label": `Compare ${name}`, onchange });
  const head = h(
    "div",
    {},
    h("span", { class: "name" }, name),
    current && h("span", { class: "here" }, "you are here"),
  );
  return h(
    "li",
    { class: automatic ? `${kind} automatic` : kind },
    h("time", {}, time),
    h("span", { class: "dot", "aria-hidden": "true" }),
    h("div", { class: "moment" }, head, h("div", { class: "what" }, what)),
    h("span", { class: "acts" }, ...buttons),
    choose && isComparable(row) && box,
  );
}

/** Each fact that any of them has. */
function comparison(rows: readonly TimelineRow[]): HTMLElement {
  const line = (name: string) => {
    const values = rows.map(({ facts }) => facts.find(([one]) => one === name)?.[1] ?? "");
    const differs = new Set(values).size > 1 ? "differs" : "";
    return h(
      "tr",
      { class: differs },
      h("th", { scope: "row" }, name),
      ...values.map((one) => h("td", {}, one)),
    );
  };
  const head = h("tr", {}, h("td", {}), ...rows.map(({ name }) => h("th", { scope: "col" }, name)));
  const names = new Set(rows.flatMap(({ facts }) => facts.map(([name]) => name)));
  return h("table", { class: "compare" }, h("thead", {}, head), h("tbody", {}, ...[...names].map(line)));
}
