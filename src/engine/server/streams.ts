/** Which byte streams there are: what a caller needs for each, and who serves it. */
import type { WebSocket } from "ws";
import type { Privilege } from "../../api/contract.ts";
import { BUILD_PATH, type StreamKind } from "../../api/frames.ts";
import type { EngineCore } from "../engine-core.ts";
import type { Log } from "../log.ts";
import {
  serveBuild,
  serveConsole,
  serveDisplay,
  serveExec,
  serveLogs,
  serveSftp,
  serveTunnel,
} from "./stream-kinds.ts";

type Asked = { core: EngineCore; name: string; log: Log };

type Row = {
  /** Before the instance's name, in messages. */
  what: string;
  privilege: Privilege;
  serve: (socket: WebSocket, asked: Asked) => Promise<void>;
};

export const STREAMS: Readonly<Record<StreamKind, Row>> = {
  exec: {
    what: "a process in",
    privilege: "instance.exec",
    serve: (socket, { core, name, log }) =>
      serveExec(socket, {
        log,
        guest: () => core.instances.guest(name),
        mountedAt: (directory) => core.mounts.directoryIn(name, directory),
        openSession: (...wanted) => core.sessions.open(name, ...wanted),
      }),
  },
  tunnel: {
    what: "a tunnel to",
    privilege: "instance.exec",
    serve: (socket, { core, name, log }) =>
      serveTunnel(socket, { log, guest: () => core.instances.guest(name) }),
  },
  display: {
    what: "the display of",
    privilege: "instance.console",
    serve: (socket, { core, name, log }) =>
      serveDisplay(socket, { log, display: (signal) => core.instances.openDisplay(name, signal) }),
  },
  console: {
    what: "the console of",
    privilege: "instance.console",
    serve: (socket, { core, name, log }) =>
      serveConsole(socket, { log, console: (open, signal) => core.consoles.open(name, open, signal) }),
  },
  sftp: {
    what: "the files of",
    privilege: "instance.exec",
    serve: (socket, { core, name, log }) =>
      serveSftp(socket, { log, guest: () => core.instances.guest(name) }),
  },
  logs: {
    what: "the logs of",
    privilege: "instance.view",
    serve: (socket, { core, name, log }) =>
      serveLogs(socket, { log, logs: (open, signal) => core.instances.logs(name, open, signal) }),
  },
  build: {
    what: "a build of",
    privilege: "image.add",
    serve: (socket, { core, log }) =>
      serveBuild(socket, { log, build: (open, signal) => core.containerImages.build(open, signal) }),
  },
};

/** What a build has in the place of an instance's name. */
const NO_NAME = "an image";

/** The stream that a path names, and of which instance; undefined for every other path. Pure. */
export function streamOf(path: string): { name: string; kind: StreamKind } | undefined {
  if (path === BUILD_PATH) return { name: NO_NAME, kind: "build" };
  const [, name, kind = ""] = /^\/v1\/instances\/([^/]+)\/([a-z]+)$/.exec(path) ?? [];
  if (name === undefined || kind === "build" || !isStreamKind(kind)) return undefined;
  try {
    return { name: decodeURIComponent(name), kind };
  } catch {
    return undefined;
  }
}

function isStreamKind(word: string): word is StreamKind {
  return Object.hasOwn(STREAMS, word);
}
