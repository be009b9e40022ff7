/** An unfinished download: its record, and what it takes to go on with it. */
import { readFile, rm } from "node:fs/promises";
import * as z from "zod";

/** What is known of the file that a part is the beginning of. */
export const PartRecord = z.object({
  url: z.string(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  total: z.int().nonnegative().optional(),
});
export type PartRecord = z.infer<typeof PartRecord>;

/** Removes a part and its record. */
export async function removePart(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(`${part}.json`, { force: true });
}

/**
 * The headers that ask for the rest. Undefined when that could mix two files: without a strong validator only a known
 * checksum makes it safe.
 */
export function rangeHeaders(
  offset: number,
  record: PartRecord | undefined,
  verified: boolean,
): Record<string, string> | undefined {
  if (offset === 0) return {};
  const etag = record?.etag?.startsWith('"') ? record.etag : undefined;
  const validator = etag ?? record?.lastModified;
  if (validator === undefined) return verified ? { range: `bytes=${offset}-` } : undefined;
  return { range: `bytes=${offset}-`, "if-range": validator };
}

/** What a `Content-Range` header says; undefined without a well-formed one. */
export function contentRange(response: Response): { start?: number; total?: number } | undefined {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
  if (!match) return undefined;
  return {
    ...(match[1] === undefined ? {} : { start: Number(match[1]) }),
    ...(match[2] === undefined || match[2] === "*" ? {} : { total: Number(match[2]) }),
  };
}

/** The record beside a part, or undefined. */
export async function readRecord(part: string): Promise<PartRecord | undefined> {
  try {
    return PartRecord.parse(JSON.parse(await readFile(`${part}.json`, "utf8")));
  } catch {
    return undefined; // Without a record the part is only of use where a checksum is known.
  }
}
