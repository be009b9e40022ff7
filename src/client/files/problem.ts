/** What can be wrong with a file of a guest, in kinds that every editor knows. */
import { EngineError } from "../../base/errors.ts";
import { STATUS } from "../../base/sftp-packets.ts";
import { SftpError } from "./sftp-channel.ts";

export type ProblemKind =
  | "not-found"
  | "exists"
  | "not-a-directory"
  | "is-a-directory"
  | "not-empty"
  | "no-permission"
  | "too-large"
  | "failed";

export class FileProblem extends Error {
  override readonly name = "FileProblem";
  readonly kind: ProblemKind;
  constructor(kind: ProblemKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Says what SFTP's status means for this path. */
export async function told<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FileProblem || error instanceof EngineError || !(error instanceof SftpError))
      throw error;
    if (error.status === STATUS.noSuchFile) throw new FileProblem("not-found", `there is no ${path}`);
    if (error.status === STATUS.permissionDenied)
      throw new FileProblem("no-permission", `${path}: permission denied`);
    throw new FileProblem("failed", `${path}: ${error.message}`);
  }
}

/** A pipe or a device would keep whoever reads or writes it waiting for ever. */
export function special(path: string): FileProblem {
  return new FileProblem("failed", `${path} is neither a file nor a directory`);
}

export function exists(path: string): FileProblem {
  return new FileProblem("exists", `${path} exists already`);
}
