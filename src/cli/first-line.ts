/** What is too secret for an argument. */
import { createReadStream } from "node:fs";
import { EngineError, messageOf } from "../base/errors.ts";
import type { Session } from "./session.ts";

/** The first line of a file, or of standard input for `-`. */
export async function firstLine(session: Session, from: string, what: string): Promise<string> {
  let text = "";
  try {
    const source = from === "-" ? session.io.stdin : createReadStream(from);
    for await (const chunk of source) text += String(chunk);
  } catch (cause) {
    const reason = `cannot read ${what} from ${from}: ${messageOf(cause)}`;
    throw new EngineError("invalid-argument", reason, { cause });
  }
  return text.split(/\r?\n/, 1)[0] ?? "";
}
