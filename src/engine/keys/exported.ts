/** The engine's key as a text that makes it again on any host, with what tells a slip of the pen. Pure. */
import { createHash } from "node:crypto";
import * as z from "zod";
import { EngineError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { OpenKey } from "./protection.ts";

const BEGINNING = "berth-key";

const Parts = z.tuple([z.literal(BEGINNING), z.uuid(), z.string().regex(/^[0-9a-f]{64}$/), z.string()]);

export function exported({ id, key }: OpenKey): Secret {
  const hex = key.toString("hex");
  return new Secret([BEGINNING, id, hex, checkOf(id, hex)].join(":"));
}

/** Throws `invalid-argument` for what is no such text, or not the whole of one. */
export function imported(text: string): OpenKey {
  const parts = Parts.safeParse(text.trim().toLowerCase().split(":"));
  if (parts.success) {
    const [, id, hex, check] = parts.data;
    if (check === checkOf(id, hex)) return { id, key: Buffer.from(hex, "hex") };
  }
  throw new EngineError("invalid-argument", "cannot take the engine's key: it is not what was exported", {
    hint: `It is one line, and begins with ${BEGINNING}:`,
  });
}

function checkOf(id: string, hex: string): string {
  return createHash("sha256").update(`${id}${hex}`).digest("hex").slice(0, 8);
}
