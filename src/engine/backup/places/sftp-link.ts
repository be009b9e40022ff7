/**
 * One connection to an SFTP server, and the requests on it. The host's key must be one that the user's own SSH knows; the
 * user comes in by a key, of a file or of an agent. One link's end ends every request on it.
 */
import ssh2, {
  type AgentAuthMethod,
  type IdentityCallback,
  type ParsedKey,
  type PublicKeyAuthMethod,
  type ServerHostKeyAlgorithm,
  type SFTPWrapper,
  type SignCallback,
  type SigningRequestOptions,
} from "ssh2";
import { abortable, deferred, withDeadline } from "../../../base/async.ts";
import { TransientError } from "../../transient.ts";
import { type HostKey, isKnown } from "./known-hosts.ts";
import type { Purpose } from "./place-error.ts";
import { connectFault, type Seen } from "./ssh-faults.ts";
import { jump } from "./ssh-jump.ts";
import { readKnownKeys, readPublicKeys, readUserKeys, type SshRoute, type UserKeys } from "./ssh-user.ts";

/** Between two looks whether the peer is still there, and how many may fail. */
const KEEPALIVE_MS = 30_000;
const KEEPALIVE_LOSSES = 3;

/** How long a server may take to close a connection that is ended. */
const GOODBYE_MS = 1_000;

/** An answer of SFTP's that is no success; `code` is SFTP's. */
export type SftpFault = Error & { code: number };

/** Makes a request whose answer goes to `done`. */
export type Send<T> = (sftp: SFTPWrapper, done: (error?: Error | null, value?: T) => void) => void;

export class SftpLink {
  readonly #client: ssh2.Client;
  readonly #sftp: SFTPWrapper;
  readonly #silentMs: number;
  readonly #waiting = new Set<(error: Error) => void>();
  #timer: NodeJS.Timeout | undefined;
  #ended: TransientError | undefined;

  private constructor(client: ssh2.Client, sftp: SFTPWrapper, silentMs: number, onEnd: () => void) {
    this.#client = client;
    this.#sftp = sftp;
    this.#silentMs = silentMs;
    const end = () => {
      this.#finish("the connection was lost");
      client.destroy();
      onEnd();
    };
    client.once("close", end);
    sftp.once("close", end);
    sftp.on("error", () => client.destroy());
  }

  /** Rejects with TransientError where another attempt may succeed. `onEnd` is called once, however the link ends. */
  static async open(
    signal: AbortSignal,
    route: SshRoute,
    { purpose, silentMs, onEnd }: { purpose: Purpose; silentMs: number; onEnd: () => void },
  ): Promise<SftpLink> {
    const known = await readKnownKeys(route);
    const user = await readUserKeys(route);
    const methods = await methodsOf(route, user);
    const client = new ssh2.Client();
    const seen: Seen = { hostKey: undefined };
    const way = route.through && jump(route.through);
    try {
      await connected(signal, client, () => {
        client.connect({
          ...(way ? { sock: way.stream } : { host: route.host, port: route.port }),
          ...{ username: route.user, authHandler: methods },
          ...{ readyTimeout: silentMs, keepaliveInterval: KEEPALIVE_MS, keepaliveCountMax: KEEPALIVE_LOSSES },
          algorithms: known.accepted.length > 0 ? { serverHostKey: algorithmsOf(known.accepted) } : {},
          hostVerifier: (key: Buffer) => {
            seen.hostKey = key;
            return isKnown(known, key);
          },
        });
        if (!way) client.setNoDelay(true);
      });
      return new SftpLink(client, await subsystem(signal, client, silentMs), silentMs, onEnd);
    } catch (error) {
      client.destroy();
      way?.stream.destroy();
      signal.throwIfAborted();
      throw way?.refusal(purpose) ?? connectFault(purpose, error, { route, known, user, seen });
    }
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /**
   * Sends one request and resolves with its answer. Rejects with SftpFault where the server refuses, TransientError where
   * the link ends or says nothing for too long, the signal's reason when it aborts; the request itself cannot be recalled.
   */
  async ask<T = void>(signal: AbortSignal, send: Send<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.#ended) throw this.#ended;
    const { promise, resolve, reject } = deferred<T>();
    const leave = () => {
      this.#waiting.delete(reject);
      this.#listen();
    };
    this.#waiting.add(reject);
    if (this.#waiting.size === 1) this.#listen();
    try {
      send(this.#sftp, (error, value) => {
        leave();
        // A callback with an error that has no code of SFTP's is the link's end, which says more.
        if (!error) resolve(value as T);
        else
          reject("code" in error ? error : new TransientError("the connection was lost", { cause: error }));
      });
    } catch (error) {
      leave();
      reject(error);
    }
    return await abortable(promise, signal);
  }

  /** Sends one whose answer nobody waits for. */
  tell(send: Send<void>): void {
    if (this.#ended) return;
    try {
      send(this.#sftp, () => {});
    } catch {
      // The link ends, and with it what was told.
    }
  }

  /** What was told is still sent, as far as it goes in a moment. */
  end(): void {
    this.#finish("the connection was closed");
    const deadline = setTimeout(() => this.#client.destroy(), GOODBYE_MS);
    this.#client.once("close", () => clearTimeout(deadline));
    this.#client.end();
  }

  /** Any answer is a sign of life: where many requests are under way on a slow line, each may wait for long. */
  #listen(): void {
    clearTimeout(this.#timer);
    if (this.#waiting.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#finish(`it said nothing for ${this.#silentMs / 1000} s`);
      this.#client.destroy();
    }, this.#silentMs);
  }

  #finish(reason: string): void {
    clearTimeout(this.#timer);
    this.#ended ??= new TransientError(reason);
    for (const reject of this.#waiting) reject(this.#ended);
    this.#waiting.clear();
  }
}

async function connected(signal: AbortSignal, client: ssh2.Client, connect: () => void): Promise<void> {
  const { promise, resolve, reject } = deferred<void>();
  client.once("ready", resolve);
  client.once("close", () => reject(new Error("it closed the connection")));
  client.on("error", (error: Error & { level?: string }) => {
    if (error.level !== "agent") reject(error); // Without its agent, the user may still have keys.
  });
  connect();
  await abortable(promise, signal);
}

async function subsystem(signal: AbortSignal, client: ssh2.Client, silentMs: number): Promise<SFTPWrapper> {
  const { promise, resolve, reject } = deferred<SFTPWrapper>();
  client.once("close", () => reject(new Error("it closed the connection")));
  client.sftp((error, sftp) => (error ? reject(error) : resolve(sftp)));
  const deadline = withDeadline(silentMs, signal);
  try {
    return await abortable(promise, deadline.signal);
  } finally {
    deadline.done();
  }
}

async function methodsOf(
  route: SshRoute,
  { keys }: UserKeys,
): Promise<(PublicKeyAuthMethod | AgentAuthMethod)[]> {
  const { user: username, agent, onlyKeyFiles } = route;
  const own = keys.map((key): PublicKeyAuthMethod => ({ type: "publickey", username, key }));
  if (agent === undefined) return own;
  const all = ssh2.createAgent(agent) as ssh2.BaseAgent<ParsedKey>;
  const chosen = onlyKeyFiles ? new SomeKeys(all, await readPublicKeys(route)) : all;
  return [...own, { type: "agent", username, agent: chosen }];
}

/** An agent of whose keys only some are used: a server counts each that it is offered. */
class SomeKeys extends ssh2.BaseAgent<ParsedKey> {
  readonly #agent: ssh2.BaseAgent<ParsedKey>;
  readonly #wanted: readonly Buffer[];

  constructor(agent: ssh2.BaseAgent<ParsedKey>, wanted: readonly Buffer[]) {
    super();
    this.#agent = agent;
    this.#wanted = wanted;
  }

  override getIdentities(done: IdentityCallback<ParsedKey>): void {
    const isWanted = (blob: Buffer) => this.#wanted.some((wanted) => wanted.equals(blob));
    this.#agent.getIdentities((error, keys = []) => {
      const some = keys.filter((key) => "getPublicSSH" in key && isWanted(key.getPublicSSH()));
      done(error, some);
    });
  }

  override sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback,
  ): void {
    if (typeof options === "function") this.#agent.sign(key, data, options);
    else this.#agent.sign(key, data, options, done);
  }
}

/** Only kinds of keys that are known: a server has several, and one of another kind would look like a changed one. */
function algorithmsOf(known: readonly HostKey[]): ServerHostKeyAlgorithm[] {
  const names = known.flatMap(({ type }) => (type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]));
  const usable = SUPPORTED.filter((name) => names.includes(name));
  return usable.length > 0 ? usable : [...SUPPORTED];
}

const SUPPORTED: readonly ServerHostKeyAlgorithm[] = [
  ...(["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"] as const),
  ...(["rsa-sha2-512", "rsa-sha2-256"] as const),
];
