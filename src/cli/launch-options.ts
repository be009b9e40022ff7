/** What `berth launch` takes and Multipass does not. */
import type { Command } from "commander";
import type { LaunchSpec } from "../api/instance.ts";
import { policyFrom } from "./instance-settings.ts";

export type OwnLaunchOptions = {
  autostart?: string | true;
};

export function addOwnLaunchOptions(command: Command): void {
  command.option(
    "--autostart [policy]",
    "start it when the host has booted (on), or only if it ran then (restore) (default: off)",
  );
}

/** Throws `invalid-argument` for what cannot be asked for. Pure. */
export function ownLaunchSpec(options: OwnLaunchOptions): Partial<LaunchSpec> {
  const { autostart } = options;
  return {
    ...(autostart === undefined
      ? {}
      : { autostart: autostart === true ? "on" : policyFrom(autostart, "launch an instance") }),
  };
}
