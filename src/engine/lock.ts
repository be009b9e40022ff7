/**
 * One engine per data directory. The lock is SQLite's own on an otherwise unused file, and so the kernel's: it ends
 * with its holder, however that ends, is never stale, and cannot be taken from a living engine.
 */
import { DatabaseSync } from "node:sqlite";
import { EngineError, messageOf } from "../base/errors.ts";

export interface EngineLock {
  release(): void;
}

const SQLITE_BUSY = 5;
const SQLITE_NOTADB = 26;

/** The lock, or undefined while another process holds it. Its directory exists. */
export function tryLock(file: string): EngineLock | undefined {
  const database = new DatabaseSync(file);
  try {
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
    if (code === SQLITE_BUSY) return undefined;
    throw new EngineError("internal", `cannot lock the data directory: ${messageOf(error)}`, {
      hint:
        code === SQLITE_NOTADB ? `Remove ${file}: something else wrote it.` : `Check the rights of ${file}.`,
      cause: error,
    });
  }
  return { release: () => database.close() };
}
