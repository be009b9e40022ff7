/** API tokens as text: an id to find one by, and a secret of which only a hash is kept. Pure but for the drawing. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const FORM = /^berth_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

/** Whether a bearer's text is one of ours, right or wrong. */
export function looksLikeToken(text: string): boolean {
  return text.startsWith("berth_");
}

/** 256 random bits cannot be guessed, so that a plain hash of them is enough, and costs a request nothing. */
export function drawToken(): { id: string; text: string; hash: string } {
  const id = randomBytes(8).toString("hex");
  const text = `berth_${id}_${randomBytes(32).toString("base64url")}`;
  return { id, text, hash: hashOf(text) };
}

export function idIn(text: string): string | undefined {
  return FORM.exec(text)?.[1];
}

export function isToken(text: string, hash: string): boolean {
  const [given, kept] = [Buffer.from(hashOf(text)), Buffer.from(hash)];
  return given.length === kept.length && timingSafeEqual(given, kept);
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
