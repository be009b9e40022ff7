/** The tree of an instance's snapshots, and how chosen ones differ. */
import type { SnapshotRow } from "../../panel/protocol.ts";
import { type Child, h } from "../dom.ts";
import { tell } from "./host.ts";
import { button, empty } from "./sections.ts";

export type SnapshotsShown = { rows: SnapshotRow[]; canSnapshot: boolean };

/** Deeper ones are drawn no deeper. */
const DEEPEST = 9;

export function snapshots({ rows, canSnapshot }: SnapshotsShown): Child[] {
  const take = button("Take Snapshot…", "berth.takeSnapshot", "primary");
  take.disabled = !canSnapshot;
  const remark = "Snapshots are taken of stopped instances.";
  const bar = h("div", { class: "row" }, take, !canSnapshot && h("span", { class: "remark" }, remark));
  if (rows.length === 0)
    return [bar, empty("None yet. A snapshot keeps the disk as it is, to come back to.")];
  const compared = h("div", { "aria-live": "polite" });
  const chosen = new Set<string>();
  const choose = (id: string, on: boolean) => {
    if (on) chosen.add(id);
    else chosen.delete(id);
    const wanted = rows.filter((row) => chosen.has(row.id));
    compared.replaceChildren(...(wanted.length >= 2 ? [comparison(wanted)] : []));
  };
  const tree = h("ul", { class: "tree", role: "tree" }, ...rows.map((row) => rowOf(row, choose)));
  return [bar, tree, h("p", { class: "remark" }, "Tick two or more to compare them."), compared];
}

function rowOf(row: SnapshotRow, choose: (id: string, on: boolean) => void): HTMLElement {
  const { id, name, depth, current, created, comment } = row;
  const act = (label: string, command: string) => {
    const onclick = () => tell({ type: "snapshot", command, id });
    return h("button", { type: "button", class: "link", "aria-label": `${label} ${name}`, onclick }, label);
  };
  const onchange = (event: Event) => choose(id, (event.target as HTMLInputElement).checked);
  return h(
    "li",
    { class: `depth-${Math.min(depth, DEEPEST)}`, role: "treeitem", "aria-level": depth + 1 },
    h("input", { type: "checkbox", "aria-label": `Compare ${name}`, onchange }),
    h("span", { class: "name" }, name),
    current && h("span", { class: "here" }, "you are here"),
    h("span", { class: "what" }, [created, comment].filter(Boolean).join(" · ")),
    h(
      "span",
      { class: "acts" },
      act("Restore", "berth.restoreSnapshot"),
      act("Rename", "berth.renameSnapshot"),
      act("Delete", "berth.deleteSnapshot"),
    ),
  );
}

function comparison(rows: readonly SnapshotRow[]): HTMLElement {
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
  const lines = (rows[0]?.facts ?? []).map(([name]) => line(name));
  return h("table", { class: "compare" }, h("thead", {}, head), h("tbody", {}, ...lines));
}
