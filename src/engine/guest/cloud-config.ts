/**
 * What cloud-init's published schema has against a cloud-config. A guest's cloud-init may be newer than the schema and
 * take more, so these are warnings: only the guest itself can say no. Loaded when it is first needed.
 */
import { type OutputUnit, type Schema, Validator } from "@cfworker/json-schema";
import schema from "./schemas/cloud-config.json" with { type: "json" };

export type Finding = { path: (string | number)[]; text: string };

/** Keywords that only say that something beneath them is wrong. */
const OUTER = new Set([
  "allOf",
  "anyOf",
  "oneOf",
  "$ref",
  "properties",
  "items",
  "patternProperties",
  "not",
  "if",
]);
const MAX_FINDINGS = 5;

let validator: Validator | undefined;

export function checkCloudConfig(config: Readonly<Record<string, unknown>>): Finding[] {
  validator ??= new Validator(schema as Schema, "4", false);
  const { errors } = validator.validate(config);
  return [...unknownKeys(config), ...innermost(errors)].slice(0, MAX_FINDINGS);
}

/** One finding for each top-level key: the deepest, since those above it follow from it. */
function innermost(errors: readonly OutputUnit[]): Finding[] {
  const deepest = new Map<string, OutputUnit>();
  for (const error of errors) {
    if (OUTER.has(error.keyword)) continue;
    const key = pathOf(error)[0];
    if (key === undefined) continue;
    const known = deepest.get(String(key));
    if (!known || pathOf(error).length > pathOf(known).length) deepest.set(String(key), error);
  }
  return [...deepest.values()].map((error) => ({ path: pathOf(error), text: wordsOf(error) }));
}

function pathOf({ instanceLocation }: OutputUnit): (string | number)[] {
  const parts = instanceLocation.split("/").slice(1);
  return parts.map((part) => {
    const text = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    return /^\d+$/.test(text) ? Number(text) : text;
  });
}

function wordsOf(error: OutputUnit): string {
  const where = pathOf(error).join(".");
  const [, expected] = /Expected "(\w+)"/.exec(error.error) ?? [];
  if (error.keyword === "type" && expected)
    return `${where} must be ${/^[aeiou]/.test(expected) ? "an" : "a"} ${expected}`;
  const [, missing] = /required property "([^"]+)"/.exec(error.error) ?? [];
  if (missing) return `${where} needs a ${missing}`;
  return `${where}: ${error.error.replace(/^Instance /, "").replace(/\.$/, "")}`;
}

/** cloud-init ignores what it does not know, which is what a slip of the pen looks like. */
function unknownKeys(config: Readonly<Record<string, unknown>>): Finding[] {
  const known = knownKeys();
  return Object.keys(config)
    .filter((key) => !known.has(key))
    .map((key) => {
      const near = [...known].find((one) => one.length > 3 && distance(one, key) <= 2);
      const text = `cloud-init may not know ${key}${near ? `; ${near} is meant, perhaps` : ""}`;
      return { path: [key], text };
    });
}

let keys: Set<string> | undefined;

/** Those of the schema, and those that came later or that it leaves out. */
function knownKeys(): Set<string> {
  if (keys) return keys;
  const later = [
    "ubuntu_pro",
    "network",
    "datasource",
    "system_info",
    "groups",
    "swap",
    "debug",
    "autoinstall",
  ];
  keys = new Set([
    ...later,
    "cloud_init_modules",
    "cloud_config_modules",
    "cloud_final_modules",
    "launch-index",
    "version",
  ]);
  for (const part of Object.values(schema.$defs) as { properties?: object }[])
    for (const key of Object.keys(part.properties ?? {})) keys.add(key);
  return keys;
}

/** Edits between two words (Levenshtein), counted to three. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      next[j] = Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + cost);
    }
    row = next;
  }
  return row[b.length] ?? 3;
}
