/** Reads all of a backup: each piece is compared with its sum on its way. */
import type { Ctx } from "../ctx.ts";
import type { BackupReader } from "./repository/reader.ts";
import type { Snapshot } from "./repository/snapshot.ts";

export async function verifyBackup(ctx: Ctx, reader: BackupReader, snapshot: Snapshot): Promise<void> {
  const total = snapshot.summary?.total_bytes_processed ?? 0;
  let done = 0;
  for await (const { node } of reader.walk(ctx, snapshot)) {
    if (node.type !== "file") continue;
    for await (const { lengthBytes } of (await reader.open(ctx, node)).pieces(ctx)) {
      done += lengthBytes;
      ctx.progress({ phase: "verify", done, ...(total > 0 ? { total } : {}) });
    }
  }
}
