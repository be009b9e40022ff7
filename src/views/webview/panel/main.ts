/** The page of an instance's panel. It shows what the extension says and asks it for things; it knows nothing itself. */
import "uplot/dist/uPlot.min.css";
import "./panel.css";
import { type LogName, type PanelState, readTold } from "../../panel/protocol.ts";
import { type Child, h, Part } from "../dom.ts";
import { Charts } from "./charts.ts";
import { save, saved, tell } from "./host.ts";
import { button, empty, events, facts, problems, shared } from "./sections.ts";
import { sizes } from "./sizes.ts";
import { Tabs } from "./tabs.ts";
import { timeline } from "./timeline.ts";

type Header = Pick<PanelState, "name" | "word" | "tone" | "summary" | "actions" | "progress" | "lost">;

const parts = {
  header: new Part<Header>(h("header"), drawHeader),
  problems: new Part(h("div"), problems),
  facts: new Part<PanelState["facts"]>(h("div"), (rows) => [facts(rows)]),
  sizes: new Part(h("div"), sizes),
  timeline: new Part(h("div"), timeline),
  shared: new Part(h("div"), shared),
  events: new Part(h("div"), events),
  setup: new Part(h("div"), drawSetup),
};
const root = document.getElementById("root");
const charts = new Charts();
const noCharts = empty("Figures are shown while it runs.");
const logs = new Map<LogName, HTMLElement>();
const wantLog = (source: LogName) => tell({ type: "log", source });

const tabs = new Tabs(
  [
    {
      ...{ id: "overview", label: "Overview" },
      element: h("div", {}, parts.problems.element, charts.element, noCharts, parts.facts.element),
    },
    { id: "resources", label: "Resources", element: h("div", {}, parts.sizes.element) },
    {
      ...{ id: "timeline", label: "Timeline", element: h("div", {}, parts.timeline.element) },
      onShow: () => tell({ type: "backups" }),
    },
    { id: "shared", label: "Sharing", element: h("div", {}, parts.shared.element) },
    {
      ...{
        id: "setup",
        label: "cloud-init",
        element: h("div", {}, parts.setup.element, logView("cloud-init")),
      },
      onShow: () => {
        tell({ type: "setup" });
        wantLog("cloud-init");
      },
    },
    {
      ...{ id: "serial", label: "Serial Log", element: h("div", {}, logView("serial")) },
      onShow: () => wantLog("serial"),
    },
    { id: "events", label: "Events", element: h("div", {}, parts.events.element) },
  ],
  (tab) => save({ tab }),
);

function drawHeader({ name, word, tone, summary, actions, progress, lost }: Header): Child[] {
  const buttons = actions.map(({ label, command, primary }) =>
    button(label, command, primary ? "primary" : "secondary"),
  );
  const away =
    lost !== undefined &&
    h(
      "div",
      { class: "problem error", role: "alert" },
      h("strong", {}, lost),
      button("Reconnect", "berth.reconnect", "primary"),
    );
  return [
    h(
      "div",
      { class: "title" },
      h("h1", {}, name),
      h("span", { class: `state ${tone}`, role: "status" }, word),
    ),
    h("p", { class: "summary" }, summary),
    away,
    progress && progressBar(progress),
    h("div", { class: "row", role: "toolbar", "aria-label": "Actions" }, ...buttons),
  ];
}

function progressBar({ text, percent }: NonNullable<PanelState["progress"]>): HTMLElement {
  const bar = h("progress", { max: 100, value: percent, "aria-label": text });
  return h("div", { class: "progress" }, h("span", {}, text), bar);
}

function drawSetup({ status, errors }: { status: string; errors: string[] }): Child[] {
  const words = status === "" ? "The guest has not told how cloud-init fares." : `Status: ${status}`;
  return [h("p", {}, words), ...errors.map((error) => h("div", { class: "problem error" }, error))];
}

function logView(source: LogName): HTMLElement {
  const text = h("pre", { class: "log", tabindex: 0, "aria-label": `${source} log` });
  logs.set(source, text);
  const refresh = h(
    "button",
    { type: "button", class: "secondary", onclick: () => wantLog(source) },
    "Refresh",
  );
  return h("div", {}, h("div", { class: "row" }, refresh), text);
}

function showState(state: PanelState): void {
  const { name, word, tone, summary, actions, progress, lost, running } = state;
  save({ id: state.id });
  if (parts.header.element.parentElement !== root) root?.replaceChildren(parts.header.element, tabs.element);
  parts.header.update({ name, word, tone, summary, actions, progress, lost });
  parts.problems.update(state.problems);
  parts.facts.update(state.facts);
  parts.sizes.update(state.sizes);
  const { ports, mounts, disks, networks, isContainer, isStopped, canSnapshot, canBackUp } = state;
  const can = { isStopped, canSnapshot, canBackUp };
  parts.timeline.update({ rows: state.timeline, ...can, note: state.backupsNote });
  parts.shared.update({ ports, mounts, disks, networks, isContainer });
  tabs.offer("setup", !isContainer);
  tabs.rename("serial", isContainer ? "Log" : "Serial Log");
  parts.events.update(state.events);
  if (!running && noCharts.hidden) charts.clear();
  charts.element.hidden = !running;
  noCharts.hidden = running;
}

/** Stays at the end of a log, where its reader is there. */
function showLog(source: LogName, text: string): void {
  const place = logs.get(source);
  if (!place) return;
  const atEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 40;
  place.textContent = text === "" ? "(This log is empty.)" : text;
  if (atEnd) place.scrollTop = place.scrollHeight;
}

function showInstead(text: string, remedy?: HTMLElement): void {
  root?.replaceChildren(empty(text), ...(remedy ? [remedy] : []));
}

function hear(value: unknown): void {
  const data = readTold(value);
  if (!data) return;
  if (data.type === "state") showState(data.state);
  else if (data.type === "metrics") charts.add(data.metrics);
  else if (data.type === "log") showLog(data.source, data.text);
  else if (data.type === "setup") parts.setup.update({ status: data.status, errors: data.errors });
  else if (data.type === "away") showInstead(data.reason, button("Reconnect", "berth.reconnect", "primary"));
  else showInstead(`${data.name || "This instance"} is no more.`);
}

window.addEventListener("message", ({ data }: MessageEvent<unknown>) => hear(data));
const first = document.getElementById("first")?.textContent;
if (first) hear(JSON.parse(first));
else showInstead("Connecting to the engine…");
tell({ type: "ready" });
tabs.show(saved().tab ?? "overview");
