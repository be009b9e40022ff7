/**
 * The lists of ids in a tree's JSON. As strings, those of a disk of 1 TiB would be two million objects, so they are taken out
 * before the JSON is parsed, and written past it.
 */
import { ID_BYTES, type IdList, idCount } from "./ids.ts";
import { JsonText } from "./json-text.ts";

export type LiftedTree = { json: string; contents: IdList[] };

/** Where a list was, its number stays. Throws where a list of content holds anything but ids, or there are no nodes. */
export function liftContents(bytes: Uint8Array): LiftedTree {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const json = new JsonText(text);
  const contents: IdList[] = [];
  const kept: string[] = [];
  let copied = 0;
  const lift = () => {
    kept.push(text.toString("utf8", copied, json.at), String(contents.length));
    contents.push(json.ids());
    copied = json.at;
  };
  json.object((key) => {
    if (key !== "nodes") json.skip();
    else if (!json.null())
      json.array(() =>
        json.object((field) => {
          if (field !== "content") json.skip();
          else if (!json.null()) lift();
        }),
      );
  });
  json.end();
  kept.push(text.toString("utf8", copied));
  return { json: kept.join(""), contents };
}

/** Two quotes, 64 digits and a comma each. */
const ID_TEXT_BYTES = 2 * ID_BYTES + 3;
const HEX_DIGITS = Buffer.from("0123456789abcdef");
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

export function contentTextBytes(ids: IdList): number {
  return ids.length === 0 ? 2 : idCount(ids) * ID_TEXT_BYTES + 1;
}

/** Writes a list as JSON: as many bytes as `contentTextBytes` says. */
export function writeContent(ids: IdList, text: Uint8Array, start: number): void {
  text[start] = OPEN_LIST;
  let at = start + 1;
  for (let byte = 0; byte < ids.length; byte++) {
    if (byte % ID_BYTES === 0) text[at++] = QUOTE;
    const value = ids[byte] as number;
    text[at++] = HEX_DIGITS[value >> 4] as number;
    text[at++] = HEX_DIGITS[value & 15] as number;
    if (byte % ID_BYTES < ID_BYTES - 1) continue;
    text[at++] = QUOTE;
    text[at++] = COMMA;
  }
  text[start + contentTextBytes(ids) - 1] = CLOSE_LIST;
}
