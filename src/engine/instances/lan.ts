/** The engine's network as the instances of each moment make it: who takes part, and who has which name. */
import type { Disposable } from "../../base/disposable.ts";
import type { Subnet } from "../drivers/driver.ts";
import { contains, parseAddress, parseNetwork } from "../networks/addresses.ts";
import type { Names } from "../networks/dns.ts";
import { type Member, Switch } from "../networks/switch.ts";
import { type Entry, isNamed, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

export class Lan implements Disposable {
  readonly #keeper: Keeper;
  readonly #switch: Switch;
  readonly #listener: Disposable;
  #serving = false;

  constructor(keeper: Keeper, subnet: Subnet) {
    this.#keeper = keeper;
    this.#switch = new Switch(subnet, namesOf(keeper, subnet), keeper.log);
    this.#listener = keeper.onDidChange(() => this.#update());
  }

  dispose(): void {
    this.#listener.dispose();
    this.#switch.close();
  }

  #update(): void {
    const members = this.#keeper.entries().flatMap((entry) => memberOf(entry) ?? []);
    this.#switch.connect(members);
    this.#keeper.guestNames.update();
    // One guest alone has nobody to speak with, so for it no engine has to stay.
    const serving = members.length > 1;
    if (serving === this.#serving) return;
    this.#serving = serving;
    if (serving) this.#keeper.serving.begin();
    else this.#keeper.serving.end();
  }
}

function memberOf({ record, running }: Entry): Member | undefined {
  const { id, mac, address } = record.descriptor;
  return running?.lan === undefined ? undefined : { id, mac, address, socket: running.lan };
}

function namesOf(keeper: Keeper, subnet: Subnet): Names {
  const network = parseNetwork(subnet.cidr);
  const named = () => keeper.entries().filter(isNamed);
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
