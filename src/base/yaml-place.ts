/** Where in a YAML text something stands. Pure. */
import { type Document, isMap, isNode, isSeq, type LineCounter } from "yaml";

export type Place = { line: number; column: number };

/** Of the key at this path, or of the nearest node above it that is there. */
export function placeOf(document: Document, lines: LineCounter, path: readonly (string | number)[]): Place {
  const { line, col } = lines.linePos(offsetOf(document, path) ?? 0);
  return { line, column: col };
}

function offsetOf(document: Document, path: readonly (string | number)[]): number | undefined {
  for (let length = path.length; length >= 0; length -= 1) {
    const parent = length === 0 ? undefined : nodeAt(document, path.slice(0, length - 1));
    const last = path[length - 1];
    if (isMap(parent) && last !== undefined) {
      const pair = parent.items.find(({ key }) => String(isNode(key) ? key.toJSON() : key) === String(last));
      if (pair && isNode(pair.key) && pair.key.range) return pair.key.range[0];
    }
    const node = nodeAt(document, path.slice(0, length));
    if (isNode(node) && node.range) return node.range[0];
  }
  return undefined;
}

function nodeAt(document: Document, path: readonly (string | number)[]): unknown {
  let node: unknown = document.contents;
  for (const key of path) {
    if (isMap(node)) node = node.get(key, true);
    else if (isSeq(node)) node = node.get(Number(key), true);
    else return undefined;
  }
  return node;
}
