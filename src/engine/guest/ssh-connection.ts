/**
 * The kept SSH connection of one guest. It is made when first needed and again after a loss; many callers share it.
 * sshd allows ten sessions on a connection, so a second one is opened, and closed again, where that is not enough.
 */
import net from "node:net";
import type { AlgorithmList, ClientChannel, ConnectConfig, Client as SshClient } from "ssh2";
import { abortable, deferred, withDeadline } from "../../base/async.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Log } from "../log.ts";
import { howToLook } from "./hints.ts";
import { keyBlob, loadSsh } from "./keys.ts";

export type SshTarget = {
  host: string;
  port: number;
  user: string;
  /** OpenSSH text form. */
  privateKey: string;
  /** The host keys to accept, as `type base64`; every other is refused. */
  hostKeys: readonly string[];
  /** For messages: the instance's name. */
  name: string;
};

/** Key exchange and authentication of an emulated guest that boots take seconds. */
const CONNECT_MS = 30_000;
/** Between two looks whether the peer is still there, and how many may fail. */
const KEEPALIVE_MS = 30_000;
const KEEPALIVE_LOSSES = 3;
/** Below sshd's default MaxSessions of 10, so that an OpenSSH user's own connection sharing is not counted against. */
const SESSIONS_PER_CONNECTION = 8;

/** `sessions`: those of its channels that count at sshd. */
type Link = { client: SshClient; channels: number; sessions: number; ended: boolean };

type Open = (client: SshClient) => Promise<ClientChannel>;

export class SshConnection {
  readonly #target: SshTarget;
  readonly #log: Log;
  readonly #links = new Set<Link>();
  #connecting: Promise<Link> | undefined;
  #disposed = false;

  constructor(target: SshTarget, log: Log) {
    this.#target = target;
    this.#log = log;
  }

  /** Makes the first connection now; with a socket on which the server has begun to speak, on that one. */
  async open(signal: AbortSignal, socket?: net.Socket): Promise<void> {
    await abortable(this.#connect(socket), signal);
  }

  /** A session made by `open` on a connection that has room. The channel's `close` gives the room back. */
  channel(signal: AbortSignal, open: Open): Promise<ClientChannel> {
    return this.#opened(signal, open, 1);
  }

  /** A channel that is no session: sshd lets a connection have as many as are wanted. */
  tunnel(signal: AbortSignal, open: Open): Promise<ClientChannel> {
    return this.#opened(signal, open, 0);
  }

  async #opened(signal: AbortSignal, open: Open, sessions: 0 | 1): Promise<ClientChannel> {
    for (let attempt = 0; ; attempt += 1) {
      const link = await this.#takeRoom(signal, sessions);
      const free = () => {
        link.channels -= 1;
        link.sessions -= sessions;
        this.#closeSpare(link);
      };
      const opening = open(link.client);
      try {
        const channel = await abortable(opening, signal);
        channel.once("close", free);
        return channel;
      } catch (error) {
        // One that opens after its caller has left would stay open, unread, for as long as the connection.
        opening.then(
          (late) => late.close(),
          () => {},
        );
        free();
        signal.throwIfAborted();
        // A connection may have died unnoticed; a fresh one decides. A server that refuses is not asked again.
        if (attempt > 0 || !(link.ended || /not connected|no response/i.test(messageOf(error)))) {
          throw unreachable(this.#target.name, error);
        }
      }
    }
  }

  dispose(): void {
    this.#disposed = true;
    for (const link of this.#links) link.client.end();
    this.#links.clear();
  }

  /** Room for one channel, taken at once: between looking and taking, another caller could take it too. */
  async #takeRoom(signal: AbortSignal, sessions: 0 | 1): Promise<Link> {
    for (;;) {
      for (const link of this.#links) {
        if (link.ended || link.sessions + sessions > SESSIONS_PER_CONNECTION) continue;
        link.channels += 1;
        link.sessions += sessions;
        return link;
      }
      await abortable(this.#connect(), signal);
    }
  }

  #connect(socket?: net.Socket): Promise<Link> {
    if (this.#disposed) {
      return Promise.reject(unreachable(this.#target.name, new Error("the connection was closed")));
    }
    this.#connecting ??= this.#dial(socket).finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #dial(socket?: net.Socket): Promise<Link> {
    const { Client } = await loadSsh();
    const { promise, resolve, reject } = deferred<void>();
    const client = new Client();
    const link: Link = { client, channels: 0, sessions: 0, ended: false };
    let ready = false;
    client.once("ready", () => {
      ready = true;
      resolve();
    });
    client.on("error", (error) => {
      if (ready) this.#log.debug("ssh connection failed", { error: error.message });
      reject(error);
    });
    client.once("close", () => {
      link.ended = true;
      this.#links.delete(link);
      reject(new Error("the connection was closed by the guest"));
    });
    try {
      client.connect(configOf(this.#target, socket));
      if (!socket) client.setNoDelay(true);
      await promise;
    } catch (error) {
      client.destroy();
      socket?.destroy();
      throw unreachable(this.#target.name, error);
    }
    if (this.#disposed) {
      client.end();
      throw unreachable(this.#target.name, new Error("the connection was closed"));
    }
    this.#links.add(link);
    return link;
  }

  /** One connection is kept; others leave with their last channel. */
  #closeSpare(link: Link): void {
    if (link.channels > 0 || this.#links.size < 2) return;
    this.#links.delete(link);
    link.client.end();
  }
}

function configOf(target: SshTarget, socket: net.Socket | undefined): ConnectConfig {
  const accepted = target.hostKeys.map(keyBlob);
  return {
    ...(socket ? { sock: socket } : { host: target.host, port: target.port }),
    username: target.user,
    privateKey: target.privateKey,
    hostVerifier: (key: Buffer) => accepted.some((blob) => blob.equals(key)),
    readyTimeout: CONNECT_MS,
    keepaliveInterval: KEEPALIVE_MS,
    keepaliveCountMax: KEEPALIVE_LOSSES,
    // Measured under emulation: this cipher moves half as much again as AES, and the curve is the quickest exchange.
    algorithms: {
      cipher: first("chacha20-poly1305@openssh.com"),
      kex: first("curve25519-sha256"),
      serverHostKey: first("ssh-ed25519"),
    },
  };
}

/** ssh2 takes these in their order, and does not move by `prepend` what its list has already. */
function first<T extends string>(name: T): AlgorithmList<T> {
  return { remove: name, prepend: name, append: [] };
}

export function unreachable(name: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const text = messageOf(error);
  const reason = /host denied|verif/i.test(text) ? "its host key is not the one it was given" : text;
  return new EngineError("guest-unreachable", `cannot reach ${name}: ${reason}`, {
    hint: `It may still be booting, or its SSH server may not run. What it says: ${howToLook(name)}`,
    cause: error,
  });
}

/**
 * Connects and waits for the server's first words (`SSH-…`), so that a forwarded port that is open before the guest
 * is does not count. Resolves with the socket, those words put back; undefined when they did not come in time.
 */
export async function listenForBanner(
  target: SshTarget,
  waitMs: number,
  signal: AbortSignal,
): Promise<net.Socket | undefined> {
  const socket = net.connect({ host: target.host, port: target.port, noDelay: true });
  const heard = deferred<boolean>();
  const deadline = withDeadline(waitMs, signal);
  const onAbort = () => heard.resolve(false);
  const onReadable = () => {
    const words = socket.read() as Buffer | null;
    if (words === null) return;
    socket.off("readable", onReadable); // Putting words back says `readable` again.
    socket.unshift(words);
    heard.resolve(words.toString("latin1", 0, 4) === "SSH-");
  };
  const onEnd = () => heard.resolve(false);
  deadline.signal.addEventListener("abort", onAbort, { once: true });
  socket.on("readable", onReadable);
  socket.on("error", onEnd);
  socket.on("close", onEnd);
  const speaks = await heard.promise;
  deadline.signal.removeEventListener("abort", onAbort);
  deadline.done();
  socket.off("readable", onReadable);
  socket.off("close", onEnd);
  if (speaks && !signal.aborted) {
    socket.off("error", onEnd);
    return socket;
  }
  socket.destroy();
  return undefined;
}
