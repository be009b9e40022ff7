/** What `berth launch` takes and Multipass does not. */
import type { Command } from "commander";
import type { LaunchSpec } from "../api/instance.ts";
import { labelsFrom } from "../api/labels.ts";
import type { NewPortForward } from "../api/port.ts";
import { parseNetwork, sortedNetworks } from "../client/network-text.ts";
import { addContainerOptions, type ContainerOptions } from "./container-options.ts";
import { parseDisk } from "./disk-text.ts";
import type { Dialect } from "./formats.ts";
import { policyFrom } from "./instance-settings.ts";
import { addMachineOptions, type MachineOptions, machineSpec } from "./machine-options.ts";
import { repeated } from "./options.ts";
import { parsePort } from "./ports.ts";

export type OwnLaunchOptions = {
  autostart?: string | true;
  extraDisk?: string[];
  label?: string[];
  project?: string;
  publish?: string[];
} & MachineOptions &
  ContainerOptions;

export function addOwnLaunchOptions(command: Command): void {
  command.option(
    "--autostart [policy]",
    "start it when the host has booted (on), or only if it ran then (restore) (default: off)",
  );
  command.option(
    "--extra-disk <size>",
    "a disk more: 10G, or name=data,size=10G, or name=data,from=FILE; may be repeated",
    repeated,
  );
  addMachineOptions(command);
  command.option("--project <name>", "whose grants and limits count for it (default: default)");
  command.option("--label <label>", "a word or key=value to find it by; may be repeated", repeated);
  command.option(
    "-p, --publish <port>",
    "a port to reach on this host: HOST:GUEST, or GUEST alone; may be repeated",
    repeated,
  );
  addContainerOptions(command);
}

/** Throws `invalid-argument` for what cannot be asked for. Pure. */
export function ownLaunchSpec(options: OwnLaunchOptions): Partial<LaunchSpec> {
  const { autostart, extraDisk = [], label = [], project, publish = [] } = options;
  return {
    ...machineSpec(options),
    ...(autostart === undefined
      ? {}
      : { autostart: autostart === true ? "on" : policyFrom(autostart, "launch an instance") }),
    ...(extraDisk.length > 0 ? { disks: extraDisk.map((text) => parseDisk(text, process.cwd())) } : {}),
    ...(publish.length > 0 ? { ports: publish.map(portOf) } : {}),
    ...(project === undefined ? {} : { project }),
    ...(label.length > 0 ? { labels: labelsFrom(label.join(",")) } : {}),
  };
}

/** On this host alone, unless told otherwise. */
function portOf(text: string): NewPortForward {
  return { protocol: "tcp", hostAddress: "127.0.0.1", ...parsePort(text) };
}

/**
 * What `--network` and `--bridged` say: the words for modes, `private:NAME` among them, are what the guest reaches, anything
 * else is a NIC on a network of the host. Multipass has no such words. Throws `invalid-argument`. Pure.
 */
export function networkSpec(
  { network: texts = [], bridged = false }: { network?: string[]; bridged?: boolean },
  dialect: Dialect,
): Pick<LaunchSpec, "network" | "networks"> {
  const { modes, others } = dialect === "berth" ? sortedNetworks(texts) : { modes: [], others: texts };
  const nics = [...others, ...(bridged ? ["bridged"] : [])];
  const mode = modes.at(-1);
  return {
    ...(mode === undefined ? {} : { network: mode }),
    ...(nics.length > 0 ? { networks: nics.map(parseNetwork) } : {}),
  };
}
