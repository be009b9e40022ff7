/** Labels: words of the user's own on an instance. No schemas: short commands load this. */
import { EngineError } from "../base/errors.ts";

/** `env`, `team/name`; what follows `=` is free of commas, quotes and control characters. */
export const LABEL_KEY = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;
export const LABEL_VALUE = /^[^\p{C}\s,="'][^\p{C},="']{0,62}$|^$/u;
export const MOST_LABELS = 32;

export type Labels = Readonly<Record<string, string>>;

/** Reads `env=test,web`: a word alone is a label without a value. Throws `invalid-argument` for anything else. */
export function labelsFrom(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const part of text.split(",").map((one) => one.trim())) {
    if (part === "") continue;
    const [, key = "", value = ""] = /^([^=]*)(?:=(.*))?$/s.exec(part) ?? [];
    if (!LABEL_KEY.test(key.trim()) || !LABEL_VALUE.test(value.trim())) throw invalid(part);
    labels[key.trim()] = value.trim();
  }
  if (Object.keys(labels).length > MOST_LABELS) {
    throw new EngineError("invalid-argument", `cannot set labels: there are more than ${MOST_LABELS}`);
  }
  return labels;
}

function invalid(part: string): EngineError {
  return new EngineError("invalid-argument", `cannot set labels: ${JSON.stringify(part)} is not a label`, {
    hint: "Write words or key=value, with commas between them: env=test,web",
  });
}

/** As `labelsFrom` reads it, in the order of the keys. */
export function labelsText(labels: Labels): string {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => (value === "" ? key : `${key}=${value}`))
    .join(",");
}
