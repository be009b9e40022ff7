/** Opens the byte streams that `api/streams.ts` describes, each over a WebSocket of its own. */
import type {
  AttachOpen,
  BackupFilesOpen,
  BuildOpen,
  ComposeOpen,
  ConsoleOpen,
  DisplayOpen,
  ExecOpen,
  ExportOpen,
  ForeignLogsOpen,
  ImportOpen,
  InstanceImportOpen,
  LogsOpen,
  SftpOpen,
  TunnelOpen,
} from "../api/streams.ts";
import type { RemoteProcess } from "./engine-client.ts";
import { SocketProcess } from "./socket-process.ts";
import { type Address, abortReason, headersFor } from "./wire.ts";

/** What the streams begin with. */
export type Open =
  | (ExecOpen | TunnelOpen | DisplayOpen | ConsoleOpen | SftpOpen | LogsOpen | AttachOpen | ExportOpen)
  | (ForeignLogsOpen | BackupFilesOpen | BuildOpen | ImportOpen | InstanceImportOpen | ComposeOpen);

/**
 * Resolves when the engine has taken the stream: a process runs, a port or a screen has taken the connection, what is
 * printed is on its way. Rejects with the engine's error; aborting closes it, which ends a process of ours. `path` is
 * `streamPath` of an instance, or that of a stream of none.
 */
export async function openStream(
  address: Address,
  path: string,
  open: Open,
  signal: AbortSignal,
): Promise<RemoteProcess> {
  signal.throwIfAborted();
  const { WebSocket } = await import("./web-socket.ts"); // Most commands open no stream.
  const socket = new WebSocket(address.endpoint.path, path, headersFor({ ...address, unasked: true }));
  const process = new SocketProcess(socket, JSON.stringify(open));
  const onAbort = () => process.fail(abortReason(signal));
  signal.addEventListener("abort", onAbort, { once: true });
  void process.closed.then(() => signal.removeEventListener("abort", onAbort));
  await process.opened;
  return process;
}
