/** Reads the checksum files that distributions publish beside their images. Pure. */
import type { Checksum, HashAlgorithm } from "./catalog.ts";

const LENGTH: Record<HashAlgorithm, number> = { sha256: 64, sha512: 128 };

/**
 * The checksum of `file` in `text`: `<hex>  name`, `<hex> *name`, `SHA256 (name) = <hex>`, or the hex alone where the
 * file is about one image only. Signatures and comments around them are skipped.
 */
export function findChecksum(text: string, file: string, algorithm: HashAlgorithm): Checksum | undefined {
  const alone: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const gnu = /^\\?([0-9a-f]+)\s+\*?(.+?)\s*$/i.exec(line);
    const bsd = /^SHA(?:256|512) ?\((.+)\) ?= ?([0-9a-f]+)\s*$/i.exec(line);
    const hex = (gnu?.[1] ?? bsd?.[2] ?? (/^\s*[0-9a-f]+\s*$/i.test(line) ? line.trim() : "")).toLowerCase();
    if (hex.length !== LENGTH[algorithm]) continue;
    const name = gnu?.[2] ?? bsd?.[1];
    if (name === undefined) alone.push(hex);
    else if (name === file || name.endsWith(`/${file}`)) return { algorithm, hex };
  }
  const [only] = alone;
  return only !== undefined && alone.length === 1 ? { algorithm, hex: only } : undefined;
}
