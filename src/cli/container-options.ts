/** What `berth launch` takes for a container. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { ContainerShape, ContainerSpec, RestartPolicy } from "../api/container.ts";
import type { LaunchSpec } from "../api/instance.ts";
import { EngineError } from "../base/errors.ts";
import { parseDuration } from "../base/units.ts";
import {
  containerReference,
  parseCapability,
  parseEnv,
  parseTmpfs,
  parseVolume,
} from "../client/container-text.ts";
import { sortedNetworks } from "../client/network-text.ts";
import { repeated, wholeNumber } from "./options.ts";

export type ContainerOptions = {
  container?: boolean;
  shape?: ContainerShape;
  env?: string[];
  entrypoint?: string;
  user?: string;
  workdir?: string;
  interactive?: boolean;
  tty?: boolean;
  restart?: RestartPolicy;
  volume?: string[];
  tmpfs?: string[];
  readOnly?: boolean;
  capAdd?: string[];
  capDrop?: string[];
  privileged?: boolean;
  pidsLimit?: number;
  healthCmd?: string;
  healthInterval?: number;
  healthTimeout?: number;
  healthRetries?: number;
  healthStartPeriod?: number;
};

const RESTARTS: readonly RestartPolicy[] = ["no", "on-failure", "always", "unless-stopped"];

/** Those that are of no use without a container, as they are written. */
const OWN: Readonly<Record<Exclude<keyof ContainerOptions, "container">, string>> = {
  shape: "--shape",
  env: "--env",
  entrypoint: "--entrypoint",
  user: "--user",
  workdir: "--workdir",
  interactive: "--interactive",
  tty: "--tty",
  restart: "--restart",
  volume: "--volume",
  tmpfs: "--tmpfs",
  readOnly: "--read-only",
  capAdd: "--cap-add",
  capDrop: "--cap-drop",
  privileged: "--privileged",
  pidsLimit: "--pids-limit",
  healthCmd: "--health-cmd",
  healthInterval: "--health-interval",
  healthTimeout: "--health-timeout",
  healthRetries: "--health-retries",
  healthStartPeriod: "--health-start-period",
};

export function addContainerOptions(command: Command): void {
  command
    .optionsGroup("Containers:")
    .option("--container", "a container of that image, on the Docker or Podman of this host")
    .addOption(
      new Option(
        "--shape <shape>",
        "what its program is: the image's own, or an init as of a machine",
      ).choices(["application", "machine"] satisfies ContainerShape[]),
    )
    .option("-e, --env <variable>", "NAME=value, or NAME to take it from here; may be repeated", repeated)
    .option("--entrypoint <program>", "in place of the image's own")
    .option("--user <user>", "who its program runs as: a name or a number, with :group behind it")
    .option("--workdir <dir>", "where its program begins")
    .option("-i, --interactive", "its program's input stays open, for berth attach")
    .option("-t, --tty", "its program has a terminal")
    .addOption(new Option("--restart <policy>", "what happens when its program has ended").choices(RESTARTS))
    .option(
      "--volume <name:dir>",
      "a volume that outlives it, :ro to be read only; may be repeated",
      repeated,
    )
    .option("--tmpfs <dir>", "a directory in memory, such as /run or /run:64M; may be repeated", repeated)
    .option("--read-only", "nothing of its image can be changed")
    .option("--cap-add <capability>", "such as NET_ADMIN; may be repeated", repeated)
    .option("--cap-drop <capability>", "such as ALL; may be repeated", repeated)
    .option("--privileged", "it may do to this host whatever its runtime may")
    .option("--pids-limit <count>", "how many processes it may have", wholeNumber("processes"))
    .option("--health-cmd <command>", "a line for its shell, run again and again to see whether it is well")
    .option("--health-interval <time>", "between two of these runs, such as 30s", time)
    .option("--health-timeout <time>", "how long one may take", time)
    .option("--health-retries <count>", "how many failures in a row make it unwell", wholeNumber("failures"))
    .option("--health-start-period <time>", "in which failures do not count", time)
    .optionsGroup("Options:") // Of what every command takes.
    .addHelpText(
      "after",
      `
What follows -- is the command of a container, in place of its image's own:
  berth launch --container alpine -- sleep 600
docker:IMAGE and podman:IMAGE say which of the two, vm:IMAGE that it runs in a VM of Berth's own; oci:IMAGE is the same
as --container IMAGE, for which the setting containers.runtime decides.`,
    );
}

/** The image of a container and what it is made of; undefined where a VM is asked for. Throws `invalid-argument`. Pure. */
export function containerLaunch(
  text: string,
  options: ContainerOptions,
  command: readonly string[],
  here: Readonly<Record<string, string | undefined>>,
): Pick<LaunchSpec, "image" | "container"> | undefined {
  const named = containerReference(text);
  if (!named && !options.container) {
    refuseWithout(options, command);
    return undefined;
  }
  const { image, runtime } = named ?? { image: text, runtime: undefined };
  return {
    // What is launched where nothing is named is a VM's.
    ...(image === "default" ? {} : { image }),
    container: { ...(runtime === undefined ? {} : { runtime }), ...specOf(options, command, here) },
  };
}

/** Other words than those for what it reaches are networks of its runtime. Pure. */
export function containerNetworks(
  container: ContainerSpec,
  { network: texts = [], bridged = false }: { network?: string[]; bridged?: boolean },
): Pick<LaunchSpec, "network" | "container"> {
  if (bridged) {
    throw new EngineError("invalid-argument", "a container has no NICs on networks of this host", {
      hint: "Name a network of its runtime: --network NAME",
    });
  }
  const { modes, others: networks } = sortedNetworks(texts);
  const mode = modes.findLast((one) => one !== "default");
  return {
    ...(mode === undefined ? {} : { network: mode }),
    container: { ...container, ...(networks.length > 0 ? { networks } : {}) },
  };
}

function specOf(
  options: ContainerOptions,
  command: readonly string[],
  here: Readonly<Record<string, string | undefined>>,
): ContainerSpec {
  const { entrypoint, env, volume, tmpfs, capAdd, capDrop, readOnly, container: _, ...rest } = options;
  return {
    ...pickDefined(rest),
    ...(entrypoint === undefined ? {} : { entrypoint: [entrypoint] }),
    ...(command.length > 0 ? { command: [...command] } : {}),
    ...(env ? { env: parseEnv(env, here) } : {}),
    ...(volume ? { volumes: volume.map(parseVolume) } : {}),
    ...(tmpfs ? { tmpfs: tmpfs.map(parseTmpfs) } : {}),
    ...(readOnly ? { readOnlyRoot: true } : {}),
    ...(capAdd ? { capAdd: capAdd.map(parseCapability) } : {}),
    ...(capDrop ? { capDrop: capDrop.map(parseCapability) } : {}),
    ...healthOf(options),
  };
}

function healthOf(options: ContainerOptions): Pick<ContainerSpec, "health"> {
  const { healthCmd, healthInterval, healthTimeout, healthRetries, healthStartPeriod } = options;
  const when = {
    ...(healthInterval === undefined ? {} : { intervalMs: healthInterval }),
    ...(healthTimeout === undefined ? {} : { timeoutMs: healthTimeout }),
    ...(healthRetries === undefined ? {} : { retries: healthRetries }),
    ...(healthStartPeriod === undefined ? {} : { startPeriodMs: healthStartPeriod }),
  };
  if (healthCmd !== undefined) return { health: { command: ["/bin/sh", "-c", healthCmd], ...when } };
  if (Object.keys(when).length === 0) return {};
  throw new EngineError("invalid-argument", "there is nothing to be run to see whether it is well", {
    hint: "Say what: --health-cmd COMMAND",
  });
}

function time(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError(`${text} is not a valid time, such as 30s or 1m.`);
}

/** Options of other parts of a launch are in the same bag. */
function pickDefined(options: ContainerOptions) {
  const { shape, user, workdir, interactive, tty, restart, pidsLimit, privileged } = options;
  const own = { shape, user, workdir, interactive, tty, restart, pidsLimit, privileged };
  return Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
}

function refuseWithout(options: ContainerOptions, command: readonly string[]): void {
  const given = Object.entries(OWN).find(([key]) => options[key as keyof ContainerOptions] !== undefined);
  const what = given?.[1] ?? (command.length > 0 ? "a command" : undefined);
  if (what === undefined) return;
  throw new EngineError("invalid-argument", `${what} is for containers alone`, {
    hint: "Add --container, or write docker: or podman: before the image.",
  });
}
