/**
 * A VM as one file: a tar, so that it depends on no Berth. `tar -xf` gives its definition and its disks as sparse raw
 * images. Behind the tar's end is a sum of all that comes before. The whole may be sealed by a passphrase.
 */
import { VM_FILE_ROOT } from "../../../api/vm-file.ts";
import { EngineError } from "../../../base/errors.ts";

export const DEFINITION_ENTRY = `${VM_FILE_ROOT}/instance.json`;
const DISKS = `${VM_FILE_ROOT}/disks`;
const FIRMWARE = `${VM_FILE_ROOT}/firmware`;

/** As GNU tar names the entry of a sparse file; its own name is in `pax`. */
export function diskEntry(id: string, sizeBytes: number): { name: string; pax: Record<string, string> } {
  return {
    name: `${DISKS}/GNUSparseFile.0/${id}.raw`,
    pax: {
      "GNU.sparse.major": "1",
      "GNU.sparse.minor": "0",
      "GNU.sparse.name": `${DISKS}/${id}.raw`,
      "GNU.sparse.realsize": String(sizeBytes),
    },
  };
}

export function smallEntry(name: string): string {
  return `${FIRMWARE}/${name}`;
}

export type EntryFacts = { name: string; pax?: Record<string, string> | null | undefined };

/** What an entry is; undefined for what does not belong into such a file. Pure. */
export function kindOf({
  name,
  pax,
}: EntryFacts):
  | { kind: "small"; name: string }
  | { kind: "disk"; id: string; sizeBytes: number }
  | undefined {
  const small = /^berth-vm\/firmware\/([\w.-]{1,64})$/.exec(name)?.[1];
  if (small !== undefined) return { kind: "small", name: small };
  const id = /^berth-vm\/disks\/GNUSparseFile\.0\/([0-9a-z-]{1,64})\.raw$/.exec(name)?.[1];
  const {
    "GNU.sparse.major": major,
    "GNU.sparse.minor": minor,
    "GNU.sparse.realsize": size = "",
  } = pax ?? {};
  if (id === undefined || major !== "1" || minor !== "0" || !/^\d{1,15}$/.test(size)) return undefined;
  return { kind: "disk", id, sizeBytes: Number(size) };
}

export function damagedFile(reason: string, cause?: unknown): EngineError {
  return new EngineError("invalid-argument", `cannot import the file: it is damaged: ${reason}`, {
    hint: "Nothing of it is kept. Copy it again from where it was exported to, or export it anew.",
    cause,
  });
}
