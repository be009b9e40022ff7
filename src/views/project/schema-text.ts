/** Parts of a JSON schema as text: for a hover, and for what is inserted. Pure. */
import type { Schema } from "./schema-help.ts";

/** `text; such as 2G`, `whole number from 1 to 512`. */
export function facts(schema: Schema): string {
  const { examples = [] } = schema;
  const kinds = [...new Set((schema.anyOf ?? [schema]).map(kindText))].join(" or ");
  const such =
    examples.length > 0 ? `, such as ${examples.map((one) => `\`${String(one)}\``).join(", ")}` : "";
  return kinds + such;
}

function kindText({ type, items, minimum, maximum }: Schema): string {
  switch (type) {
    case "integer":
      return minimum === undefined || maximum === undefined
        ? "whole number"
        : `whole number from ${minimum} to ${maximum}`;
    case "string":
      return "text";
    case "boolean":
      return "true or false";
    case "array": {
      const such = (items?.examples ?? []).map((one) => `\`${String(one)}\``).join(", ");
      return such === "" ? "list" : `list, of such as ${such}`;
    }
    default:
      return "map";
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
