/** Opens the byte streams that `api/streams.ts` describes, each over a WebSocket of its own. */
import { connect } from "node:net";
import type { ClientOptions } from "ws";
import {
  BUILD_PATH,
  COMPOSE_PATH,
  FOREIGN_LOGS_PATH,
  IMPORT_PATH,
  MAX_FRAME_BYTES,
  streamPath,
} from "../api/frames.ts";
import { PROTOCOL_HEADER, PROTOCOL_VERSION } from "../api/protocol.ts";
import type {
  AttachOpen,
  BuildOpen,
  ComposeOpen,
  ConsoleOpen,
  DisplayOpen,
  ExecOpen,
  ExportOpen,
  ForeignLogsOpen,
  ImportOpen,
  LogsOpen,
  SftpOpen,
  TunnelOpen,
} from "../api/streams.ts";
import type { RemoteConnection, RemoteProcess } from "./engine-client.ts";
import { type Address, abortReason, headersFor } from "./http.ts";
import { SocketProcess } from "./socket-process.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Resolves when the process runs. Rejects with the engine's error; aborting ends the process. */
export function openProcess(
  address: Address,
  name: string,
  open: ExecOpen,
  signal: AbortSignal,
): Promise<RemoteProcess> {
  return openStream(address, streamPath(name, "exec"), open, signal);
}

/** Resolves when the port has taken the connection. */
export function openTunnel(
  address: Address,
  name: string,
  open: TunnelOpen,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  return openStream(address, streamPath(name, "tunnel"), open, signal);
}

/** Resolves when the screen has taken the connection. */
export function openDisplay(address: Address, name: string, signal: AbortSignal): Promise<RemoteConnection> {
  return openStream(address, streamPath(name, "display"), {}, signal);
}

/** Resolves when the guest's serial console is there; what it printed last comes first. */
export function openConsole(
  address: Address,
  name: string,
  open: ConsoleOpen,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  return openStream(address, streamPath(name, "console"), open, signal);
}

/** Resolves when the guest's SFTP server is there; nothing has been said to it yet. */
export function openSftp(address: Address, name: string, signal: AbortSignal): Promise<RemoteConnection> {
  return openStream(address, streamPath(name, "sftp"), {}, signal);
}

/** Resolves when what the container has printed is on its way. */
export function openLogs(
  address: Address,
  name: string,
  open: LogsOpen,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  return openStream(address, streamPath(name, "logs"), open, signal);
}

/** The same of a container that others have made. */
export function openForeignLogs(
  address: Address,
  open: ForeignLogsOpen,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  return openStream(address, FOREIGN_LOGS_PATH, open, signal);
}

/** Resolves when the container's main process is joined; closing it leaves that. */
export function openAttach(
  address: Address,
  name: string,
  open: AttachOpen,
  signal: AbortSignal,
): Promise<RemoteProcess> {
  return openStream(address, streamPath(name, "attach"), open, signal);
}

/** Resolves when the container's file system is on its way. */
export function openExport(address: Address, name: string, signal: AbortSignal): Promise<RemoteConnection> {
  return openStream(address, streamPath(name, "export"), {}, signal);
}

/** Resolves when the tar may be sent. */
export function openImport(
  address: Address,
  open: ImportOpen,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  return openStream(address, IMPORT_PATH, open, signal);
}

/** Resolves when the build has begun. */
export function openBuild(address: Address, open: BuildOpen, signal: AbortSignal): Promise<RemoteConnection> {
  return openStream(address, BUILD_PATH, open, signal);
}

/** Resolves when compose has begun. */
export function openCompose(
  address: Address,
  open: ComposeOpen,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  return openStream(address, COMPOSE_PATH, open, signal);
}

/** What the streams begin with. */
type Open =
  | (ExecOpen | TunnelOpen | DisplayOpen | ConsoleOpen | SftpOpen | LogsOpen | AttachOpen | ExportOpen)
  | (ForeignLogsOpen | BuildOpen | ImportOpen | ComposeOpen);

async function openStream(
  address: Address,
  path: string,
  open: Open,
  signal: AbortSignal,
): Promise<RemoteProcess> {
  signal.throwIfAborted();
  const { WebSocket } = await import("ws"); // Most commands open no stream.
  const { host: _, ...headers } = headersFor(address);
  const options: ClientOptions = {
    createConnection: () => connect(address.endpoint.path),
    headers: { ...headers, [PROTOCOL_HEADER]: String(PROTOCOL_VERSION) },
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    // Masks keep proxies from being misled, and there are none here; with this one, bytes stay as they are (ws knows it).
    generateMask: (mask) => void mask.fill(0),
  };
  // As a socket's URL it passes by the proxies that VS Code puts before HTTP; `createConnection` knows the real path.
  const socket = new WebSocket(`ws+unix:engine:${path}`, options);
  const process = new SocketProcess(socket, JSON.stringify(open));
  const onAbort = () => process.fail(abortReason(signal));
  signal.addEventListener("abort", onAbort, { once: true });
  void process.closed.then(() => signal.removeEventListener("abort", onAbort));
  await process.opened;
  return process;
}
