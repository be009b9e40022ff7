/** Opens the SQLite file: pragmas, migrations, and what to do when it is damaged. */
import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Problem } from "../../api/instance.ts";
import { exists, moveDurable } from "../../base/durable.ts";
import { EngineError, messageOf } from "../../base/errors.ts";

/** Each entry leads from version n to n + 1, in one transaction. Never edit one that has been released. */
const MIGRATIONS = [
  `CREATE TABLE instances (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL,
     record TEXT NOT NULL
   ) STRICT;
   CREATE TABLE operations (
     id TEXT PRIMARY KEY,
     kind TEXT NOT NULL,
     target TEXT NOT NULL,
     status TEXT NOT NULL,
     cancellable INTEGER NOT NULL,
     input TEXT,
     error TEXT,
     warnings TEXT NOT NULL,
     created_at TEXT NOT NULL,
     updated_at TEXT NOT NULL
   ) STRICT;
   CREATE INDEX operations_by_end ON operations (status, updated_at);
   CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;`,
];

const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/**
 * A damaged file is moved aside, kept, and a new one begun: everything in it but settings and history can be read
 * from the instances' own directories. Throws where the file is whole but cannot be used (rights, disk, newer schema).
 */
export async function openDatabase(
  file: string,
  now: () => Date,
): Promise<{ database: DatabaseSync; problems: Problem[] }> {
  try {
    return { database: open(file), problems: [] };
  } catch (error) {
    if (!isDamage(error)) throw asEngineError(file, error);
    const aside = await moveAside(file, now());
    const problem: Problem = {
      code: "database-damaged",
      severity: "warning",
      message: `the engine's database was damaged (${messageOf(error)}) and has been rebuilt from the instances' directories; settings and past operations are lost`,
      hint: `The damaged file is kept as ${aside}.`,
    };
    return { database: open(file), problems: [problem] };
  }
}

function open(file: string): DatabaseSync {
  // SQLite would make it readable for all; its companions take the rights of the file itself.
  closeSync(openSync(file, "a", 0o600));
  const database = new DatabaseSync(file, { enableForeignKeyConstraints: true });
  try {
    (database as { enableDefensive?: (on: boolean) => void }).enableDefensive?.(true);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON");
    database.exec("PRAGMA busy_timeout = 2000; PRAGMA trusted_schema = OFF");
    const check = database.prepare("PRAGMA quick_check(1)").get() as { quick_check?: string } | undefined;
    if (check?.quick_check !== "ok") throw new DamagedError(check?.quick_check ?? "no answer to quick_check");
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: DatabaseSync): void {
  const row = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (row.user_version > MIGRATIONS.length) {
    throw new EngineError(
      "not-supported",
      `cannot open the engine's database: a newer Berth wrote it (version ${row.user_version})`,
      { hint: "Update Berth." },
    );
  }
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < row.user_version) continue;
    database.exec(`BEGIN IMMEDIATE; ${sql} PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}

class DamagedError extends Error {}

function isDamage(error: unknown): boolean {
  if (error instanceof DamagedError) return true;
  const code = (error as { errcode?: number }).errcode;
  // The low byte is the primary code; the rest says which kind of damage.
  return code !== undefined && [SQLITE_CORRUPT, SQLITE_NOTADB].includes(code & 0xff);
}

async function moveAside(file: string, at: Date): Promise<string> {
  const aside = `${file}.damaged-${at.toISOString().replaceAll(/[:.]/g, "-")}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (await exists(file + suffix)) await moveDurable(file + suffix, aside + suffix);
  }
  return aside;
}

function asEngineError(file: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  return new EngineError("internal", `cannot open the engine's database: ${messageOf(error)}`, {
    hint: `Look at the rights of ${file} and at the free space of its disk.`,
    cause: error,
  });
}
