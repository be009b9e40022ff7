/** The runtimes that containers may be at: those of this host, and the one in a VM of ours. */
import type { ContainerRuntime } from "../../../api/container.ts";
import type { Settings } from "../../../api/engine-info.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import { CONTAINER_HOST, type ContainerHost, refuseInHost } from "../container-host.ts";
import type { LaunchNeeds } from "../driver.ts";
import { RuntimeApi } from "./api.ts";
import { type Detection, detectRuntimes, type KnownRuntimes } from "./detect.ts";
import { noRuntime } from "./driver-info.ts";
import { type Endpoint, type EndpointInputs, endpointIn } from "./endpoints.ts";
import { endpointInputs } from "./host.ts";

type Signal = Pick<Ctx, "signal">;

export type RuntimesOptions = {
  /** Where runtimes are looked for. */
  inputs?: (() => Promise<EndpointInputs>) | undefined;
  /** The VM for containers; left out where there can be none. */
  host?: ContainerHost | undefined;
  /** Where containers are made unless told otherwise; undefined where it is the first that answers. */
  preferred?: (() => ContainerRuntime | undefined) | undefined;
};

export class Runtimes {
  readonly #options: RuntimesOptions;
  readonly #known: KnownRuntimes = new Map();
  #detection: Promise<Detection> | undefined;

  constructor(options: RuntimesOptions) {
    this.#options = options;
  }

  /** Whether there is a VM, or can be one. */
  get withHost(): boolean {
    return this.#options.host !== undefined;
  }

  /** Those of this host that answer, best first. Rejects where there is none. */
  async here(ctx: Signal): Promise<RuntimeApi[]> {
    const detection = await this.detect(ctx, true);
    if (detection.found.length === 0) throw noRuntime(detection, undefined);
    return detection.found.map(({ endpoint }) => this.at(endpoint));
  }

  /** All that answer now, best first. Rejects where this host has none, and there can be no VM. */
  async answering(ctx: Signal): Promise<RuntimeApi[]> {
    const detection = await this.detect(ctx, true);
    const endpoints = detection.found.map(({ endpoint }) => endpoint);
    const host = this.#options.host?.running;
    if (host !== undefined) endpoints.push(endpointIn(host));
    if (endpoints.length === 0 && !this.withHost) throw noRuntime(detection, undefined);
    return endpoints.map((endpoint) => this.at(endpoint));
  }

  /** For new work: what is asked for or preferred, else the first of this host, else the VM, which is made if need be. */
  async choose(ctx: Ctx, asked: ContainerRuntime | undefined): Promise<RuntimeApi> {
    const runtime = asked ?? this.#options.preferred?.();
    const { host } = this.#options;
    if (runtime === "vm" && host) return this.at(endpointIn(await host.open(ctx)));
    const detection = await this.detect(ctx, true);
    const chosen = detection.found.find(({ endpoint }) => !runtime || endpoint.runtime === runtime);
    if (chosen) return this.at(chosen.endpoint);
    // Who may not use the runtime that is there is told so, and not given another one.
    if (runtime || detection.refused.length > 0 || !host) throw noRuntime(detection, runtime);
    return this.at(endpointIn(await host.open(ctx)));
  }

  /** Makes or starts the VM where a container would be made in it, unless it cannot be there. */
  async prepare(ctx: Ctx, { name, container, ...wanted }: LaunchNeeds): Promise<void> {
    const runtime = container?.runtime ?? this.#options.preferred?.();
    if (runtime !== undefined && runtime !== "vm") return;
    const here = runtime === "vm" ? undefined : await this.detect(ctx, false);
    if (here && here.found.length > 0) return;
    if (!here?.refused.length) refuseInHost(name, wanted);
    await this.choose(ctx, runtime);
  }

  /** Whether it answers or not. */
  at(endpoint: Endpoint): RuntimeApi {
    const { address } = endpoint;
    if (!("instance" in address)) return new RuntimeApi(endpoint);
    return new RuntimeApi(endpoint, (ctx, to) => this.#host().connect(ctx, address.instance, to));
  }

  /** The VM that it is in is started where it does not run. Rejects with `not-found` where that is gone. */
  async awake(ctx: Ctx, endpoint: Endpoint): Promise<RuntimeApi> {
    const { address } = endpoint;
    if ("instance" in address) await this.#host().open(ctx, address.instance);
    return this.at(endpoint);
  }

  /** What was written there until now outlives a loss of power; a runtime of this host sees to that by itself. */
  async flush(ctx: Ctx, { endpoint: { address } }: RuntimeApi): Promise<void> {
    if ("instance" in address) await this.#host().flush(ctx, address.instance);
  }

  async detect(ctx: Signal, fresh: boolean): Promise<Detection> {
    if (this.#detection && !fresh) return this.#detection;
    const inputs = await (this.#options.inputs ?? endpointInputs)();
    const detection = detectRuntimes(ctx, inputs, this.#known);
    this.#detection = detection;
    detection.catch(() => {
      if (this.#detection === detection) this.#detection = undefined;
    });
    return detection;
  }

  #host(): ContainerHost {
    const { host } = this.#options;
    if (host) return host;
    throw new EngineError("missing-dependency", `cannot use ${CONTAINER_HOST}: this engine has no VMs`);
  }
}

/** What the user has set. Pure. */
export function preferredRuntime(
  settings: Pick<Settings, "containers.runtime">,
): ContainerRuntime | undefined {
  const runtime = settings["containers.runtime"];
  return runtime === "auto" ? undefined : runtime;
}
