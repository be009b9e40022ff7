/** audit: the record of what was decided. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Command } from "commander";
import { type AuditRecord, MOST_RECORDS } from "../api/audit.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { ChainCheck, type Verified } from "../base/hash-chain.ts";
import { type Format, json, table } from "./format.ts";
import { formatOption, wholeNumber } from "./options.ts";
import type { Session } from "./session.ts";

type Asked = { format: Format; last?: number; by?: string; denied?: boolean };

export function addAuditCommands(program: Command, session: Session): void {
  const audit = program
    .command("audit")
    .description("Read the record of who did what, and prove that it is whole");
  formatOption(audit.command("list").alias("ls").description("List the last records"))
    .option("--last <number>", "so many; 100 when left out", wholeNumber("records"))
    .option("--by <name>", "of one user")
    .option("--denied", "only what was denied")
    .action(async ({ format, last = 100, by, denied = false }: Asked) => {
      const { api } = await session.client();
      const { items } = await api.audit.list({ limit: Math.min(last, MOST_RECORDS) });
      const wanted = items.filter(
        (one) => (by ?? one.by) === one.by && (!denied || one.decision === "denied"),
      );
      session.print(formatAudit(wanted, format));
    });
  audit
    .command("export")
    .description("Print every record, a line of JSON each; audit verify FILE proves them anywhere")
    .action(() => exportAll(session));
  audit
    .command("verify")
    .description("Prove that no record was changed, taken out or put in between")
    .argument("[file]", "an export; the engine's own record when left out")
    .option("--hash <sha256>", "the last record's, as it was told before: it must still be the end")
    .action(async (file: string | undefined, { hash }: { hash?: string }) => {
      const found =
        file === undefined ? await (await session.client()).api.audit.verify() : await verifyFile(file);
      refuseOther(found, hash);
      session.print(verdictText(found));
    });
}

async function exportAll(session: Session): Promise<void> {
  const { api } = await session.client();
  for (let after = 0; ; ) {
    const { items } = await api.audit.list({ after, limit: MOST_RECORDS });
    for (const item of items) session.print(JSON.stringify(item));
    const last = items.at(-1);
    if (!last) return;
    after = last.n;
  }
}

async function verifyFile(file: string): Promise<Verified> {
  const check = new ChainCheck();
  try {
    for await (const line of createInterface({ input: createReadStream(file) })) check.add(line);
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    throw new EngineError("invalid-argument", `cannot read ${file}: ${messageOf(cause)}`, { cause });
  }
  return check.result;
}

function refuseOther({ hash }: Verified, wanted: string | undefined): void {
  if (wanted === undefined || wanted.toLowerCase() === hash) return;
  throw new EngineError("internal", "cannot trust the record: its end is not the one with that hash", {
    hint: "There are newer records, or some were cut off: compare it with an export that was made before.",
  });
}

function verdictText({ first, last, hash }: Verified): string {
  if (last === 0) return "Nothing is recorded yet.";
  return `Whole: records ${first} to ${last}. The last one's hash: ${hash}`;
}

/** Pure. */
export function formatAudit(items: readonly AuditRecord[], format: Format): string {
  if (format === "json") return json({ records: items });
  if (items.length === 0) return "Nothing is recorded.\n";
  return table(
    ["No.", "When", "Who", "What", "On", "Came of it"],
    items.map((one) => [
      ...[String(one.n), one.at, one.by, one.procedure],
      ...[one.path ?? one.target ?? "--", one.decision === "denied" ? "denied" : one.outcome],
    ]),
  );
}
