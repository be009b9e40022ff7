/**
 * What an instance's panel and the extension tell each other. The panel is a web page that shows strings and asks for
 * things; what may be done is decided on this side. Types, and the check of what either says. Pure; no vscode.
 */
import type { Metrics } from "../../api/metrics.ts";
import { type Checks, isRecord, isText, readBy } from "../page-messages.ts";

export type Tone = "on" | "busy" | "off" | "bad";

export type PanelAction = { command: string; label: string; primary?: true };

/** A moment that the instance can go back to. */
export type TimelineRow = {
  kind: "snapshot" | "memory" | "backup";
  /** Of its kind, its own. */
  id: string;
  name: string;
  day: string;
  time: string;
  what: string;
  /** The instance stands on it. */
  current?: true | undefined;
  /** Nobody has asked for it. */
  automatic?: true | undefined;
  actions: PanelAction[];
  /** What can be compared; none where nothing can. */
  facts: [name: string, value: string][];
};

export type EventRow = {
  id: string;
  at: string;
  what: string;
  status: "running" | "succeeded" | "failed" | "cancelled";
  detail?: string | undefined;
};

export type PanelState = {
  id: string;
  name: string;
  /** Undefined while the engine is there; else why not. */
  lost?: string | undefined;
  word: string;
  tone: Tone;
  summary: string;
  progress?: { text: string; percent?: number | undefined } | undefined;
  problems: { severity: "info" | "warning" | "error"; message: string; hint?: string | undefined }[];
  actions: PanelAction[];
  facts: [name: string, value: string][];
  running: boolean;
  /** It has no cloud-init, no disks and no size of its own; its limits may be left open. */
  isContainer: boolean;
  sizes: {
    cpus: string;
    memory: string;
    /** Absent where it has no disk of its own. */
    disk?: string | undefined;
    autostart: string;
    locked?: string | undefined;
  };
  timeline: TimelineRow[];
  backupsNote?: string | undefined;
  isStopped: boolean;
  canSnapshot: boolean;
  canBackUp: boolean;
  ports: { id: string; text: string; url?: string | undefined }[];
  mounts: { target: string; source: string; type: string }[];
  disks: { name: string; size: string }[];
  /** Its own one first, then those of this host. */
  networks: { name: string; detail: string }[];
  events: EventRow[];
};

export type LogName = "serial" | "cloud-init" | "driver";

export type ToPanel =
  | { type: "state"; state: PanelState }
  | { type: "metrics"; metrics: Metrics }
  | { type: "log"; source: LogName; text: string }
  | { type: "setup"; status: string; errors: string[] }
  /** The engine cannot be reached, and nothing is known of the instance. */
  | { type: "away"; reason: string }
  /** The instance is no more. */
  | { type: "gone"; name: string };

export type SizeForm = { cpus: string; memory: string; disk: string; autostart: string };

export type FromPanel =
  | { type: "ready" }
  | { type: "command"; command: string }
  | { type: "moment"; command: string; kind: TimelineRow["kind"]; id: string }
  /** The timeline is looked at: what lies in repositories is asked for. */
  | { type: "backups" }
  | { type: "resize"; form: SizeForm }
  | { type: "log"; source: LogName }
  | { type: "setup" }
  | { type: "open"; url: string };

const MOMENTS: readonly string[] = ["snapshot", "memory", "backup"] satisfies TimelineRow["kind"][];
const LOGS: readonly string[] = ["serial", "cloud-init", "driver"] satisfies LogName[];
const LISTS = ["problems", "actions", "facts", "timeline", "ports", "mounts", "disks", "networks", "events"];

const FROM: Checks<FromPanel> = {
  ready: () => true,
  setup: () => true,
  command: ({ command }) => isText(command),
  moment: ({ command, kind, id }) => isText(command) && isText(id) && isText(kind) && MOMENTS.includes(kind),
  backups: () => true,
  resize: ({ form }) =>
    isRecord(form) && ["cpus", "memory", "disk", "autostart"].every((key) => isText(form[key])),
  log: ({ source }) => isText(source) && LOGS.includes(source),
  open: ({ url }) => isText(url) && /^https?:\/\/(localhost|127(\.\d{1,3}){3}):\d{1,5}\/?$/.test(url),
};

/** Undefined for what is no message of the page. */
export function readMessage(value: unknown): FromPanel | undefined {
  return readBy(FROM, value);
}

const TO: Checks<ToPanel> = {
  state: ({ state }) =>
    isRecord(state) && isRecord(state["sizes"]) && LISTS.every((key) => Array.isArray(state[key])),
  metrics: ({ metrics }) => isRecord(metrics),
  log: ({ source, text }) => isText(source) && LOGS.includes(source) && typeof text === "string",
  setup: ({ status, errors }) => typeof status === "string" && Array.isArray(errors),
  away: ({ reason }) => typeof reason === "string",
  gone: ({ name }) => typeof name === "string",
};

/** Undefined for what is no message of the extension: others may speak to a page, too. */
export function readTold(value: unknown): ToPanel | undefined {
  return readBy(TO, value);
}
