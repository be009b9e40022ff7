/** What a stream is joined to, by its kind: a process, a port, a screen, a serial port, files, logs, images. */
import { type Duplex, PassThrough, Readable, type Writable } from "node:stream";
import type { WebSocket } from "ws";
import type { ComposeRun } from "../../api/compose.ts";
import type { ContainerBuild, ContainerImport } from "../../api/container-image.ts";
import type { SessionRequest } from "../../api/session.ts";
import {
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
} from "../../api/streams.ts";
import { deferred } from "../../base/async.ts";
import type { Log } from "../log.ts";
import { toPublicError } from "./errors.ts";
import { type GuestAccess, type GuestProcess, GuestStream, type Schema } from "./guest-stream.ts";

type ExecRequest = Parameters<GuestAccess["exec"]>[1];

type StreamOptions = {
  log: Log;
  /** How long a client may take to say what it wants. */
  openTimeoutMs?: number;
};

export type GuestStreamOptions = StreamOptions & {
  /** Looked up when the stream opens; its error is the stream's. */
  guest: () => GuestAccess;
};

export type ExecStreamOptions = GuestStreamOptions & {
  /** Where a directory of this host is mounted in the guest; undefined where it is not. */
  mountedAt: (directory: string) => Promise<string | undefined>;
  openSession: (request: ExecRequest, session: SessionRequest, signal: AbortSignal) => Promise<GuestProcess>;
};

/** What a stream of this kind begins with, and what it is joined to. */
type Kind<T> = {
  open: Schema<T>;
  doing: string;
  start: (open: T, signal: AbortSignal) => Promise<GuestProcess>;
};

const OPEN_TIMEOUT_MS = 10_000;
/** What may wait of a file that is sent. */
const FILE_WAITS_BYTES = 2 ** 20;
/** A paused socket does not notice that its peer has gone; writing to it does. */
const PING_INTERVAL_MS = 5_000;
/** Resolves when the socket has closed. Never rejects: what fails is told to the client. */
export function serveExec(socket: WebSocket, options: ExecStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: ExecOpen,
    doing: "run the command",
    start: async ({ hostCwd, session, ...wanted }, signal) => {
      const cwd = wanted.cwd ?? (hostCwd === undefined ? undefined : await options.mountedAt(hostCwd));
      const request = { ...wanted, cwd };
      if (session) return options.openSession(request, session, signal);
      return options.guest().exec({ signal }, request);
    },
  });
}

/** The same for a connection to a port of the guest. */
export function serveTunnel(socket: WebSocket, options: GuestStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: TunnelOpen,
    doing: "open the tunnel",
    start: async ({ port }, signal) => asProcess(await options.guest().connect({ signal }, port)),
  });
}

export type DisplayStreamOptions = StreamOptions & {
  /** Called when the stream opens; its error is the stream's. */
  display: (signal: AbortSignal) => Promise<Duplex>;
};

/** The same for a connection to its screen. */
export function serveDisplay(socket: WebSocket, options: DisplayStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: DisplayOpen,
    doing: "open the display",
    start: async (_open, signal) => asProcess(await options.display(signal)),
  });
}

export type ConsoleStreamOptions = StreamOptions & {
  /** Called when the stream opens; its error is the stream's. */
  console: (open: ConsoleOpen, signal: AbortSignal) => Promise<Duplex>;
};

/** The same for its serial console. */
export function serveConsole(socket: WebSocket, options: ConsoleStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: ConsoleOpen,
    doing: "open the console",
    start: async (open, signal) => asProcess(await options.console(open, signal)),
  });
}

/** The same for the guest's SFTP server. */
export function serveSftp(socket: WebSocket, options: GuestStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: SftpOpen,
    doing: "open the files",
    start: async (_open, signal) => asProcess(await options.guest().sftp({ signal })),
  });
}

export type BackupFilesStreamOptions = StreamOptions & {
  /** Called when the stream opens; its error is the stream's. */
  files: (open: BackupFilesOpen, signal: AbortSignal) => Promise<Duplex>;
};

/** The same for the files of a backup. */
export function serveBackupFiles(socket: WebSocket, options: BackupFilesStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: BackupFilesOpen,
    doing: "open the files of the backup",
    start: async (open, signal) => asProcess(await options.files(open, signal)),
  });
}

export type LogsStreamOptions<Open = LogsOpen> = StreamOptions & {
  /** Called when the stream opens; its error is the stream's. */
  logs: (open: Open, signal: AbortSignal) => Promise<Readable>;
};

/** The same for what it prints. */
export function serveLogs(socket: WebSocket, options: LogsStreamOptions): Promise<void> {
  return serve(socket, options, logsKind(LogsOpen, options));
}

/** The same for what a container prints that others have made. */
export function serveForeignLogs(
  socket: WebSocket,
  options: LogsStreamOptions<ForeignLogsOpen>,
): Promise<void> {
  return serve(socket, options, logsKind(ForeignLogsOpen, options));
}

function logsKind<Open>(open: Schema<Open>, { logs }: LogsStreamOptions<Open>): Kind<Open> {
  return {
    open,
    doing: "open the logs",
    start: async (opened, signal) => asProcess(await logs(opened, signal), new PassThrough().resume()),
  };
}

export type AttachStreamOptions = StreamOptions & {
  /** Called when the stream opens; its error is the stream's. */
  attach: (open: AttachOpen, signal: AbortSignal) => Promise<GuestProcess>;
};

/** The same for a container's main process. */
export function serveAttach(socket: WebSocket, options: AttachStreamOptions): Promise<void> {
  return serve(socket, options, { open: AttachOpen, doing: "attach to it", start: options.attach });
}

export type ExportStreamOptions = StreamOptions & {
  /** Called when the stream opens; its error is the stream's. */
  tar: (open: ExportOpen, signal: AbortSignal) => Promise<Readable>;
};

/** The same for a VM, or a container's file system. */
export function serveExport(socket: WebSocket, options: ExportStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: ExportOpen,
    doing: "export it",
    start: async (open, signal) => asProcess(await options.tar(open, signal), new PassThrough().resume()),
  });
}

export type ImportStreamOptions = StreamOptions & {
  /** Called when the stream opens; destroying what it gives ends the import. */
  image: (open: ContainerImport, tar: Readable, signal: AbortSignal) => Readable;
};

/** The same for an image that is made of what the client sends. */
export function serveImport(socket: WebSocket, options: ImportStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: ImportOpen,
    doing: "import the image",
    start: async (open, signal) => {
      const tar = new PassThrough();
      return asProcess(options.image(open, tar, signal), tar);
    },
  });
}

export type InstanceImportStreamOptions = StreamOptions & {
  /** Called when the stream opens; destroying what it gives ends the import. */
  instance: (open: InstanceImportOpen, file: Readable, signal: AbortSignal) => Readable;
};

/** The same for a VM. */
export function serveInstanceImport(socket: WebSocket, options: InstanceImportStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: InstanceImportOpen,
    doing: "import the file",
    start: async (open, signal) => {
      const file = new PassThrough({ highWaterMark: FILE_WAITS_BYTES });
      return asProcess(options.instance(open, file, signal), file);
    },
  });
}

export type BuildStreamOptions = StreamOptions & {
  /** Called when the stream opens; destroying what it gives ends the build. */
  build: (open: ContainerBuild, signal: AbortSignal) => Readable;
};

/** The same for what a build of an image prints. */
export function serveBuild(socket: WebSocket, options: BuildStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: BuildOpen,
    doing: "build the image",
    start: async (open, signal) => asProcess(options.build(open, signal), new PassThrough().resume()),
  });
}

export type ComposeStreamOptions = StreamOptions & {
  /** Called when the stream opens; destroying what it gives ends the work. */
  compose: (open: ComposeRun, signal: AbortSignal) => Readable;
};

/** The same for what brings a compose project up or down. */
export function serveCompose(socket: WebSocket, options: ComposeStreamOptions): Promise<void> {
  return serve(socket, options, {
    open: ComposeOpen,
    doing: "run compose",
    start: async (open, signal) => asProcess(options.compose(open, signal), new PassThrough().resume()),
  });
}

async function serve<T>(socket: WebSocket, options: StreamOptions, kind: Kind<T>): Promise<void> {
  const stream = new GuestStream(socket);
  const ping = setInterval(() => socket.ping(), PING_INTERVAL_MS);
  try {
    const open = await stream.readOpen(kind.open, options.openTimeoutMs ?? OPEN_TIMEOUT_MS);
    const exit = await stream.relay(await kind.start(open, stream.closed));
    stream.end({ type: "exit", ...exit });
  } catch (error) {
    const known = toPublicError(error, kind.doing, options.log);
    stream.end({ type: "error", error: known.toBody() });
  }
  await stream.ended;
  clearInterval(ping);
}

/** A connection has no signals, size or stderr, and ends well when it is closed. */
function asProcess(connection: Duplex): GuestProcess;
function asProcess(output: Readable, stdin: Writable): GuestProcess;
function asProcess(connection: Readable, stdin = connection as Duplex as Writable): GuestProcess {
  const exited = deferred<{ code: number }>();
  exited.promise.catch(() => {});
  connection.on("error", (error) => exited.reject(error));
  connection.once("close", () => exited.resolve({ code: 0 }));
  return {
    ...{ stdin, stdout: connection, stderr: Readable.from([]), exited: exited.promise },
    resize: () => {},
    signal: () => {},
    close: () => connection.destroy(),
  };
}
