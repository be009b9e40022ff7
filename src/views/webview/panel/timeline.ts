/** All that the instance can go back to, the newest first, and how chosen moments differ. */
import type { TimelineRow } from "../../panel/protocol.ts";
import { type Child, h } from "../dom.ts";
import { tell } from "./host.ts";
import { button, empty } from "./sections.ts";

export type TimelineShown = {
  rows: TimelineRow[];
  canSnapshot: boolean;
  isContainer: boolean;
  note?: string | undefined;
};

const KINDS: Record<TimelineRow["kind"], string> = {
  snapshot: "Snapshot",
  memory: "Memory",
  backup: "Backup",
};

export function timeline({ rows, canSnapshot, isContainer, note }: TimelineShown): Child[] {
  const take = button("Take Snapshot…", "berth.takeSnapshot", "primary");
  take.disabled = !canSnapshot;
  const bar = h(
    "div",
    { class: "row" },
    take,
    !isContainer && button("Back Up", "berth.backUp"),
    !isContainer && button("Back Up by Itself…", "berth.planBackups"),
    !canSnapshot && h("span", { class: "remark" }, "Snapshots are taken of stopped instances."),
  );
  const remark = note !== undefined && h("p", { class: "remark", role: "status" }, note);
  if (rows.length === 0) {
    const words =
      "None yet. A snapshot keeps the disk as it is, to come back to; a backup keeps it elsewhere.";
    return [bar, remark, empty(words)];
  }
  const compared = h("div", { "aria-live": "polite" });
  const chosen = new Set<TimelineRow>();
  const choose = (row: TimelineRow, on: boolean) => {
    if (on) chosen.add(row);
    else chosen.delete(row);
    const wanted = rows.filter((one) => chosen.has(one));
    compared.replaceChildren(...(wanted.length >= 2 ? [comparison(wanted)] : []));
  };
  const list = h("ol", { class: "timeline" }, ...rows.map((row) => rowOf(row, choose)));
  return [bar, remark, list, h("p", { class: "remark" }, "Tick two or more to compare them."), compared];
}

function rowOf(row: TimelineRow, choose: (row: TimelineRow, on: boolean) => void): HTMLElement {
  const { id, kind, name, at, what, marks, actions, facts } = row;
  const buttons = actions.map(({ label, command, primary }) => {
    const onclick = () => tell({ type: "moment", command, kind, id });
    const look = primary ? "primary" : "link";
    return h(
      "button",
      { type: "button", class: look, id: `${command} ${id}`, "aria-label": `${label} ${name}`, onclick },
      label,
    );
  });
  const onchange = (event: Event) => choose(row, (event.target as HTMLInputElement).checked);
  const box = h("input", { type: "checkbox", "aria-label": `Compare ${name}`, onchange });
  return h(
    "li",
    { class: kind },
    facts.length > 0 ? box : h("span", {}),
    h("time", {}, at),
    h("span", { class: "kind" }, KINDS[kind]),
    h("span", { class: "name" }, name),
    ...marks.map((mark) => h("span", { class: "here" }, mark)),
    h("span", { class: "what" }, what),
    h("span", { class: "acts" }, ...buttons),
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
