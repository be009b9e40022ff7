/** Opens the byte streams that `api/streams.ts` describes, each over a WebSocket of its own. */
import { connect } from "node:net";
import type { ClientOptions } from "ws";
import { MAX_FRAME_BYTES } from "../api/frames.ts";
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
import type { RemoteProcess } from "./engine-client.ts";
import { type Address, abortReason, headersFor } from "./http.ts";
import { SocketProcess } from "./socket-process.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;

/** What the streams begin with. */
export type Open =
  | (ExecOpen | TunnelOpen | DisplayOpen | ConsoleOpen | SftpOpen | LogsOpen | AttachOpen | ExportOpen)
  | (ForeignLogsOpen | BuildOpen | ImportOpen | ComposeOpen);

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
  const { WebSocket } = await import("ws"); // Most commands open no stream.
  const { host: _, ...headers } = headersFor({ ...address, unasked: true });
  const options: ClientOptions = {
    createConnection: () => connect(address.endpoint.path),
    headers,
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
