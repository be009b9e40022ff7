/** networks: what of this host guests could be bridged to. network: the NICs that they have there. */
import type { Command } from "commander";
import { EngineError } from "../base/errors.ts";
import { parseNetwork } from "../client/network-text.ts";
import { type AnyFormat, FORMATS } from "./formats.ts";
import { formatOption } from "./options.ts";
import { addPrivateNetworkCommands } from "./private-networks.ts";
import type { Session } from "./session.ts";

export function addNetworkCommands(program: Command, session: Session): void {
  formatOption(program.command("networks").description("List available network interfaces"), FORMATS).action(
    async ({ format }: { format: AnyFormat }) => {
      const { api } = await session.client();
      session.print(session.formats.networks((await api.networks.list()).items, format));
    },
  );
  const network = program
    .command("network")
    .description("What instances reach: networks of this host, each other, or nothing");
  addPrivateNetworkCommands(network, session);
  network
    .command("attach")
    .description("Give a stopped instance a NIC on a network of this host")
    .argument("<name>", "the instance")
    .argument("<network>", "name of the network, bridged, or name=NAME,mode=auto|manual,mac=ADDRESS")
    .action(async (name: string, text: string) => {
      const wanted = parseNetwork(text);
      await session.operate((api) => api.networks.attach({ name, ...wanted }));
      const { api } = await session.client();
      const added = (await api.instances.get({ name })).networks.at(-1);
      if (added) session.print(`${name} is on ${added.network} as ${added.mac}`);
    });
  network
    .command("detach")
    .description("Take that NIC away from a stopped instance")
    .argument("<name>", "the instance")
    .argument("<network>", "name of the network, or the NIC's MAC address")
    .action(async (name: string, text: string) => {
      const { api } = await session.client();
      const { networks } = await api.instances.get({ name });
      const meant = networks.filter((one) => one.network === text || one.mac === text.toLowerCase());
      const [nic] = meant;
      if (!nic || meant.length > 1) throw notOne(name, text, meant.length);
      await session.operate(() => api.networks.detach({ name, mac: nic.mac }));
    });
}

function notOne(name: string, text: string, count: number): EngineError {
  const reason = count === 0 ? "it has no NIC there" : "it has several NICs there";
  const hint = "berth info --format json tells its networks; name the MAC address of one.";
  const code = count === 0 ? "not-found" : "invalid-argument";
  return new EngineError(code, `cannot take ${text} from ${name}: ${reason}`, { hint });
}
