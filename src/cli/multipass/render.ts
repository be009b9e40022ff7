/** JSON, YAML and CSV byte for byte as Multipass prints them, so that what parses its output parses ours. Pure. */

/** A value in either language; `undefined` members are left out. */
export type Value =
  | string
  | number
  | boolean
  | null
  | readonly Value[]
  | { readonly [key: string]: Value | undefined };

/** Four spaces, members in the order given, an empty list or object broken over two lines, a final newline. */
export function json(value: Value): string {
  return `${jsonOf(value, "")}\n`;
}

function jsonOf(value: Value, indent: string): string {
  if (Array.isArray(value))
    return jsonBlock(
      "[",
      "]",
      indent,
      value.map((item) => jsonOf(item, `${indent}    `)),
    );
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = present(value).map(
    ([key, item]) => `${JSON.stringify(key)}: ${jsonOf(item, `${indent}    `)}`,
  );
  return jsonBlock("{", "}", indent, members);
}

function jsonBlock(open: string, close: string, indent: string, items: readonly string[]): string {
  const lines = items.map((item) => `${indent}    ${item}`).join(",\n");
  return `${open}\n${lines}${lines ? "\n" : ""}${indent}${close}`;
}

function present(value: object): [string, Value][] {
  return Object.entries(value as Record<string, Value | undefined>).flatMap(([key, item]) =>
    item === undefined ? [] : [[key, item] as [string, Value]],
  );
}

/**
 * Block style, two spaces; null is `~`, an empty list stands as `[]` on a line of its own, an empty map as `{}`. Nothing
 * at all is an empty line.
 */
export function yaml(value: { readonly [key: string]: Value | undefined }): string {
  return yamlMap(value, "") || "\n";
}

function yamlMap(value: object, indent: string): string {
  return present(value)
    .map(([key, item]) => `${indent}${scalar(key)}:${yamlMember(item, indent)}`)
    .join("");
}

function yamlMember(item: Value, indent: string): string {
  if (Array.isArray(item)) {
    return item.length === 0
      ? `\n${indent}  []\n`
      : `\n${item.map((one) => yamlItem(one, `${indent}  `)).join("")}`;
  }
  if (typeof item !== "object" || item === null) return ` ${scalar(item as null)}\n`;
  return present(item).length === 0 ? `\n${indent}  {}\n` : `\n${yamlMap(item, `${indent}  `)}`;
}

function yamlItem(item: Value, indent: string): string {
  if (typeof item !== "object" || item === null) return `${indent}- ${scalar(item as null)}\n`;
  return `${indent}- ${yamlMap(item, `${indent}  `).slice(indent.length + 2)}`;
}

/** Plain where YAML would read the same text back, quoted otherwise. */
function scalar(value: string | number | boolean | null): string {
  if (value === null) return "~";
  if (typeof value !== "string") return String(value);
  const plain = /^[A-Za-z0-9_/.()<>=+ -][A-Za-z0-9_/.,()<>=+@ -]*$/.test(value) && !/^[- ]|\s$/.test(value);
  const special = /^(~|null|true|false|yes|no|on|off|[-+.]?[0-9][0-9_]*:[0-9:]+)$/i.test(value);
  return plain && !special ? value : JSON.stringify(value);
}

/** One line; cells are put in as they are, as Multipass does: quote those that need it. */
export function csv(header: string, rows: readonly (readonly string[])[]): string {
  return [header, ...rows.map((row) => row.join(","))].map((line) => `${line}\n`).join("");
}

/** Left-aligned columns of at least these widths, three spaces after the longest cell; the last one is not padded. */
export function columns(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  least: readonly number[] = [],
): string {
  const widths = header.map((name, at) =>
    Math.max(least[at] ?? 0, ...[name, ...rows.map((row) => row[at] ?? "")].map((cell) => cell.length + 3)),
  );
  const line = (row: readonly string[]) =>
    row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join("");
  return [header, ...rows].map((row) => `${line(row)}\n`).join("");
}
