/**
 * Where a repository's files are kept: a folder, an SFTP server, a REST server, an S3 bucket. A place knows names and
 * bytes only; what they mean, and in which order they are written, is the repository's affair.
 *
 * The layout is that of the restic repository format, version 2 (doc/design.rst of the restic project).
 */
import type { Ctx } from "../../ctx.ts";

/** `config` is one file without a name of its own; the others are directories of files. */
export type FileKind = "config" | "keys" | "data" | "index" | "snapshots" | "locks";

/** `name` is 64 lower-case hex digits, the SHA-256 of what the file holds; ignored for `config`. */
export type FileId = { kind: FileKind; name: string };

export type PlacedFile = { name: string; sizeBytes: number };

export type Range = { offset: number; lengthBytes: number };

/** What every implementation passes: `test/contract/place.ts`. All calls may be made at once, also for one file. */
export interface Place {
  /** For people, without secrets: `/srv/backups`, `sftp:me@host:/srv`, `rest:http://host:8000/mine`, `s3:host/bucket/path`. */
  readonly name: string;
  /** How many calls may be under way at once without making each other slower. */
  readonly connections: number;

  /** Makes what has to be there before the first file: directories, or the bucket's path. May be repeated. */
  create(ctx: Ctx): Promise<void>;

  /**
   * Keeps the file, whole or not at all: when this resolves it survives a loss of power as far as the place can
   * promise that. The same file again changes nothing. Errors: `no-resources` where it is full, `already-exists` for
   * another `config`.
   */
  save(ctx: Ctx, file: FileId, bytes: Uint8Array): Promise<void>;

  /**
   * All of it, or `lengthBytes` from `offset`; the bytes are the caller's, and nobody else holds them. Errors:
   * `not-found`; a range that is not all there is `not-found`, too. A place may read a whole file into `room` instead of
   * memory of its own: the caller's buffer, of which it makes no other use meanwhile.
   */
  load(ctx: Ctx, file: FileId, range?: Range, room?: ArrayBuffer): Promise<Uint8Array>;

  /** Undefined where there is none; whatever else keeps it from being known is an error. */
  stat(ctx: Ctx, file: FileId): Promise<{ sizeBytes: number } | undefined>;

  /** In no order, and each once. Names that are no ids are left out. */
  list(ctx: Ctx, kind: Exclude<FileKind, "config">): AsyncIterable<PlacedFile>;

  /** One that is not there is none. */
  remove(ctx: Ctx, file: FileId): Promise<void>;

  /**
   * Removes what saves that never ended have left: temporary files, parts of an upload. Legal only while nobody else can
   * write here, for it cannot tell what was left from what is being written: under the repository's exclusive lock.
   */
  sweep(ctx: Ctx): Promise<void>;

  /** Ends its connections; no call is legal any more. May be repeated. */
  dispose(): void;
}

/** What a name may be. Everything else in a place is not the repository's and is not touched. */
export const FILE_NAME = /^[0-9a-f]{64}$/;

export const FILE_KINDS = ["keys", "data", "index", "snapshots", "locks"] as const satisfies FileKind[];
