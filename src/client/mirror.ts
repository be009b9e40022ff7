/**
 * A living copy of what the engine knows, for user interfaces. It connects when it is first asked to, follows the
 * events, lists again when it lost some, and comes back by itself when the engine was restarted, upgraded or killed.
 */
import type { EngineEvent } from "../api/event.ts";
import type { Instance } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import { abortable, type Deferred, deferred, sleep } from "../base/async.ts";
import type { Disposable } from "../base/disposable.ts";
import { EngineError, toEngineError } from "../base/errors.ts";
import { Emitter, type Event } from "../base/event.ts";
import type { ConnectedClient } from "./engine-client.ts";

/**
 * `idle`: nobody has asked for the engine yet. `connecting`: looking for it, starting it or listing. `connected`: the
 * maps are complete and follow the engine. `unavailable`: it cannot be reached; the maps keep what was last known.
 */
export type MirrorConnection =
  | { readonly state: "idle" | "connecting" | "connected"; readonly error?: undefined }
  | { readonly state: "unavailable"; readonly error: EngineError };

export type MirrorOptions = {
  /** Connects to the engine, starting one where none runs. Called anew after every loss. */
  connect: (signal: AbortSignal) => Promise<ConnectedClient>;
  /** Waits between attempts that fail, in milliseconds; after the last one it waits to be asked by `client()`. */
  retryDelaysMs?: readonly number[];
};

const RETRY_DELAYS_MS = [250, 500, 1000, 2000, 5000, 10_000] as const;
/** A connection that lasted this long was a good one: the next loss starts with the shortest delay. */
const STABLE_AFTER_MS = 10_000;
/** Ended operations that are kept, the newest of them. */
const KEEP_ENDED = 200;

export class EngineMirror implements Disposable {
  readonly #connect: MirrorOptions["connect"];
  readonly #delays: readonly number[];
  readonly #ended = new AbortController();
  readonly #instances = new Map<string, Instance>();
  readonly #operations = new Map<string, Operation>();
  readonly #instancesChanged = new Emitter<readonly string[]>();
  readonly #operationsChanged = new Emitter<readonly string[]>();
  readonly #imagesChanged = new Emitter<void>();
  readonly #backupsChanged = new Emitter<void>();
  readonly #connectionChanged = new Emitter<MirrorConnection>();
  #connection: MirrorConnection = { state: "idle" };
  /** What `client()` hands out: settled by the attempt under way, replaced when that connection is over. */
  #ready: Deferred<ConnectedClient> | undefined;
  /** Ends the wait before the next attempt. Present only during such a wait. */
  #wake: (() => void) | undefined;
  /** The newest one. Never disposed at a loss: operations that it follows go on with the next engine. */
  #client: ConnectedClient | undefined;
  #connectedAt: number | undefined;
  #position: { engine: string; since: number } | undefined;

  /** Ids of instances that were added, changed or removed. */
  readonly onDidChangeInstances: Event<readonly string[]> = this.#instancesChanged.event;
  /** Ids of operations that began, went on or ended. */
  readonly onDidChangeOperations: Event<readonly string[]> = this.#operationsChanged.event;
  /** The cached images are others than before: list them again where they are shown. */
  readonly onDidChangeImages: Event<void> = this.#imagesChanged.event;
  /** Repositories, what lies in them or what is planned: all is other than before, or may be. */
  readonly onDidChangeBackups: Event<void> = this.#backupsChanged.event;
  readonly onDidChangeConnection: Event<MirrorConnection> = this.#connectionChanged.event;

  constructor(options: MirrorOptions) {
    this.#connect = options.connect;
    this.#delays = options.retryDelaysMs ?? RETRY_DELAYS_MS;
  }

  /** By id; those in the trash included. */
  get instances(): ReadonlyMap<string, Instance> {
    return this.#instances;
  }

  /** By id: the running ones and the last that ended. */
  get operations(): ReadonlyMap<string, Operation> {
    return this.#operations;
  }

  get connection(): MirrorConnection {
    return this.#connection;
  }

  /**
   * The connected client, once the maps are filled. Connects (and starts the engine) when needed; while the mirror
   * waits between attempts, tries again at once. Rejects with EngineError when this attempt fails.
   */
  client(): Promise<ConnectedClient> {
    if (this.#ended.signal.aborted) return Promise.reject(disposedError());
    if (!this.#ready) {
      this.#ready = newReady();
      if (this.#wake) this.#wake();
      else void this.#live();
    }
    return this.#ready.promise;
  }

  dispose(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(disposedError());
    this.#ready?.reject(disposedError());
    this.#client?.dispose();
    for (const emitter of [
      this.#instancesChanged,
      this.#operationsChanged,
      this.#imagesChanged,
      this.#backupsChanged,
      this.#connectionChanged,
    ])
      emitter.dispose();
  }

  /** One attempt after the other, until the delays are used up or the mirror is disposed. */
  async #live(): Promise<void> {
    const { signal } = this.#ended;
    let failures = 0;
    while (!signal.aborted) {
      this.#ready ??= newReady();
      const error = await this.#session(signal);
      if (signal.aborted) return;
      const lasted = this.#connectedAt === undefined ? 0 : Date.now() - this.#connectedAt;
      if (lasted >= STABLE_AFTER_MS) failures = 0;
      this.#connectedAt = undefined;
      this.#ready?.reject(error);
      this.#ready = undefined;
      this.#setConnection({ state: "unavailable", error });
      const delay = this.#delays[failures];
      failures += 1;
      if (delay === undefined) return;
      if (await this.#pause(delay, signal)) failures = 0;
    }
  }

  /** Connects, lists and follows until the connection is over. Resolves with why it ended. */
  async #session(signal: AbortSignal): Promise<EngineError> {
    this.#setConnection({ state: "connecting" });
    const session = new AbortController();
    try {
      const client = await this.#connect(signal);
      this.#client = client;
      const events = await client.api.events.subscribe(this.#position ?? {}, {
        signal: AbortSignal.any([signal, session.signal]),
      });
      if (this.#position?.engine === client.info.id) this.#didConnect(client);
      for await (const event of events) {
        await this.#apply(event, client);
        if (event.type === "resync") this.#didConnect(client);
      }
      return new EngineError("engine-unavailable", "the connection to the engine ended");
    } catch (error) {
      return toEngineError(error);
    } finally {
      session.abort();
    }
  }

  #didConnect(client: ConnectedClient): void {
    this.#connectedAt ??= Date.now();
    this.#ready?.resolve(client);
    this.#setConnection({ state: "connected" });
  }

  async #apply(event: EngineEvent, client: ConnectedClient): Promise<void> {
    if (event.type === "resync") {
      await this.#list(client);
      this.#position = { engine: event.engine, since: event.sequence };
      return;
    }
    if (this.#position) this.#position.since = event.sequence;
    if (event.type === "instance") this.#setInstance(event.instance);
    else if (event.type === "instance-removed") this.#removeInstance(event.id);
    else if (event.type === "operation") this.#setOperation(event.operation);
    else if (event.type === "images") this.#imagesChanged.fire();
    else if (event.type === "backups") this.#backupsChanged.fire();
  }

  async #list(client: ConnectedClient): Promise<void> {
    const { signal } = this.#ended;
    const [instances, operations] = await Promise.all([
      client.api.instances.list(undefined, { signal }),
      client.api.operations.list(undefined, { signal }),
    ]);
    const instanceIds = replaceAll(this.#instances, instances.items);
    const operationIds = replaceAll(this.#operations, operations.items);
    if (instanceIds.length > 0) this.#instancesChanged.fire(instanceIds);
    if (operationIds.length > 0) this.#operationsChanged.fire(operationIds);
    this.#imagesChanged.fire();
    this.#backupsChanged.fire();
  }

  /** An event that was published before the list was made must not turn the clock back. */
  #setInstance(instance: Instance): void {
    const known = this.#instances.get(instance.id);
    if (known && known.updatedAt > instance.updatedAt) return;
    this.#instances.set(instance.id, instance);
    this.#instancesChanged.fire([instance.id]);
  }

  #removeInstance(id: string): void {
    if (this.#instances.delete(id)) this.#instancesChanged.fire([id]);
  }

  #setOperation(operation: Operation): void {
    const known = this.#operations.get(operation.id);
    if (known && (known.updatedAt > operation.updatedAt || known.status !== "running")) return;
    this.#operations.set(operation.id, operation);
    const forgotten = operation.status === "running" ? [] : this.#forgetOldest();
    this.#operationsChanged.fire([operation.id, ...forgotten]);
  }

  #forgetOldest(): string[] {
    const ended = [...this.#operations.values()].filter(({ status }) => status !== "running");
    const old = ended.slice(0, Math.max(0, ended.length - KEEP_ENDED)).map(({ id }) => id);
    for (const id of old) this.#operations.delete(id);
    return old;
  }

  /** Resolves with true when somebody asked for the engine before the time was over. */
  async #pause(ms: number, signal: AbortSignal): Promise<boolean> {
    const asked = deferred<boolean>();
    const timer = new AbortController();
    this.#wake = () => asked.resolve(true);
    try {
      const waited = sleep(ms, timer.signal).then(() => false);
      waited.catch(() => {});
      return await abortable(Promise.race([waited, asked.promise]), signal);
    } catch {
      return false;
    } finally {
      this.#wake = undefined;
      timer.abort();
    }
  }

  #setConnection(connection: MirrorConnection): void {
    if (connection.state === this.#connection.state && connection.state !== "unavailable") return;
    this.#connection = connection;
    this.#connectionChanged.fire(connection);
  }
}

/** Makes the map hold exactly these, in their order. Returns the ids of all that differ from before. */
function replaceAll<T extends { id: string }>(map: Map<string, T>, items: readonly T[]): string[] {
  const before = new Map(map);
  map.clear();
  const changed: string[] = [];
  for (const item of items) {
    map.set(item.id, item);
    if (JSON.stringify(before.get(item.id)) !== JSON.stringify(item)) changed.push(item.id);
    before.delete(item.id);
  }
  return [...changed, ...before.keys()];
}

function newReady(): Deferred<ConnectedClient> {
  const ready = deferred<ConnectedClient>();
  ready.promise.catch(() => {}); // Whoever asked sees the rejection; the loop itself needs no handler.
  return ready;
}

function disposedError(): EngineError {
  return new EngineError("cancelled", "cannot use the engine: this window is closing");
}
