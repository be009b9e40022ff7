/** Parts of a JSON schema as text: for a hover, and for what is inserted. Pure. */
import { l10n } from "../l10n.ts";
import type { Schema } from "./schema-help.ts";

/** `text; such as 2G`, `whole number from 1 to 512`. */
export function facts(schema: Schema): string {
  const { examples = [] } = schema;
  const kinds = [...new Set((schema.anyOf ?? [schema]).map(kindText))].join(" | ");
  return examples.length === 0 ? kinds : l10n.t("{0}, such as {1}", kinds, codeList(examples));
}

function codeList(values: readonly unknown[]): string {
  return values.map((one) => `\`${String(one)}\``).join(", ");
}

function kindText({ type, items, minimum, maximum }: Schema): string {
  switch (type) {
    case "integer":
      return minimum === undefined || maximum === undefined
        ? l10n.t("whole number")
        : l10n.t("whole number from {0} to {1}", minimum, maximum);
    case "string":
      return l10n.t("text");
    case "boolean":
      return l10n.t("true or false");
    case "array": {
      const such = codeList(items?.examples ?? []);
      return such === "" ? l10n.t("list") : l10n.t("list, of such as {0}", such);
    }
    default:
      return l10n.t("map");
  }
}

/** A key with the beginning of what it takes. Between brackets everything stays in one line. */
export function keySnippet(key: string, schema: Schema, flow: boolean): string {
  const map = schema.type === "object";
  if (flow) return map ? `${key}: {$0}` : schema.type === "array" ? `${key}: [$0]` : `${key}: $0`;
  if (map) return `${key}:\n  $0`;
  return schema.type === "array" ? `${key}:\n  - $0` : `${key}: $0`;
}

/** Quoted, unless it is plainly a text or a number as it stands. */
export function exampleText(value: unknown): string {
  const plain = typeof value !== "string" || /^([A-Za-z][\w-]*|\d+[KMGT])$/.test(value);
  return plain ? String(value) : JSON.stringify(value);
}
