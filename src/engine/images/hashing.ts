/** Hashes of files while they are written or read. */
import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { HashAlgorithm } from "./catalog.ts";

const READ_BYTES = 2 ** 20;

/** SHA-256 always (it is the image's id), and the catalog's algorithm where that is another. */
export class FileHasher {
  readonly #algorithm: HashAlgorithm;
  #sha256: Hash = createHash("sha256");
  #other: Hash | undefined;
  #bytes = 0;

  constructor(algorithm: HashAlgorithm = "sha256") {
    this.#algorithm = algorithm;
    this.reset();
  }

  /** How many bytes were hashed so far. */
  get bytes(): number {
    return this.#bytes;
  }

  reset(): void {
    this.#sha256 = createHash("sha256");
    this.#other = this.#algorithm === "sha512" ? createHash("sha512") : undefined;
    this.#bytes = 0;
  }

  update(chunk: Uint8Array): void {
    this.#sha256.update(chunk);
    this.#other?.update(chunk);
    this.#bytes += chunk.length;
  }

  /** Hashes a file from where this stands to the file's end. */
  async add(file: FileHandle, signal: AbortSignal, onBytes?: (bytes: number) => void): Promise<void> {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#bytes);
      if (bytesRead === 0) return;
      this.update(buffer.subarray(0, bytesRead));
      onBytes?.(this.#bytes);
    }
  }

  /** Lower-case hex; `wanted` is by the algorithm asked for. Ends the hashes. */
  digest(): { sha256: string; wanted: string } {
    const sha256 = this.#sha256.digest("hex");
    return { sha256, wanted: this.#other?.digest("hex") ?? sha256 };
  }
}
