/** The index, the journal and the settings, in one SQLite file with one connection. Every write is a commit. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Problem } from "../../api/instance.ts";
import { Operation } from "../../api/operation.ts";
import type { ErrorBody } from "../../base/errors.ts";
import { openDatabase } from "./database.ts";
import { InstanceRecord } from "./record.ts";

/** An operation with what a later engine needs to run it again. */
export type JournalRow = Operation & { input: unknown };

/** How many ended operations the journal keeps. */
const KEEP_ENDED = 200;

export interface Store {
  /** What was wrong with the database when it was opened. */
  readonly problems: readonly Problem[];
  /** Rows that make no sense are left out: the descriptors on disk are what counts. */
  instances(): InstanceRecord[];
  saveInstance(record: InstanceRecord): void;
  dropInstance(id: string): void;
  beginOperation(row: JournalRow): void;
  /** Notes that it is being undone because of this error, so that a later engine does not go forward again. */
  undoOperation(id: string, error: ErrorBody): void;
  /** Forgets the input, which may hold secrets. */
  endOperation(operation: Operation): void;
  /** Those whose end was never journaled, oldest first. */
  interruptedOperations(): JournalRow[];
  /** Oldest first. */
  endedOperations(): Operation[];
  readSetting(key: string): unknown;
  writeSettings(patch: Readonly<Record<string, unknown>>): void;
  close(): void;
}

export async function openStore(file: string, now: () => Date = () => new Date()): Promise<Store> {
  const { database, problems } = await openDatabase(file, now);
  return new SqliteStore(database, problems);
}

class SqliteStore implements Store {
  readonly problems: readonly Problem[];
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync, problems: readonly Problem[]) {
    this.#database = database;
    this.problems = problems;
  }

  instances(): InstanceRecord[] {
    return this.#sql("SELECT record FROM instances ORDER BY id")
      .all()
      .flatMap((row) => {
        const parsed = InstanceRecord.safeParse(parseJson(row["record"]));
        return parsed.success ? [parsed.data] : [];
      });
  }

  saveInstance(record: InstanceRecord): void {
    const { id, name } = record.descriptor;
    this.#sql(
      "INSERT INTO instances (id, name, record) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record",
    ).run(id, name, JSON.stringify(record));
  }

  dropInstance(id: string): void {
    this.#sql("DELETE FROM instances WHERE id = ?").run(id);
  }

  beginOperation(row: JournalRow): void {
    this.#sql(
      "INSERT INTO operations (id, kind, target, status, cancellable, input, warnings, created_at, updated_at) VALUES (?, ?, ?, 'running', ?, ?, '[]', ?, ?)",
    ).run(
      row.id,
      row.kind,
      row.target,
      row.cancellable ? 1 : 0,
      JSON.stringify(row.input),
      row.createdAt,
      row.updatedAt,
    );
  }

  undoOperation(id: string, error: ErrorBody): void {
    this.#sql("UPDATE operations SET error = ? WHERE id = ?").run(JSON.stringify(error), id);
  }

  endOperation(operation: Operation): void {
    this.#sql(
      "UPDATE operations SET status = ?, cancellable = 0, input = NULL, error = ?, warnings = ?, updated_at = ? WHERE id = ?",
    ).run(
      operation.status,
      operation.error ? JSON.stringify(operation.error) : null,
      JSON.stringify(operation.warnings),
      operation.updatedAt,
      operation.id,
    );
  }

  interruptedOperations(): JournalRow[] {
    const rows = this.#sql(
      "SELECT * FROM operations WHERE status = 'running' ORDER BY created_at, rowid",
    ).all();
    return rows.flatMap((row) => {
      const operation = operationOf(row);
      return operation ? [{ ...operation, input: parseJson(row["input"]) }] : [];
    });
  }

  endedOperations(): Operation[] {
    this.#sql(
      "DELETE FROM operations WHERE status <> 'running' AND id NOT IN (SELECT id FROM operations WHERE status <> 'running' ORDER BY updated_at DESC LIMIT ?)",
    ).run(KEEP_ENDED);
    const rows = this.#sql("SELECT * FROM operations WHERE status <> 'running' ORDER BY updated_at").all();
    return rows.flatMap((row) => operationOf(row) ?? []);
  }

  readSetting(key: string): unknown {
    return parseJson(this.#sql("SELECT value FROM settings WHERE key = ?").get(key)?.["value"]);
  }

  writeSettings(patch: Readonly<Record<string, unknown>>): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      for (const [key, value] of Object.entries(patch)) {
        this.#sql("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)").run(
          key,
          JSON.stringify(value),
        );
      }
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #sql(text: string): StatementSync {
    const known = this.#statements.get(text);
    if (known) return known;
    const statement = this.#database.prepare(text);
    this.#statements.set(text, statement);
    return statement;
  }
}

function operationOf(row: Record<string, unknown>): Operation | undefined {
  const parsed = Operation.safeParse({
    id: row["id"],
    kind: row["kind"],
    target: row["target"],
    status: row["status"],
    cancellable: row["cancellable"] === 1,
    error: row["error"] === null ? undefined : parseJson(row["error"]),
    warnings: parseJson(row["warnings"]),
    createdAt: row["created_at"],
    updatedAt: row["updated_at"],
  });
  return parsed.success ? parsed.data : undefined;
}

/** Undefined for what is absent or not JSON. */
function parseJson(text: unknown): unknown {
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
