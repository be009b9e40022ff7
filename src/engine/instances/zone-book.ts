/**
 * The availability zones: their parts of the engine's subnet, which of them are disabled, which instances ran there
 * then, and whose turn it is. The only writer of that; kept in the store.
 */
import * as z from "zod";
import type { InstanceZone, Zone } from "../../api/zone.ts";
import { EngineError } from "../../base/errors.ts";
import type { Subnet } from "../drivers/driver.ts";
import { formatAddress, parseNetwork } from "../networks/addresses.ts";
import type { Store } from "../store/store.ts";
import type { Finding } from "./check.ts";

const NAMES = ["zone1", "zone2", "zone3"];
const KEY = "internal.zones";
/** Addresses of a zone. Those of instances from when it had 256, beneath its part, stay as they are. */
const PART = 2 ** 12;

const Kept = z.object({
  /** Zone → ids of the instances that are to run again when it is available; a zone that is here may be enabled. */
  ran: z.record(z.string(), z.array(z.uuid())).default({}),
  disabled: z.array(z.string()).default([]),
  /** The zone of the last launch that asked for none. */
  last: z.string().optional(),
});
type Kept = z.infer<typeof Kept>;

export class ZoneBook {
  readonly #store: Store;
  readonly #subnet: Subnet;
  #kept: Kept;

  constructor(store: Store, subnet: Subnet) {
    this.#store = store;
    this.#subnet = subnet;
    this.#kept = Kept.safeParse(store.readSetting(KEY)).data ?? { ran: {}, disabled: [] };
  }

  list(): Zone[] {
    return NAMES.map((name) => this.get(name));
  }

  get(name: string): Zone {
    return { name, available: this.of(name).available, subnet: this.subnetIn(name).cidr };
  }

  has(name: string): boolean {
    return NAMES.includes(name);
  }

  /** What an instance in it shows. */
  of(name: string): InstanceZone {
    return { name, available: !this.#kept.disabled.includes(name) };
  }

  /** The engine's subnet, narrowed to the zone's part: the 4,096 addresses of the zone's number. */
  subnetIn(name: string): Subnet {
    const part = parseNetwork(this.#subnet.cidr).base + PART * (NAMES.indexOf(name) + 1);
    return { ...this.#subnet, cidr: `${formatAddress(part)}/20` };
  }

  /** What speaks against a launch into this zone, or into whichever is available. */
  findings(wanted: string | undefined): Finding[] {
    const zones = this.list();
    if (wanted === undefined) {
      if (zones.some(({ available }) => available)) return [];
      const hint = "Enable one: berth enable-zones zone1";
      return [{ ...ZONE_FINDING, message: "no zone is available", hint, error: "wrong-state" }];
    }
    if (!this.has(wanted)) return [{ ...ZONE_FINDING, ...unknownZone(wanted), error: "not-found" }];
    if (this.of(wanted).available) return [];
    const hint = `Enable it: berth enable-zones ${wanted}`;
    return [{ ...ZONE_FINDING, message: `${wanted} is disabled`, hint, error: "wrong-state" }];
  }

  /** The next available zone after the one of the last turn. */
  takeTurn(): string {
    const first = NAMES.indexOf(this.#kept.last ?? "") + 1;
    const inTurn = NAMES.map((_, at) => NAMES[(first + at) % NAMES.length] as string);
    const next = inTurn.find((name) => this.of(name).available);
    if (next === undefined) throw new EngineError("wrong-state", "cannot choose a zone: none is available");
    this.#keep({ last: next });
    return next;
  }

  /** `running` are the ids of those that run now; those that were noted before stay. */
  disable(name: string, running: readonly string[]): void {
    const ran = { ...this.#kept.ran, [name]: [...new Set([...this.ranIn(name), ...running])] };
    this.#keep({ ran, disabled: [...new Set([...this.#kept.disabled, name])] });
  }

  enable(name: string): void {
    this.#keep({ disabled: this.#kept.disabled.filter((one) => one !== name) });
  }

  /** Ids of the instances that are still to be started because they ran when it was disabled. */
  ranIn(name: string): readonly string[] {
    return this.#kept.ran[name] ?? [];
  }

  noLongerWaits(name: string, id: string): void {
    this.#keep({ ran: { ...this.#kept.ran, [name]: this.ranIn(name).filter((one) => one !== id) } });
  }

  /** Written before it counts. */
  #keep(patch: Partial<Kept>): void {
    const next = { ...this.#kept, ...patch };
    this.#store.writeSettings({ [KEY]: next });
    this.#kept = next;
  }
}

const ZONE_FINDING = { code: "zone-unavailable", severity: "error" } as const;

export function unknownZone(name: string): { message: string; hint: string } {
  return { message: `zone "${name}" does not exist`, hint: "berth zones lists them." };
}
