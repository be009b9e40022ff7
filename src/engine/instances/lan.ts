/**
 * The networks between instances, as those of each moment make them: a switch for each, who takes part, and who has which
 * name there. What is in one network does not exist in another.
 */

import type { Disposable } from "../../base/disposable.ts";
import type { Subnet } from "../drivers/driver.ts";
import { contains, parseAddress, parseNetwork } from "../networks/addresses.ts";
import type { Names } from "../networks/dns.ts";
import { type Member, Switch } from "../networks/switch.ts";
import { type Entry, isNamed, nameOf, segmentIn } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

export class Lan implements Disposable {
  readonly #keeper: Keeper;
  readonly #subnet: Subnet;
  /** By segment. */
  readonly #switches = new Map<string, Switch>();
  readonly #listener: Disposable;
  #serving = false;

  constructor(keeper: Keeper, subnet: Subnet) {
    this.#keeper = keeper;
    this.#subnet = subnet;
    this.#listener = keeper.onDidChange(() => this.#update());
  }

  dispose(): void {
    this.#listener.dispose();
    for (const one of this.#switches.values()) one.close();
    this.#switches.clear();
  }

  /** Whoever has left a network is out of it before anybody comes into another. */
  #update(): void {
    const members = membersOf(this.#keeper);
    for (const [segment, one] of this.#switches) {
      const staying = members.get(segment) ?? [];
      one.keep(staying);
      if (staying.length > 0) continue;
      one.close();
      this.#switches.delete(segment);
    }
    for (const [segment, inIt] of members) this.#switchOf(segment).connect(inIt);
    this.#keeper.guestNames.update();
    // One guest alone has nobody to speak with, so for it no engine has to stay.
    const serving = [...members.values()].some(({ length }) => length > 1);
    if (serving === this.#serving) return;
    this.#serving = serving;
    if (serving) this.#keeper.serving.begin();
    else this.#keeper.serving.end();
  }

  #switchOf(segment: string): Switch {
    const known = this.#switches.get(segment);
    if (known) return known;
    const made = new Switch(this.#subnet, namesOf(this.#keeper, this.#subnet, segment), this.#keeper.log);
    this.#switches.set(segment, made);
    return made;
  }
}

function membersOf(keeper: Keeper): Map<string, Member[]> {
  const members = new Map<string, Member[]>();
  for (const entry of keeper.entries()) {
    const [segment, member] = [segmentIn(entry), memberOf(entry)];
    if (segment === undefined || !member) continue;
    members.set(segment, [...(members.get(segment) ?? []), member]);
  }
  return members;
}

function memberOf({ record, running }: Entry): Member | undefined {
  const { id, mac, address } = record.descriptor;
  return running?.lan === undefined ? undefined : { id, mac, address, socket: running.lan };
}

/** Of those in the network alone, whether they run or not. */
function namesOf(keeper: Keeper, subnet: Subnet, segment: string): Names {
  const network = parseNetwork(subnet.cidr);
  const named = () => keeper.entries().filter((entry) => isNamed(entry) && segmentIn(entry) === segment);
  return {
    addressOf: (name) =>
      named().find((entry) => nameOf(entry).toLowerCase() === name)?.record.descriptor.address,
    nameOf: (address) => {
      const found = named().find(({ record }) => record.descriptor.address === address);
      return found && nameOf(found);
    },
    covers: (address) => contains(network, parseAddress(address)),
  };
}
