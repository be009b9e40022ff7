/** Which byte streams there are: what a caller needs for each, and who serves it. */
import type { WebSocket } from "ws";
import type { Needs } from "../../api/contract.ts";
import {
  BACKUP_FILES_PATH,
  BUILD_PATH,
  COMPOSE_PATH,
  FOREIGN_LOGS_PATH,
  IMPORT_PATH,
  INSTANCE_IMPORT_PATH,
  type StreamKind,
} from "../../api/frames.ts";
import type { EngineCore } from "../engine-core.ts";
import type { Log } from "../log.ts";
import {
  serveAttach,
  serveBackupFiles,
  serveBuild,
  serveCompose,
  serveConsole,
  serveDisplay,
  serveExec,
  serveExport,
  serveForeignLogs,
  serveImport,
  serveInstanceImport,
  serveLogs,
  serveSftp,
  serveTunnel,
} from "./stream-kinds.ts";

type Asked = { core: EngineCore; name: string; log: Log };

type Row = Needs & {
  /** The noun of the contract that it belongs to, in the record; `instances` where left out. */
  of?: "containerImages" | "composeProjects" | "foreignContainers" | "backups";
  serve: (socket: WebSocket, asked: Asked) => Promise<void>;
};

export const STREAMS: Readonly<Record<StreamKind, Row>> = {
  exec: {
    privilege: "instance.exec",
    touches: "/projects/*/instances/{name}",
    serve: (socket, { core, name, log }) =>
      serveExec(socket, {
        log,
        guest: () => core.instances.guest(name),
        mountedAt: (directory) => core.mounts.directoryIn(name, directory),
        openSession: (...wanted) => core.sessions.open(name, ...wanted),
      }),
  },
  tunnel: {
    privilege: "instance.forward",
    touches: "/projects/*/instances/{name}",
    serve: (socket, { core, name, log }) =>
      serveTunnel(socket, { log, guest: () => core.instances.guest(name) }),
  },
  display: {
    privilege: "instance.console",
    touches: "/projects/*/instances/{name}",
    serve: (socket, { core, name, log }) =>
      serveDisplay(socket, { log, display: (signal) => core.instances.openDisplay(name, signal) }),
  },
  console: {
    privilege: "instance.console",
    touches: "/projects/*/instances/{name}",
    serve: (socket, { core, name, log }) =>
      serveConsole(socket, { log, console: (open, signal) => core.consoles.open(name, open, signal) }),
  },
  sftp: {
    privilege: "instance.files.write",
    touches: "/projects/*/instances/{name}",
    serve: (socket, { core, name, log }) =>
      serveSftp(socket, { log, guest: () => core.instances.guest(name) }),
  },
  logs: {
    privilege: "instance.console",
    touches: "/projects/*/instances/{name}",
    serve: (socket, { core, name, log }) =>
      serveLogs(socket, { log, logs: (open, signal) => core.instances.logs(name, open, signal) }),
  },
  attach: {
    privilege: "instance.console",
    touches: "/projects/*/instances/{name}",
    serve: (socket, { core, name, log }) =>
      serveAttach(socket, { log, attach: (open, signal) => core.instances.attach(name, open, signal) }),
  },
  export: {
    privilege: "instance.migrate",
    touches: "/projects/*/instances/{name}",
    serve: (socket, { core, name, log }) =>
      serveExport(socket, { log, tar: (open, signal) => core.transfers.export(name, open, signal) }),
  },
  build: {
    of: "containerImages",
    privilege: "image.add",
    touches: "/images",
    serve: (socket, { core, log }) =>
      serveBuild(socket, { log, build: (open, signal) => core.containerImages.build(open, signal) }),
  },
  import: {
    of: "containerImages",
    privilege: "image.add",
    touches: "/images",
    serve: (socket, { core, log }) =>
      serveImport(socket, {
        log,
        image: (open, tar, signal) => core.containerImages.import(open, tar, signal),
      }),
  },
  importInstance: {
    privilege: "instance.create",
    touches: "*",
    serve: (socket, { core, log }) =>
      serveInstanceImport(socket, {
        log,
        instance: (open, file, signal) => core.transfers.import(open, file, signal),
      }),
  },
  compose: {
    of: "composeProjects",
    privilege: "system.config",
    touches: "/system",
    serve: (socket, { core, log }) =>
      serveCompose(socket, { log, compose: (open, signal) => core.compose.run(open, signal) }),
  },
  foreignLogs: {
    of: "foreignContainers",
    privilege: "system.config",
    touches: "/system",
    serve: (socket, { core, log }) =>
      serveForeignLogs(socket, {
        log,
        logs: ({ container, runtime, ...request }, signal) =>
          core.foreignContainers.logs({ container, runtime }, request, signal),
      }),
  },
  files: {
    of: "backups",
    privilege: "backup.restore",
    touches: "*",
    serve: (socket, { core, log }) =>
      serveBackupFiles(socket, { log, files: (one, signal) => core.backups.files(one, signal) }),
  },
};

/** Those of no instance, and what they have in the place of its name. */
const NAMELESS: Readonly<Record<string, { name: string; kind: StreamKind }>> = {
  [BUILD_PATH]: { name: "an image", kind: "build" },
  [IMPORT_PATH]: { name: "an image", kind: "import" },
  [INSTANCE_IMPORT_PATH]: { name: "an instance", kind: "importInstance" },
  [COMPOSE_PATH]: { name: "compose", kind: "compose" },
  [FOREIGN_LOGS_PATH]: { name: "a container", kind: "foreignLogs" },
  [BACKUP_FILES_PATH]: { name: "a backup", kind: "files" },
};

/** The stream that a path names, and of which instance; undefined for every other path. Pure. */
export function streamOf(path: string): { name: string; kind: StreamKind } | undefined {
  if (Object.hasOwn(NAMELESS, path)) return NAMELESS[path];
  const [, name, kind = ""] = /^\/v1\/instances\/([^/]+)\/([a-z]+)$/.exec(path) ?? [];
  if (name === undefined || !isStreamKind(kind) || !isOfInstance(kind)) return undefined;
  try {
    return { name: decodeURIComponent(name), kind };
  } catch {
    return undefined;
  }
}

function isOfInstance(kind: StreamKind): boolean {
  return !Object.values(NAMELESS).some((row) => row.kind === kind);
}

function isStreamKind(word: string): word is StreamKind {
  return Object.hasOwn(STREAMS, word);
}
