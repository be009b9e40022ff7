/** Messages between the extension and its pages: what is none of those that a table knows is nobody's. Pure; no vscode. */

export type Fields = Record<string, unknown>;

/** Whether a message of this type has what it needs. */
export type Checks<M extends { type: string }> = Record<M["type"], (message: Fields) => boolean>;

const MAX_TEXT = 1000;

/** Undefined for what is no such message. */
export function readBy<M extends { type: string }>(checks: Checks<M>, value: unknown): M | undefined {
  if (!isRecord(value)) return undefined;
  const { type } = value;
  if (typeof type !== "string" || !Object.hasOwn(checks, type)) return undefined;
  return checks[type as M["type"]](value) ? (value as M) : undefined;
}

export function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_TEXT;
}

export function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
