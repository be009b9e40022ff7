/**
 * What an instance's panel and the extension tell each other. The panel is a web page that shows strings and asks for
 * things; what may be done is decided on this side. Types, and the check of what the page says. Pure; no vscode.
 */
import type { Metrics } from "../../api/metrics.ts";

export type Tone = "on" | "busy" | "off" | "bad";

export type PanelAction = { command: string; label: string; primary?: true };

export type SnapshotRow = {
  id: string;
  name: string;
  comment: string;
  /** How deep it stands in the tree; its parent is the nearest row above that is less deep. */
  depth: number;
  current: boolean;
  created: string;
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
  sizes: { cpus: number; memory: string; disk: string; autostart: string; locked?: string | undefined };
  snapshots: SnapshotRow[];
  canSnapshot: boolean;
  ports: { id: string; text: string; url?: string | undefined }[];
  mounts: { target: string; source: string; type: string }[];
  disks: { name: string; size: string }[];
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
  | { type: "snapshot"; command: string; id: string }
  | { type: "resize"; form: SizeForm }
  | { type: "log"; source: LogName }
  | { type: "setup" }
  | { type: "open"; url: string };

const LOGS: readonly string[] = ["serial", "cloud-init", "driver"] satisfies LogName[];
const MAX_TEXT = 1000;

type Fields = Record<string, unknown>;

/** What a page may say, by its type; everything else is no message of ours. */
const CHECKS: Record<FromPanel["type"], (message: Fields) => boolean> = {
  ready: () => true,
  setup: () => true,
  command: ({ command }) => isText(command),
  snapshot: ({ command, id }) => isText(command) && isText(id),
  resize: ({ form }) =>
    isRecord(form) && ["cpus", "memory", "disk", "autostart"].every((key) => isText(form[key])),
  log: ({ source }) => isText(source) && LOGS.includes(source),
  open: ({ url }) => isText(url) && /^https?:\/\/(localhost|127(\.\d{1,3}){3}):\d{1,5}\/?$/.test(url),
};

/** Undefined for what is no message of the page. */
export function readMessage(value: unknown): FromPanel | undefined {
  if (!isRecord(value) || !isText(value["type"]) || !Object.hasOwn(CHECKS, value["type"])) return undefined;
  return CHECKS[value["type"] as FromPanel["type"]](value) ? (value as FromPanel) : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_TEXT;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
