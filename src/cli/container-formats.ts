/** What is printed of a container and not of a VM. Pure. */
import type { Instance } from "../api/instance.ts";
import type { Metrics } from "../api/metrics.ts";
import { formatBytes } from "../base/units.ts";

/** Behind the image's name in a list. */
export function containerMark({ container }: Pick<Instance, "container">): string {
  return container ? ` (${container.runtime ?? "container"})` : "";
}

/** The lines of `berth info` that a VM has not. */
export function containerRows({ container, memoryBytes, ports }: Instance): [string, string][] {
  if (!container) return [];
  const { runtime, shape, entrypoint, command, env, user, restart, volumes = [], privileged } = container;
  const { adopted, healthStatus } = container;
  const words = [...(entrypoint ?? []), ...(command ?? [])].join(" ");
  return [
    [
      "Container",
      [shape, runtime && `on ${runtime}`, privileged && "(privileged)", adopted && "(adopted)"]
        .filter(Boolean)
        .join(" "),
    ],
    ...row("Health", healthStatus),
    ...row("Command", words),
    ...row("User", user),
    ...row("Environment", env.join(" ")),
    ["Memory limit", memoryBytes === 0 ? "none" : formatBytes(memoryBytes)],
    ...row("Restart", restart),
    ...volumes.map(({ name, target, readOnly }): [string, string] => [
      "Volume",
      `${name} => ${target}${readOnly ? " (read only)" : ""}`,
    ]),
    ...ports.map((one): [string, string] => [
      "Port",
      `${one.hostAddress}:${one.hostPort} => ${one.guestPort}/${one.protocol}`,
    ]),
  ];
}

function row(key: string, value: string | undefined): [string, string][] {
  return value ? [[key, value]] : [];
}

/** One row of `berth stats`. Rates are known from the second time on. */
export function statsRow(name: string, { cpu, memory, disk, network }: Metrics): string[] {
  const rate = (bytes: number | undefined) =>
    bytes === undefined ? "--" : `${formatBytes(Math.round(bytes))}/s`;
  const used = memory && `${formatBytes(memory.usedBytes)} of ${formatBytes(memory.totalBytes)}`;
  return [
    name,
    cpu === undefined ? "--" : `${(cpu * 100).toFixed(1)}%`,
    used ?? "--",
    rate(network?.receivedBytesPerSecond),
    rate(network?.sentBytesPerSecond),
    rate(disk?.readBytesPerSecond),
    rate(disk?.writtenBytesPerSecond),
  ];
}

export const STATS_HEADER = ["Name", "CPU", "Memory", "Received", "Sent", "Read", "Written"];
