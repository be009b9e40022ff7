/** The parts of the page below the header, each drawn from what the extension says. */
import type { EventRow, PanelState } from "../../panel/protocol.ts";
import { type Child, h } from "../dom.ts";
import { tell } from "./host.ts";

export function facts(rows: readonly (readonly [string, string])[]): HTMLElement {
  const cells = rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
  return h("dl", { class: "facts" }, ...cells);
}

export function problems(list: PanelState["problems"]): Child[] {
  return list.map(({ severity, message, hint }) => {
    const role = severity === "error" ? "alert" : "note";
    const words = hint !== undefined && h("span", {}, hint);
    return h("div", { class: `problem ${severity}`, role }, h("strong", {}, message), words);
  });
}

/** A button that runs a command of the extension's. */
export function button(label: string, command: string, look = "secondary"): HTMLButtonElement {
  const onclick = () => tell({ type: "command", command });
  return h("button", { type: "button", class: look, id: `do-${command}`, onclick }, label);
}

export function empty(text: string): HTMLElement {
  return h("p", { class: "empty" }, text);
}

export type SharedShown = Pick<PanelState, "ports" | "mounts" | "disks" | "networks" | "isContainer">;

export function shared({ ports, mounts, disks, networks, isContainer }: SharedShown): Child[] {
  return [
    block({
      title: "Forwarded ports",
      none: "None. A forwarded port of the guest answers on this host.",
      rows: ports.map(({ text, url }) =>
        h("li", {}, h("code", {}, text), url !== undefined && browserLink(url)),
      ),
      add: button("Forward Port…", "berth.forwardPort"),
      remove: button("Stop Forwarding…", "berth.removePort"),
    }),
    block({
      title: "Mounted folders",
      none: "None. A mounted folder of this host is seen in the guest.",
      rows: mounts.map(({ source, target, type }) =>
        h("li", {}, h("code", {}, source), "→", h("code", {}, target), h("small", {}, type)),
      ),
      add: button("Mount Folder…", "berth.mountFolder"),
      remove: button("Unmount…", "berth.unmount"),
    }),
    !isContainer &&
      block({
        title: "Extra disks",
        none: "None beside the one that its system is on.",
        rows: disks.map(({ name, size }) => h("li", {}, h("code", {}, name), h("small", {}, size))),
        add: button("Add Disk…", "berth.addDisk"),
        remove: button("Remove Disk…", "berth.removeDisk"),
      }),
    block({
      title: "Networks",
      none: "None.",
      rows: networks.map(({ name, detail }) => h("li", {}, h("code", {}, name), h("small", {}, detail))),
    }),
  ];
}

type Block = { title: string; none: string; rows: HTMLElement[]; add?: HTMLElement; remove?: HTMLElement };

function block({ title, none, rows, add, remove }: Block): HTMLElement {
  const list = rows.length > 0 ? h("ul", { class: "list" }, ...rows) : empty(none);
  return h(
    "section",
    {},
    h("h3", {}, title),
    list,
    add && h("div", { class: "row" }, add, rows.length > 0 && remove),
  );
}

function browserLink(url: string): HTMLElement {
  const onclick = () => tell({ type: "open", url });
  return h("button", { type: "button", class: "link", onclick }, "Open in Browser");
}

const MARKS: Record<EventRow["status"], string> = {
  running: "…",
  succeeded: "✓",
  failed: "✗",
  cancelled: "–",
};

export function events(rows: readonly EventRow[]): Child[] {
  if (rows.length === 0) return [empty("Nothing has happened since the engine started.")];
  const lines = rows.map(({ at, what, status, detail }) =>
    h(
      "li",
      { class: status },
      h("span", { class: "mark", role: "img", "aria-label": status }, MARKS[status]),
      h("span", { class: "what" }, what),
      h("time", {}, at),
      detail !== undefined && h("p", {}, detail),
    ),
  );
  return [h("ol", { class: "events" }, ...lines)];
}
