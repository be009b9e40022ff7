/** A container that runs: watched until it has ended for good, whoever ended it. */

import { Health } from "../../../api/container.ts";
import type { Metrics } from "../../../api/metrics.ts";
import { NetworkMode } from "../../../api/network-mode.ts";
import type { PortForward } from "../../../api/port.ts";
import { abortable, deferred, sleep } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";
import { Emitter } from "../../../base/event.ts";
import type { Ctx } from "../../ctx.ts";
import type { GuestAccess, GuestProcess } from "../../guest/guest.ts";
import { isRefused } from "../../guest/ssh-guest.ts";
import type { Log } from "../../log.ts";
import type { AttachRequest, Exit, PortSupport, Running } from "../running.ts";
import type { RuntimeApi } from "./api.ts";
import { attachMain } from "./attach.ts";
import { type Containers, type Inspected, isUp } from "./containers.ts";
import { type ContainerInstance, NETWORK_LABEL, stopSecondsOf } from "./create-body.ts";
import { RUNTIME_NAMES } from "./endpoints.ts";
import { exitOf, graceMs } from "./exits.ts";
import { addressesOf, ContainerGuest } from "./guest.ts";
import { statsOf } from "./stats.ts";

/** Beyond what its program is given to end, for the runtime to clean up. */
const STOP_EXTRA_MS = 60_000;
/** Between looks at what has ended, and may be something else in a moment. */
const SETTLE_PAUSE_MS = 150;
/** How long a runtime that is restarted may be away, and the pauses between looks. */
const AWAY_MS = 60_000;
const LOOK_PAUSE_MS = 500;
/** Of a runtime that tells no events, such as a Podman without a place for them, it is asked this often. */
const DEAF_PAUSE_MS = 2_000;
/** As Docker and Podman call the end of a program, and of its container. */
const END_EVENTS = new Set(["die", "died", "destroy", "remove"]);
/** What changes what is shown of one that runs. */
const CHANGE_EVENT = /^(pause|unpause|health_status|start)/;

type Parts = {
  containers: Containers;
  instance: ContainerInstance;
  found: Inspected;
  /** Why its memory cannot be kept. */
  unkept: string;
  log: Log;
};

export class ContainerRunning implements Running {
  readonly exited: Promise<Exit>;
  readonly guest: GuestAccess;
  readonly ssh = undefined;
  readonly accelerator = undefined;
  readonly problems = [];
  readonly ports: PortSupport;
  readonly reach: Running["reach"];
  readonly network: NetworkMode;
  readonly #parts: Parts;
  readonly #life = new AbortController();
  readonly #changed = new Emitter<void>();
  readonly onDidChange = this.#changed.event;
  #found: Inspected;
  #stopping = false;
  /** Aborted when it is known to have ended, or may have. */
  #listening = new AbortController();

  constructor(parts: Parts) {
    const { containers, instance, found, log } = parts;
    this.#parts = parts;
    this.#found = found;
    // One that an earlier engine made bears no such label, and its mode could not change.
    this.network = NetworkMode.safeParse(found.Config.Labels?.[NETWORK_LABEL]).data ?? instance.network;
    this.guest = new ContainerGuest({ containers, instance, id: found.Id, log });
    this.ports = publishedPorts(instance);
    const { connect } = containers.api;
    this.reach =
      connect && (async (ctx, port) => connect(ctx, { host: this.#host(port), port: port.guestPort }));
    const ended = deferred<Exit>();
    this.exited = ended.promise;
    void this.#watch().then(
      (exit) => ended.resolve(exit),
      (error: unknown) => {
        if (!this.#life.signal.aborted) ended.resolve({ how: "crashed", detail: String(error) });
      },
    );
  }

  get whyNoSuspend(): string {
    return `its memory cannot be kept: ${this.#parts.unkept}`;
  }

  get startedAt(): Date {
    return new Date(this.#found.State.StartedAt);
  }

  get address(): string | undefined {
    return addressesOf(this.#found)[0];
  }

  get paused(): boolean {
    return this.#found.State.Paused;
  }

  get health(): Health | undefined {
    const { Health: docker, Healthcheck: podman } = this.#found.State;
    return Health.safeParse((docker ?? podman)?.Status).data;
  }

  async stop(ctx: Ctx, how: "graceful" | "force"): Promise<void> {
    const { instance } = this.#parts;
    await this.unpause(ctx);
    this.#stopping = true;
    const asked = this.#found.Config.StopTimeout ?? stopSecondsOf(instance);
    const seconds = how === "graceful" ? asked : 0;
    const deadlineMs = seconds * 1000 + STOP_EXTRA_MS;
    try {
      await this.#ask(ctx, "stop", `stop ${instance.name}`, { t: String(seconds) }, deadlineMs);
    } catch (error) {
      this.#stopping = false;
      if (!(error instanceof EngineError && error.code === "not-found")) throw error;
    }
    this.#listening.abort();
    await abortable(this.exited, ctx.signal);
  }

  async pause(ctx: Ctx): Promise<void> {
    await this.refresh(ctx);
    if (this.paused) return;
    await this.#ask(ctx, "pause", `pause ${this.#parts.instance.name}`);
    await this.refresh(ctx);
  }

  async unpause(ctx: Ctx): Promise<void> {
    await this.refresh(ctx);
    if (!this.paused) return;
    await this.#ask(ctx, "unpause", `let ${this.#parts.instance.name} go on`);
    await this.refresh(ctx);
  }

  async refresh(ctx: Pick<Ctx, "signal">): Promise<void> {
    const { containers, instance } = this.#parts;
    const now = await containers.inspect(ctx, this.#found.Id, instance.name);
    if (now) this.#show(now);
  }

  attach(ctx: Pick<Ctx, "signal">, request: AttachRequest): Promise<GuestProcess> {
    const { containers, instance, log } = this.#parts;
    const place = { api: containers.api, container: this.#found.Id, name: instance.name, log };
    const { Tty: tty = false, OpenStdin: openStdin = false } = this.#found.Config;
    return attachMain(ctx, place, { tty, openStdin }, request);
  }

  stats({ signal }: Pick<Ctx, "signal">): AsyncIterable<Metrics> {
    const { containers, instance } = this.#parts;
    const either = AbortSignal.any([signal, this.#life.signal]);
    return statsOf({ signal: either }, containers.api, this.#found.Id, instance);
  }

  release(): void {
    this.#life.abort();
    this.guest.dispose();
  }

  /** Its address where its runtime is. */
  #host({ guestPort }: PortForward): string {
    if (this.address !== undefined) return this.address;
    const reason = `cannot reach port ${guestPort} of ${this.#parts.instance.name}: it has no network`;
    throw new EngineError("guest-unreachable", reason);
  }

  async #ask(
    ctx: Ctx,
    verb: string,
    doing: string,
    query: Record<string, string> = {},
    deadlineMs?: number,
  ): Promise<void> {
    const { api } = this.#parts.containers;
    await api.json(ctx, "POST", `/containers/${this.#found.Id}/${verb}`, { doing, query, deadlineMs });
  }

  /** Resolves with how it has ended. A runtime that was away may have ended it, or not have. */
  async #watch(): Promise<Exit> {
    const { signal } = this.#life;
    for (;;) {
      const heard = await this.#listen();
      const look = await this.#settled();
      if (look === "away") return { how: "crashed", detail: this.#awayWords() };
      const exit = exitOf(look, this.#parts.instance, this.#stopping);
      if (exit && heard === "lost" && exit.how !== "stopped" && look)
        return { how: "crashed", detail: `${this.#runtime()} was stopped, and its containers with it` };
      if (exit) return exit;
      if (look) this.#show(look);
      if (heard !== "end") await sleep(DEAF_PAUSE_MS, signal);
    }
  }

  /** Until its runtime says that it has ended, for good or not. It may fall silent without a reason, or be gone itself. */
  async #listen(): Promise<"end" | "silent" | "lost"> {
    this.#listening = new AbortController();
    const signal = AbortSignal.any([this.#life.signal, this.#listening.signal]);
    const heard = deferred<"end" | "silent" | "lost">();
    const listener = this.#parts.containers.watch.listen((news) => {
      if (news === "lost" || news === "silent") heard.resolve(news);
      else if (news === "open") void this.#isOver().then((over) => over && heard.resolve("end"));
      else if (news.id !== this.#found.Id) return;
      else if (END_EVENTS.has(news.action)) heard.resolve("end");
      else if (CHANGE_EVENT.test(news.action)) void this.refresh({ signal }).catch(() => {});
    });
    try {
      return await abortable(heard.promise, signal);
    } catch {
      this.#life.signal.throwIfAborted();
      return "end";
    } finally {
      listener.dispose();
    }
  }

  /** Whether it has ended before it was listened to. Where that cannot be told, the watch tells of its runtime. */
  async #isOver(): Promise<boolean> {
    try {
      const { containers, instance } = this.#parts;
      const now = await containers.inspect(this.#life, this.#found.Id, instance.name);
      if (now && isUp(now)) this.#show(now);
      return !now || !isUp(now);
    } catch {
      return false;
    }
  }

  /** The container as it is now; looks again while the runtime is away for a moment. */
  async #look(): Promise<Inspected | undefined | "away"> {
    const { containers, instance } = this.#parts;
    const { signal } = this.#life;
    for (const until = Date.now() + AWAY_MS; ; ) {
      try {
        return await containers.inspect({ signal }, this.#found.Id, instance.name);
      } catch (error) {
        signal.throwIfAborted();
        this.#parts.log.debug("a container could not be looked at", { instance: instance.name, error });
        if (Date.now() > until || isOff(containers.api, error)) return "away";
        await sleep(LOOK_PAUSE_MS, signal);
      }
    }
  }

  /** As it is when nothing more is about to happen to it. No event tells that. */
  async #settled(): Promise<Inspected | undefined | "away"> {
    const { instance } = this.#parts;
    for (const since = Date.now(); ; await sleep(SETTLE_PAUSE_MS, this.#life.signal)) {
      const look = await this.#look();
      if (!look || look === "away" || this.#stopping || !exitOf(look, instance, false)) return look;
      if (Date.now() - since >= graceMs(look, instance.container.restart)) return look;
    }
  }

  /** Tells of it where another thing is shown of it than before. */
  #show(now: Inspected): void {
    const shown = () => JSON.stringify([this.paused, this.health, this.address]);
    const before = shown();
    this.#found = now;
    if (shown() !== before) this.#changed.fire();
  }

  #runtime(): string {
    return RUNTIME_NAMES[this.#parts.containers.api.endpoint.runtime];
  }

  #awayWords(): string {
    return `${this.#runtime()} does not run any more; start it, then start the instance`;
  }
}

/** Its VM does not run, and nothing in it does. One that runs may refuse for a moment, while its runtime is restarted. */
function isOff({ connect }: RuntimeApi, error: unknown): boolean {
  const off = error instanceof EngineError && error.code === "missing-dependency";
  return connect !== undefined && off && !isRefused(error.cause);
}

/** A runtime publishes ports when it makes a container, and never after. */
function publishedPorts(instance: ContainerInstance): PortSupport {
  const same = (a: PortForward, b: PortForward) =>
    a.protocol === b.protocol &&
    a.hostAddress === b.hostAddress &&
    a.hostPort === b.hostPort &&
    a.guestPort === b.guestPort;
  return {
    open: async (_ctx, port) => {
      if (instance.ports?.some((one) => same(one, port))) return;
      const reason = "ports of a container are published when it starts";
      const message = `cannot forward ${port.hostPort}/${port.protocol} to ${instance.name}: ${reason}`;
      throw new EngineError("wrong-state", message, {
        hint: `Stop it, add the port, and start it: berth stop ${instance.name}`,
      });
    },
    // Until the next start it listens on; the instance's ports are what that publishes.
    close: async () => {},
  };
}
