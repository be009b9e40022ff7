/** What may be written at a place of a YAML file, and what stands there, from the file's JSON schema. Pure. */
import { isCollection, isMap, isPair, isScalar, type Node, type Pair, parseDocument, visit } from "yaml";
import { exampleText, facts, keySnippet } from "./schema-text.ts";

/** The part of JSON schema that the published one uses. */
export type Schema = {
  description?: string;
  type?: string;
  properties?: Readonly<Record<string, Schema>>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  anyOf?: readonly Schema[];
  examples?: readonly unknown[];
  minimum?: number;
  maximum?: number;
};

export type Suggestion = {
  kind: "key" | "value";
  label: string;
  /** A snippet, as vscode has them. */
  insert: string;
  documentation: string;
  /** Whether the next question is already there: what the key's value may be. */
  goesOn: boolean;
};

/** What takes the place of the text from `from` to `to`. */
export type Suggestions = { from: number; to: number; items: Suggestion[] };

export type Explanation = { from: number; to: number; markdown: string };

type Path = readonly (string | number)[];

/** Stands in the text where the cursor is, so that what is half written can be parsed. */
const CURSOR = "berthCursorStandsHere";

export function suggest(schema: Schema, text: string, offset: number): Suggestions {
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  const word = /["']?[\w.-]*$/.exec(text.slice(lineStart, offset))?.[0] ?? "";
  const rest = /^[\w.-]*["']?/.exec(text.slice(offset))?.[0] ?? "";
  const [from, to] = [offset - word.length, offset + rest.length];
  const before = text.slice(lineStart, from);
  const keys = /^\s*(- +)*$|[{,[]\s*$/.test(before) ? suggestKeys(schema, text, { from, to }) : [];
  const items = keys.length > 0 ? keys : suggestValues(schema, text, { from, to });
  return { from, to, items };
}

type Span = { from: number; to: number };

function suggestKeys(schema: Schema, text: string, { from, to }: Span): Suggestion[] {
  const after = text.slice(to);
  const named = /^[ \t]*:/.test(after);
  const at = findCursor(`${text.slice(0, from)}${CURSOR}${named ? "" : ":"}${after}`);
  if (at?.role !== "key") return [];
  const found = new Map<string, Schema>();
  for (const one of schemasAt(schema, at.path))
    for (const [key, value] of Object.entries(one.properties ?? {}))
      if (!at.siblings.has(key) && !found.has(key)) found.set(key, value);
  return [...found].map(([key, value]) => ({
    kind: "key" as const,
    label: key,
    insert: named ? key : keySnippet(key, value, at.flow),
    documentation: explainSchema(key, value),
    goesOn: !named && !value.properties,
  }));
}

function suggestValues(schema: Schema, text: string, { from, to }: Span): Suggestion[] {
  const at = findCursor(`${text.slice(0, from)}${CURSOR}${text.slice(to)}`);
  if (at?.role !== "value") return [];
  const values = valuesAt(schema, at);
  return [...new Set(values)].map((value) => ({
    ...{ kind: "value" as const, label: value, insert: value.replace(/[$}\\]/g, "\\$&") },
    ...{ documentation: "", goesOn: false },
  }));
}

function valuesAt(schema: Schema, { path, instances }: Found): string[] {
  if (path.at(-2) === "depends-on") return instances.filter((name) => name !== path[1]);
  if (path.at(-1) === "depends-on")
    return instances.filter((name) => name !== path[1]).map((name) => `[${name}]`);
  return schemasAt(schema, path).flatMap((one) => {
    if (one.type === "boolean") return ["true", "false"];
    if (one.type === "array") return (one.items?.examples ?? []).map((value) => `[${exampleText(value)}]`);
    return (one.examples ?? []).map(exampleText);
  });
}

/** Undefined where nothing stands that the schema knows. */
export function explain(schema: Schema, text: string, offset: number): Explanation | undefined {
  let found: Explanation | undefined;
  visit(parseDocument(text, { prettyErrors: false }), {
    Pair(_, pair, ancestors) {
      const span = spanAt(pair, offset);
      if (!span || !isScalar(pair.key)) return;
      const key = String(pair.key.value);
      const [value] = schemasAt(schema, [...pathOf(ancestors as Ancestors, pair), key]);
      if (value) found = { ...span, markdown: explainSchema(key, value) };
    },
  });
  return found;
}

/** Of the key, or of the plain value, whichever the offset is in. */
function spanAt({ key, value }: Pair, offset: number): Span | undefined {
  for (const node of [key, value]) {
    if (!isScalar(node) || !node.range) continue;
    const [from, to] = node.range;
    if (offset >= from && offset <= to) return { from, to };
  }
  return undefined;
}

function explainSchema(key: string, schema: Schema): string {
  const [described] = [schema, ...(schema.anyOf ?? [])].filter(({ description }) => description);
  return [`**${key}** · ${facts(schema)}`, described?.description ?? ""].filter(Boolean).join("\n\n");
}

type Found = {
  role: "key" | "value";
  /** Of the map that the key belongs to, or of the value itself. */
  path: Path;
  siblings: ReadonlySet<string>;
  /** Whether it stands between brackets. */
  flow: boolean;
  instances: readonly string[];
};

type Ancestors = readonly (Node | Pair)[];

function findCursor(text: string): Found | undefined {
  const document = parseDocument(text, { prettyErrors: false });
  let found: Found | undefined;
  visit(document, {
    Scalar(role, node, ancestors) {
      if (node.value !== CURSOR) return undefined;
      const above = ancestors as Ancestors;
      const pair = above.findLast((one) => isPair(one));
      const [parent] = above.filter((one) => isMap(one)).slice(-1);
      const flow = above.some((one) => isCollection(one) && one.flow === true);
      const siblings = new Set(
        role === "key" && parent ? keysOf(parent).filter((key) => key !== CURSOR) : [],
      );
      const path = role === "key" && pair ? pathOf(above.slice(0, -1), pair) : pathOf(above, node);
      found = { role: role === "key" ? "key" : "value", path, siblings, flow, instances: [] };
      return visit.BREAK;
    },
  });
  const { contents } = document;
  const instances = isMap(contents) ? contents.get("instances") : undefined;
  return found && { ...found, instances: isMap(instances) ? keysOf(instances) : [] };
}

function keysOf(node: unknown): string[] {
  if (!isMap(node)) return [];
  return node.items.map(({ key }) => (isScalar(key) ? String(key.value) : ""));
}

/** From the top of the document to this child of the last ancestor. */
function pathOf(ancestors: Ancestors, child: Node | Pair): (string | number)[] {
  const all = [...ancestors, child];
  return all.flatMap((node, index): (string | number)[] => {
    const next = all[index + 1];
    if (isPair(node)) return next && isScalar(node.key) && next !== node.key ? [String(node.key.value)] : [];
    if (isCollection(node) && !isMap(node) && next) return [node.items.indexOf(next)];
    return [];
  });
}

function schemasAt(schema: Schema, path: Path): Schema[] {
  return path.reduce<Schema[]>((all, step) => all.flatMap((one) => childrenAt(one, step)), expanded(schema));
}

function childrenAt(schema: Schema, step: string | number): Schema[] {
  if (typeof step === "number") return schema.items ? expanded(schema.items) : [];
  const { properties, additionalProperties } = schema;
  if (properties && Object.hasOwn(properties, step)) return expanded(properties[step] ?? {});
  return typeof additionalProperties === "object" ? expanded(additionalProperties) : [];
}

/** It and, of what may be one or another, all of them. */
function expanded(schema: Schema): Schema[] {
  return [schema, ...(schema.anyOf ?? []).flatMap(expanded)];
}
