/** What `berth launch` takes and Multipass does not. */
import { type Command, Option } from "commander";
import type { LaunchSpec, NetworkMode } from "../api/instance.ts";
import { labelsFrom } from "../api/labels.ts";
import { parseDisk } from "./disk-text.ts";
import { policyFrom } from "./instance-settings.ts";
import { addMachineOptions, type MachineOptions, machineSpec } from "./machine-options.ts";
import { repeated } from "./options.ts";

export type OwnLaunchOptions = {
  autostart?: string | true;
  extraDisk?: string[];
  network?: NetworkMode;
  label?: string[];
} & MachineOptions;

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
  command.addOption(
    new Option(
      "--network <mode>",
      "what it reaches: whatever this host does (default), or nothing (isolated)",
    ).choices(["default", "isolated"]),
  );
  addMachineOptions(command);
  command.option("--label <label>", "a word or key=value to find it by; may be repeated", repeated);
}

/** Throws `invalid-argument` for what cannot be asked for. Pure. */
export function ownLaunchSpec(options: OwnLaunchOptions): Partial<LaunchSpec> {
  const { autostart, extraDisk = [], network, label = [] } = options;
  return {
    ...machineSpec(options),
    ...(autostart === undefined
      ? {}
      : { autostart: autostart === true ? "on" : policyFrom(autostart, "launch an instance") }),
    ...(extraDisk.length > 0 ? { disks: extraDisk.map((text) => parseDisk(text, process.cwd())) } : {}),
    ...(network === undefined ? {} : { network }),
    ...(label.length > 0 ? { labels: labelsFrom(label.join(",")) } : {}),
  };
}
