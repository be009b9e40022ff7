/**
 * The book of instances and its only writer: what changes here is committed where it must outlive the engine, and
 * published as the whole new instance. The manager decides what may happen; the steps of an action say what has.
 */
import { DEFAULT_PROJECT } from "../../api/access.ts";
import type { Settings } from "../../api/engine-info.ts";
import type { Instance, InstanceState, Problem } from "../../api/instance.ts";
import { EngineError } from "../../base/errors.ts";
import { Emitter } from "../../base/event.ts";
import { sees } from "../access/asking.ts";
import { permitConfig } from "../access/host-touch.ts";
import { instancePath } from "../access/paths.ts";
import type { Ctx } from "../ctx.ts";
import type { Driver, DriverInstance, Subnet } from "../drivers/driver.ts";
import type { Running } from "../drivers/running.ts";
import type { EventLog } from "../event-log.ts";
import type { Login } from "../guest/keys.ts";
import type { Images } from "../images/images.ts";
import type { InstanceKeys } from "../keys/instance-keys.ts";
import type { Log } from "../log.ts";
import type { InstanceFiles } from "../store/instance-files.ts";
import { type Descriptor, hasImage, type InstanceRecord } from "../store/record.ts";
import type { Store } from "../store/store.ts";
import { driverInstanceOf } from "./driver-instance.ts";
import { crashed, type Entry, nameOf, without } from "./entry.ts";
import { GuestNames } from "./guest-names.ts";
import { mediumFile } from "./media.ts";
import { PrivateNetworks } from "./private-networks.ts";
import { type LimitsOf, Quotas } from "./quotas.ts";
import { Serving } from "./serving.ts";
import { toInstance } from "./view.ts";
import type { ZoneBook } from "./zone-book.ts";

export type KeeperParts = {
  store: Store;
  files: InstanceFiles;
  keys: InstanceKeys;
  events: EventLog;
  drivers: readonly Driver[];
  images: Images;
  subnet: Subnet;
  zones: ZoneBook;
  runDirectory: string;
  /** What projects may have; none is limited where left out. */
  limits?: LimitsOf;
  settings: () => Settings;
  log: Log;
  now: () => Date;
  makeLogin: (user: string) => Login | Promise<Login>;
};

export type Patch = { state?: InstanceState; ready?: boolean; problems?: readonly Problem[] };

type DescriptorPatch = { [K in keyof Descriptor]?: Descriptor[K] | undefined };

/** States that the index keeps; the others last only as long as an operation, which is journaled itself. */
const LASTING: readonly InstanceState[] = ["running", "stopped", "deleted", "suspended", "unknown"];

export class Keeper {
  readonly store: Store;
  readonly files: InstanceFiles;
  readonly keys: InstanceKeys;
  readonly images: Images;
  readonly log: Log;
  readonly zones: ZoneBook;
  readonly privateNetworks: PrivateNetworks;
  readonly quotas: Quotas;
  readonly subnet: Subnet;
  readonly guestNames = new GuestNames(this);
  readonly #parts: KeeperParts;
  readonly #byName = new Map<string, Entry>();
  /** Names that an instance is about to have, or has just given up. */
  readonly #held = new Map<string, Entry>();
  #closed = false;
  readonly #changed = new Emitter<void>();
  /** Fires when anything of any instance may be another than before. */
  readonly onDidChange = this.#changed.event;
  readonly serving = new Serving();

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.store = parts.store;
    this.files = parts.files;
    this.keys = parts.keys;
    this.images = parts.images;
    this.log = parts.log;
    this.zones = parts.zones;
    this.privateNetworks = new PrivateNetworks(this);
    this.quotas = new Quotas(this, parts.limits ?? (() => new Map()));
    this.subnet = parts.subnet;
  }

  now(): Date {
    return this.#parts.now();
  }

  /** As they are now. */
  get settings(): Settings {
    return this.#parts.settings();
  }

  makeLogin(user: string): Login | Promise<Login> {
    return this.#parts.makeLogin(user);
  }

  // --- Looking things up --------------------------------------------------------------------------------------

  entries(): Entry[] {
    return [...this.#byName.values()];
  }

  has(name: string): boolean {
    return this.holderOf(name) !== undefined;
  }

  /** Who has the name, or is about to. */
  holderOf(name: string): Entry | undefined {
    return this.#byName.get(name) ?? this.#held.get(name);
  }

  byId(id: string): Entry | undefined {
    return this.entries().find((entry) => entry.record.descriptor.id === id);
  }

  /** Undefined where there is none of that name. */
  projectOf(name: string): string | undefined {
    const entry = this.#byName.get(name);
    return entry && (entry.record.descriptor.project ?? DEFAULT_PROJECT);
  }

  /** `not-found`, in words that begin with `cannot <verb> <name>`, where there is none that whoever asks may see. */
  find(name: string, verb: string): Entry {
    const entry = this.#byName.get(name);
    if (entry && sees("instance.view", instancePath(entry.record.descriptor))) return entry;
    const reason = `cannot ${verb} ${name}: instance "${name}" does not exist`;
    throw new EngineError("not-found", reason, { hint: "berth list shows all instances." });
  }

  /** The instance as clients see it. */
  show(entry: Entry): Instance {
    return toInstance(entry, this.zones.of(entry.record.descriptor.zone));
  }

  entriesIn(zone: string): Entry[] {
    return this.entries().filter(({ record }) => record.descriptor.zone === zone);
  }

  /** What drivers keep of a private network in which no instance is goes. */
  async dropNetwork(ctx: Ctx, network: string): Promise<void> {
    for (const driver of this.#parts.drivers) await driver.dropNetwork?.(ctx, network);
  }

  /** Throws `missing-dependency` when this engine has no such driver. */
  driverOf(entry: Entry): Driver {
    const { name, driver } = entry.record.descriptor;
    const found = this.#parts.drivers.find((one) => one.name === driver);
    if (found) return found;
    const reason = `cannot use ${name}: this engine has no driver named ${driver}`;
    throw new EngineError("missing-dependency", reason);
  }

  /** Everything the driver may know; reads the keys from the instance's directory unless they are of no use. */
  driverInstance(entry: Entry, options: { withoutKeys?: boolean } = {}): Promise<DriverInstance> {
    const { files, keys, subnet } = this;
    const { runDirectory } = this.#parts;
    const places = { files, keys, subnet, runDirectory, medium: mediumFile(this, entry) };
    return driverInstanceOf(entry, places, options.withoutKeys ?? false);
  }

  // --- Writing ------------------------------------------------------------------------------------------------

  /** The cached images changed, by a launch. */
  imagesChanged(): void {
    this.#parts.events.publish({ type: "images" });
  }

  /** Takes in an instance: a launched one, or what was found at the engine's start. */
  add(entry: Entry): void {
    this.#byName.set(nameOf(entry), entry);
  }

  /** Forgets an instance and publishes that it is gone; no effect when that is known. */
  removed(entry: Entry): void {
    const { id, name, project } = entry.record.descriptor;
    if (this.#byName.get(name) !== entry) return;
    this.#byName.delete(name);
    this.#parts.events.publish({ type: "instance-removed", id, name, ...(project ? { project } : {}) });
    this.#changed.fire();
  }

  /** Keeps a free name for this instance. */
  hold(name: string, entry: Entry): void {
    if (!this.has(name)) this.#held.set(name, entry);
  }

  letGoOf(name: string, entry: Entry): void {
    if (this.#held.get(name) === entry) this.#held.delete(name);
  }

  /** Gives the instance another name. The old one is nobody's before the new one is on disk. */
  async rename(entry: Entry, name: string): Promise<void> {
    const before = nameOf(entry);
    if (before === name) return;
    this.#called(entry, name);
    this.hold(before, entry);
    try {
      await this.describe(entry, {});
    } catch (error) {
      this.#called(entry, before);
      this.publish(entry);
      throw error;
    } finally {
      this.letGoOf(before, entry);
    }
  }

  #called(entry: Entry, name: string): void {
    this.#byName.delete(nameOf(entry));
    this.note(entry, { name });
    this.#byName.set(name, entry);
  }

  update(entry: Entry, patch: Patch): void {
    const before = entry.record;
    const { state = before.state, problems = before.problems } = patch;
    entry.ready = entry.running !== undefined && (patch.ready ?? entry.ready);
    entry.record = { ...before, state, problems: [...problems], updatedAt: this.now().toISOString() };
    try {
      this.#save(entry, before);
    } finally {
      this.publish(entry);
    }
  }

  /** Assigns and writes the descriptor to the instance's directory, then the index. */
  async describe(entry: Entry, patch: DescriptorPatch): Promise<void> {
    this.note(entry, patch);
    await this.files.writeDescriptor(entry.record.descriptor);
    entry.damage = undefined;
    this.store.saveInstance(entry.record);
    this.publish(entry);
  }

  /** Assigns without writing: what is known before the instance has its directory. */
  note(entry: Entry, patch: DescriptorPatch): void {
    const { descriptor } = entry.record;
    const changed = { ...descriptor, ...patch, revision: descriptor.revision + 1 } as Descriptor;
    permitConfig(descriptor, changed, `change ${descriptor.name}`);
    entry.record = { ...entry.record, descriptor: changed, updatedAt: this.now().toISOString() };
  }

  /** From now on the entry's guest runs; its exit is watched. */
  attached(entry: Entry, running: Running, patch: Patch): void {
    entry.running = running;
    entry.ready = false;
    entry.background?.abort();
    entry.background = new AbortController();
    entry.record = { ...entry.record, startedAt: running.startedAt.toISOString() };
    const changes = running.onDidChange?.(() => this.publish(entry));
    entry.background.signal.addEventListener("abort", () => changes?.dispose(), { once: true });
    void running.exited.then((exit) => {
      if (entry.running !== running || this.#closed) return;
      this.detached(entry, running);
      // An operation that works on it now says itself what has become of it.
      if (entry.pending) return this.publish(entry);
      const { problems } = entry.record;
      this.#updateUnasked(entry, {
        state: "stopped",
        problems:
          exit.how === "crashed" ? [...problems, crashed(exit.detail)] : without(problems, "not-ready"),
      });
    });
    this.update(entry, patch);
  }

  /** From now on it does not; no effect when that is known. */
  detached(entry: Entry, running: Running): void {
    if (entry.running !== running) return;
    entry.running = undefined;
    entry.ready = false;
    entry.background?.abort();
    entry.background = undefined;
    running.guest.dispose();
  }

  publish(entry: Entry): void {
    if (this.#byName.get(nameOf(entry)) !== entry) return;
    this.#parts.events.publish({ type: "instance", instance: this.show(entry) });
    this.#changed.fire();
  }

  /** A zone has been disabled or enabled. */
  zoneChanged(zone: string): void {
    this.#parts.events.publish({ type: "zone", zone: this.zones.get(zone) });
    for (const entry of this.entriesIn(zone)) this.publish(entry);
  }

  /** Lets go of every guest without stopping it. */
  close(): void {
    this.#closed = true;
    this.#changed.dispose();
    for (const entry of this.entries()) {
      entry.background?.abort();
      entry.running?.release();
    }
  }

  /** For facts that arrive by themselves: nobody would catch the error of a full disk. */
  #updateUnasked(entry: Entry, patch: Patch): void {
    try {
      this.update(entry, patch);
    } catch (error) {
      this.log.error("an instance's state could not be saved", { instance: nameOf(entry), error });
    }
  }

  /** Only what has a descriptor on disk is in the index, and only what lasts is worth a commit. */
  #save(entry: Entry, before: InstanceRecord): void {
    const { record } = entry;
    if (entry.broken || !hasImage(record.descriptor) || !LASTING.includes(record.state)) return;
    const sameProblems = JSON.stringify(record.problems) === JSON.stringify(before.problems);
    if (record.state !== before.state || !sameProblems) this.store.saveInstance(record);
  }
}
