/** A part of a file by HTTP. Pure. */
import type { HttpAnswer } from "./http.ts";
import { type Purpose, placeError } from "./place-error.ts";

export type Range = { offset: number; lengthBytes: number };

export function rangeHeader(range: Range | undefined): Record<string, string> {
  return range ? { range: `bytes=${range.offset}-${range.offset + range.lengthBytes - 1}` } : {};
}

/**
 * What was asked for, from an answer that may hold the whole file or, where that is shorter, less. Servers differ in how
 * they say so: by 416, by a range that ends too early, by an empty one.
 */
export function rangeOf(purpose: Purpose, path: string, answer: HttpAnswer, range: Range): Uint8Array {
  const { offset, lengthBytes } = range;
  const { status, headers, body } = answer;
  const start = status === 206 ? Number(/^bytes (\d+)-/.exec(headers["content-range"] ?? "")?.[1]) : 0;
  if (status !== 416 && start <= offset) {
    const part = body.subarray(offset - start, offset - start + lengthBytes);
    if (part.length === lengthBytes) return part;
  }
  throw placeError(
    "not-found",
    purpose,
    `${path} is too short`,
    "It was damaged there: verify the repository, and repair it.",
  );
}
