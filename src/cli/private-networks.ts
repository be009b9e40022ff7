/** What of `network` is about networks between instances, and about what instances reach. */
import type { Command } from "commander";
import type { Instance } from "../api/instance.ts";
import { type NetworkMode, type PrivateNetwork, segmentOf } from "../api/network-mode.ts";
import { INTERNET, type ReachKind, type ReachReport } from "../api/reach-test.ts";
import { parseMode } from "../client/network-text.ts";
import { type Format, json, table } from "./format.ts";
import { formatOption } from "./options.ts";
import { forEach, type Session } from "./session.ts";

export function addPrivateNetworkCommands(network: Command, session: Session): void {
  formatOption(network.command("list").description("List the networks between instances")).action(
    async ({ format }: { format: Format }) => {
      const { api } = await session.client();
      session.print(formatNetworks((await api.privateNetworks.list()).items, format));
    },
  );
  network
    .command("create")
    .description("Make a network between instances, for launch --network private:NAME")
    .argument("<network>", "its name")
    .action(async (name: string) => {
      const { api } = await session.client();
      await api.privateNetworks.create({ name });
    });
  network
    .command("delete")
    .description("Delete networks in which no instance is")
    .argument("<networks...>", "their names")
    .action(async (names: string[]) => {
      const { api } = await session.client();
      await forEach(names, (name) => api.privateNetworks.delete({ network: name }));
    });
  formatOption(
    network
      .command("info")
      .description("Tell who is in a network between instances")
      .argument("<network>", "its name"),
  ).action(async (name: string, { format }: { format: Format }) => {
    const { api } = await session.client();
    const found = await api.privateNetworks.get({ network: name });
    const { items } = await api.instances.list();
    session.print(formatNetwork(found, items, format));
  });
  network
    .command("set")
    .description("Change what an instance reaches")
    .argument("<name>", "the instance")
    .argument("<mode>", "default, nat, private:NAME or isolated", parseMode)
    .action(async (name: string, mode: NetworkMode) => {
      await session.operate((api) => api.networks.change({ name, mode }));
    });
  formatOption(
    network
      .command("test")
      .description("Try from inside a guest what it reaches, beside what its mode promises")
      .argument("<name>", "the instance, which runs")
      .option("--internet <host:port>", `what to look for beyond this host (default: ${INTERNET})`),
  ).action(async (name: string, { format, internet }: { format: Format; internet?: string }) => {
    const { api } = await session.client();
    const report = await api.networks.test({ name, ...(internet === undefined ? {} : { internet }) });
    session.print(formatReach(report, format));
    if (report.probes.some(({ verdict }) => verdict === "broken")) session.exitCode = 2;
  });
}

const LOOKS: Record<ReachKind, string> = {
  "host-loopback": "This host's loopback",
  "host-address": "This host's address",
  internet: "Beyond this host",
  "same-network": "Same network",
  "other-network": "Another network",
};
const PROMISES = { reached: "reached", "not-reached": "not reached", open: "--" } as const;
const FINDINGS = { reached: "reached", "not-reached": "not reached", unknown: "not known" } as const;

/** Pure. */
export function formatReach(report: ReachReport, format: Format): string {
  if (format === "json") return json(report);
  const rows = report.probes.map(({ kind, target, promised, found, verdict }) => [
    ...[LOOKS[kind], target || "--", PROMISES[promised], FINDINGS[found], verdict],
  ]);
  const notes = report.probes.flatMap(({ kind, text }) =>
    text === undefined ? [] : [`${LOOKS[kind]}: ${text}.`],
  );
  const shown = table(["What", "Target", "Promised", "Found", "Verdict"], rows);
  return `Mode: ${report.mode}\n${shown}${notes.map((note) => `${note}\n`).join("")}`;
}

/** Pure. */
export function formatNetworks(items: readonly PrivateNetwork[], format: Format): string {
  if (format === "json") return json({ list: items });
  if (items.length === 0) return "No networks between instances found.\n";
  const rows = items.map(({ name, instances }) => [name, instances.join(", ") || "--"]);
  return table(["Name", "Instances"], rows);
}

/** Pure. */
export function formatNetwork(
  { name, instances }: PrivateNetwork,
  all: readonly Instance[],
  format: Format,
): string {
  const members = all.filter((one) => instances.includes(one.name));
  if (format === "json") {
    return json({
      name,
      instances: members.map(({ name: instance, address, mac, state }) => ({
        name: instance,
        address,
        mac,
        state,
      })),
    });
  }
  if (members.length === 0) return `No instance is in ${name}.\n`;
  const rows = members.map(({ name: instance, address, networkNow, network, state }) => [
    instance,
    segmentOf(networkNow ?? network) === name ? state : `${state}, in it from its next start on`,
    address || "--",
  ]);
  return table(["Name", "State", "IPv4"], rows);
}
