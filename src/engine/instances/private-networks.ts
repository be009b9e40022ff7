/** The networks between instances: which there are, kept in the store, and who is in each. */
import * as z from "zod";
import {
  type NetworkMode,
  NetworkName,
  type PrivateNetwork,
  privateNetworkOf,
} from "../../api/network-mode.ts";
import { EngineError } from "../../base/errors.ts";
import { sees } from "../access/asking.ts";
import { instancePath } from "../access/paths.ts";
import type { PrivateNetworksApi } from "../engine-core.ts";
import type { Finding } from "./check.ts";
import { nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

const KEY = "internal.networks";
/** How long the runtimes of containers may take to free what they have of it. */
const DROP_MS = 30_000;
const Kept = z.array(NetworkName);

export class PrivateNetworks implements PrivateNetworksApi {
  readonly #keeper: Keeper;

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  /**
   * One in which are instances that whoever asks may not see is not there for them: else it would lead from one project into
   * another.
   */
  list(): PrivateNetwork[] {
    const isSeen = (name: string) =>
      sees("instance.view", instancePath({ name, project: this.#keeper.projectOf(name) }));
    return this.#all().filter(({ instances }) => instances.every(isSeen));
  }

  /** A network that an instance names is there, whatever has become of the store. */
  #all(): PrivateNetwork[] {
    const members = this.#members();
    const names = new Set([...this.#kept(), ...members.keys()]);
    return [...names].sort().map((name) => ({ name, instances: (members.get(name) ?? []).sort() }));
  }

  get(name: string): PrivateNetwork {
    const found = this.list().find((one) => one.name === name);
    if (found) return found;
    throw new EngineError("not-found", `cannot find the network ${name}: there is none of that name`, {
      hint: "berth network list tells which there are.",
    });
  }

  create(name: string): PrivateNetwork {
    if (this.#all().some((one) => one.name === name)) {
      throw new EngineError("already-exists", `cannot create the network ${name}: it exists`);
    }
    this.#keep([...this.#kept(), name]);
    return this.get(name);
  }

  async delete(name: string): Promise<void> {
    const { instances } = this.get(name);
    if (instances.length > 0) {
      const reason = `cannot delete the network ${name}: ${instances.join(", ")} ${instances.length === 1 ? "is" : "are"} in it`;
      throw new EngineError("wrong-state", reason, {
        hint: "Purge them, or change what they reach: berth network set NAME MODE",
      });
    }
    this.#keep(this.#kept().filter((one) => one !== name));
    const ctx = { signal: AbortSignal.timeout(DROP_MS), progress: () => {}, log: this.#keeper.log };
    await this.#keeper.dropNetwork(ctx, name);
  }

  /** What speaks against an instance of this mode. */
  findings(mode: NetworkMode | undefined): Finding[] {
    const name = mode && privateNetworkOf(mode);
    if (name === undefined || this.list().some((one) => one.name === name)) return [];
    const [message, hint] = [`there is no network ${name}`, `Make it: berth network create ${name}`];
    return [{ code: "network-absent", severity: "error", message, hint, error: "not-found" }];
  }

  #members(): Map<string, string[]> {
    const members = new Map<string, string[]>();
    for (const entry of this.#keeper.entries()) {
      const name = privateNetworkOf(entry.record.descriptor.network);
      if (name !== undefined) members.set(name, [...(members.get(name) ?? []), nameOf(entry)]);
    }
    return members;
  }

  #kept(): string[] {
    return Kept.safeParse(this.#keeper.store.readSetting(KEY)).data ?? [];
  }

  #keep(names: readonly string[]): void {
    this.#keeper.store.writeSettings({ [KEY]: names });
  }
}
