/** By what a VM in a file is known: `docs/move.md` describes the file. No schemas, as in `names.ts`. */

/** All in it lies beneath, its definition first. */
export const VM_FILE_ROOT = "berth-vm";
/** What one begins with that is encrypted by a passphrase. */
export const SEALED_MAGIC = "berth-sealed-v1\n";
/** As much as tells which of them it is, or neither. */
export const VM_FILE_HEAD_BYTES = 16;

export function vmFileKind(head: Uint8Array): "plain" | "sealed" | undefined {
  const text = String.fromCharCode(...head.subarray(0, VM_FILE_HEAD_BYTES));
  if (text === SEALED_MAGIC) return "sealed";
  return text.startsWith(`${VM_FILE_ROOT}/`) ? "plain" : undefined;
}
