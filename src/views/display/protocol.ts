/**
 * What the page of a graphical console and the extension tell each other. The page draws what the guest's screen says,
 * which passes through here as bytes, and sends back keys and the pointer; the stream to the engine is this side's. Types,
 * and the check of what either says. Pure; no vscode.
 */
import { type Checks, isRecord, isText, readBy } from "../page-messages.ts";

/** What the page says to its reader; `words.ts` has them in the reader's language. */
export type Words = {
  tools: string;
  ctrlAltDel: string;
  keys: string;
  keysTitle: string;
  size: string;
  fit: string;
  actual: string;
  guest: string;
  viewOnly: string;
  screenshot: string;
  reconnect: string;
  release: string;
  screen: string;
  hasKeyboard: string;
  enterKeyboard: string;
  noKeyboard: string;
};

/** Shown in the place of the screen. */
export type Notice = {
  title: string;
  text?: string | undefined;
  /** Left out: nothing but waiting helps. `connect` is the page's own to ask for. */
  button?: { label: string; command: DisplayCommand | "connect" } | undefined;
};

export const DISPLAY_COMMANDS = ["berth.start", "berth.reconnect", "berth.openConsole"] as const;
export type DisplayCommand = (typeof DISPLAY_COMMANDS)[number];

/** A stream is one connection to the screen; what belongs to an earlier one than the last is nobody's. */
export type ToDisplay =
  | { type: "state"; id: string; name: string; words: Words; notice?: Notice | undefined }
  | { type: "opened"; stream: number }
  | { type: "bytes"; stream: number; bytes: Uint8Array }
  | { type: "closed"; stream: number };

export type FromDisplay =
  | { type: "ready" }
  /** Connect anew. */
  | { type: "connect" }
  | { type: "command"; command: DisplayCommand }
  | { type: "bytes"; stream: number; bytes: Uint8Array }
  /** So many bytes of the screen's have been drawn: more may come. */
  | { type: "taken"; stream: number; count: number }
  /** The page does not understand what the screen says. */
  | { type: "failed"; stream: number; reason: string }
  /** A PNG, to be saved. */
  | { type: "screenshot"; bytes: Uint8Array };

/** The page sends keys and the pointer, a few bytes each, and at most a clipboard's part. */
export const MAX_INPUT_BYTES = 64 * 2 ** 10;
const MAX_PNG_BYTES = 64 * 2 ** 20;
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

const FROM: Checks<FromDisplay> = {
  ready: () => true,
  connect: () => true,
  command: ({ command }) => DISPLAY_COMMANDS.some((known) => known === command),
  bytes: ({ stream, bytes }) => isCount(stream) && isBytes(bytes, MAX_INPUT_BYTES),
  taken: ({ stream, count }) => isCount(stream) && isCount(count),
  failed: ({ stream, reason }) => isCount(stream) && isText(reason),
  screenshot: ({ bytes }) => isBytes(bytes, MAX_PNG_BYTES) && PNG.every((byte, at) => bytes[at] === byte),
};

/** Undefined for what is no message of the page. */
export function readMessage(value: unknown): FromDisplay | undefined {
  return readBy(FROM, value);
}

const TO: Checks<ToDisplay> = {
  state: ({ id, words }) => isText(id) && isRecord(words),
  opened: ({ stream }) => isCount(stream),
  bytes: ({ stream, bytes }) => isCount(stream) && bytes instanceof Uint8Array,
  closed: ({ stream }) => isCount(stream),
};

/** Undefined for what is no message of the extension: others may speak to a page, too. */
export function readTold(value: unknown): ToDisplay | undefined {
  return readBy(TO, value);
}

function isBytes(value: unknown, most: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length <= most;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
