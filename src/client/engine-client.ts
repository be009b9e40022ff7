/** What the views, the CLI and every other client see of the engine. Made in `connect.ts`. */

import type { Readable, Writable } from "node:stream";
import type { ContractRouterClient } from "@orpc/contract";
import type { Contract } from "../api/contract.ts";
import type { EngineHello } from "../api/engine-info.ts";
import type { EngineEvent } from "../api/event.ts";
import type { Operation, Progress } from "../api/operation.ts";
import type {
  AttachOpen,
  BackupFilesOpen,
  BuildOpen,
  ComposeOpen,
  ConsoleOpen,
  ExecOpen,
  ExportOpen,
  ForeignLogsOpen,
  ImportOpen,
  InstanceImportOpen,
  LogsOpen,
  SignalName,
  TerminalSize,
  TunnelOpen,
} from "../api/streams.ts";

/** Every procedure of the contract, typed. Failures reject with EngineError. */
export type EngineApi = ContractRouterClient<Contract>;

export interface EngineClient {
  readonly api: EngineApi;
  /** Opens a process in a running instance. Aborting ends it. */
  exec(name: string, open: ExecOpen, options?: { signal?: AbortSignal }): Promise<RemoteProcess>;
  /** Opens a connection to a port of a running instance. Aborting closes it. */
  tunnel(name: string, open: TunnelOpen, options?: { signal?: AbortSignal }): Promise<RemoteConnection>;
  /** Opens a connection to the screen of a running instance, in RFB. Aborting closes it. */
  display(name: string, options?: { signal?: AbortSignal }): Promise<RemoteConnection>;
  /** Opens a connection to the SFTP server of a running instance. Aborting closes it. */
  sftp(name: string, options?: { signal?: AbortSignal }): Promise<RemoteConnection>;
  /** The same for the files of a backup of a container, laid out as `BACKUP_FILES` says. */
  backupFiles(open: BackupFilesOpen, options?: { signal?: AbortSignal }): Promise<RemoteConnection>;
  /** What a container has printed, and prints from now on where that is followed. Aborting leaves it. */
  logs(name: string, open: LogsOpen, options?: { signal?: AbortSignal }): Promise<RemoteConnection>;
  /** The same of a container that others have made. */
  foreignLogs(open: ForeignLogsOpen, options?: { signal?: AbortSignal }): Promise<RemoteConnection>;
  /**
   * Joins the main process of a container. Aborting or closing leaves it, and does nothing to it; `exited` bears nothing
   * where it goes on.
   */
  attach(name: string, open: AttachOpen, options?: { signal?: AbortSignal }): Promise<RemoteProcess>;
  /** A VM as one file, or the file system of a container as a tar. Aborting ends it. */
  export(name: string, open?: ExportOpen, options?: { signal?: AbortSignal }): Promise<RemoteConnection>;
  /** Makes a VM of the file that is written to `stdin`; `stdout` is its name, as JSON. Aborting ends it, and makes none. */
  importInstance(open: InstanceImportOpen, options?: { signal?: AbortSignal }): Promise<RemoteConnection>;
  /** Makes an image of the tar that is written to `stdin`; `stdout` is its id. Aborting ends it, and makes none. */
  import(open: ImportOpen, options?: { signal?: AbortSignal }): Promise<RemoteConnection>;
  /** Builds an image of containers: what that prints, then the image's id. Aborting ends it. */
  build(open: BuildOpen, options?: { signal?: AbortSignal }): Promise<RemoteConnection>;
  /** Brings a compose project up or down: what compose prints. Aborting ends it. */
  compose(open: ComposeOpen, options?: { signal?: AbortSignal }): Promise<RemoteConnection>;
  /**
   * The serial console of an instance that runs or is about to: what it prints is `stdout`, what is written to `stdin` is
   * typed. It ends with the guest's run.
   */
  console(name: string, open: ConsoleOpen, options?: { signal?: AbortSignal }): Promise<RemoteConnection>;
  /**
   * Follows an operation to its end and resolves with it, succeeded. Rejects with its error when it failed
   * (`cancelled` when it was cancelled). Aborting the signal cancels the operation on the engine, then rejects.
   */
  watchOperation(
    operation: Operation,
    options?: { onProgress?: (progress: Progress, operation: Operation) => void; signal?: AbortSignal },
  ): Promise<Operation>;
  /** Events from now on (the first is always `resync`), until the signal aborts or the connection is lost. */
  events(signal: AbortSignal): AsyncIterable<EngineEvent>;
  dispose(): void;
}

export interface ConnectedClient extends EngineClient {
  /** Who answered when this client connected. `api.engine.info()` has the rest: host, drivers, problems. */
  readonly info: EngineHello;
}

export interface RemoteProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves once, after both outputs have ended; rejects with EngineError when the stream failed. */
  readonly exited: Promise<{ code?: number; signal?: string }>;
  resize(size: TerminalSize): void;
  signal(name: SignalName): void;
  close(): void;
}

/** `exited` resolves when the guest has ended its side and all of it was read. */
export type RemoteConnection = Pick<RemoteProcess, "stdin" | "stdout" | "exited" | "close">;

export type ConnectOptions = {
  /** Absolute path of the engine bundle to start when none runs; absent: only connect to a running one. */
  engineBundle?: string | undefined;
  /** The socket of the engine that is meant, whatever the environment says; none is started there. */
  socket?: string | undefined;
  /** Environment for the engine and for finding its directories. Default: this process's. */
  env?: NodeJS.ProcessEnv | undefined;
  /** The Node (or editor) binary that runs the engine. Default: `BERTH_NODE`, else the one that runs this process. */
  execPath?: string | undefined;
  signal?: AbortSignal | undefined;
};
