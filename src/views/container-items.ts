/** What the tree, the tooltip and the panel show of a container and not of a VM, and what can be done with one. Pure. */
import type { ContainerRuntime, Health } from "../api/container.ts";
import type { EngineInfo } from "../api/engine-info.ts";
import type { ForeignContainer } from "../api/foreign-container.ts";
import type { Instance } from "../api/instance.ts";
import { privateNetworkOf } from "../api/network-mode.ts";
import type { Action, Icon } from "./items.ts";
import { l10n } from "./l10n.ts";
import { cpusText, reachPhrase, sizeText } from "./phrases.ts";

export const RUNTIME_NAMES: Readonly<Record<ContainerRuntime, string>> = {
  docker: "Docker",
  podman: "Podman",
  vm: "Podman in a VM",
};

/** Of a container that is no instance. */
export function containerStateText(state: ForeignContainer["state"]): string {
  const states = {
    running: l10n.t("running"),
    paused: l10n.t("paused"),
    restarting: l10n.t("restarting"),
    stopped: l10n.t("stopped"),
  };
  return states[state];
}

/** As that of a container which is an instance. */
export function containerIcon(state: ForeignContainer["state"]): Icon {
  return state === "running" ? { id: "package", color: "charts.green" } : { id: "package" };
}

/** What runs containers on this host. */
export function runtimesOn({ drivers }: Pick<EngineInfo, "drivers">): ContainerRuntime[] {
  const there = drivers.filter(({ kind, available }) => kind === "container" && available);
  const all = Object.keys(RUNTIME_NAMES) as ContainerRuntime[];
  return all.filter((runtime) => there.some(({ features }) => features.includes(runtime)));
}

/**
 * A container has no screen, no cloud-init, no port for SSH and no disks; its limits are changed in its panel. A machine is
 * opened through Remote-SSH where it has an SSH server in it.
 */
const OF_MACHINES: ReadonlySet<Action> = new Set([
  ...(["suspend", "startCold", "console", "display", "cloudInitLog", "ssh", "open"] as const),
  ...(["addDisk", "removeDisk", "sizes"] as const),
]);
/** Its runtime shows it the same directories from its start to its end. */
const WHILE_STOPPED: ReadonlySet<Action> = new Set(["mount", "unmount"]);
/** What only another container could have, where this one was made elsewhere. */
const MADE_ANEW: ReadonlySet<Action> = new Set(["mount", "unmount", "addPort", "removePort"]);
/** Nothing answers in what is halted. */
const INSIDE: ReadonlySet<Action> = new Set(["shell", "exec", "copyTo", "open", "browse"]);

/** What can be done with it of all that can be done with an instance in its state. */
export function containerActions(
  all: readonly Action[],
  { container, state, snapshotCount }: Instance,
): Action[] {
  if (!container) return [...all];
  const running = state === "running";
  const { paused, adopted } = container;
  const mayHaveServer = container.shape === "machine" && !adopted;
  const possible = all.filter(
    (action) =>
      !(OF_MACHINES.has(action) && !(mayHaveServer && action === "open")) &&
      !(running && WHILE_STOPPED.has(action)) &&
      !(adopted && MADE_ANEW.has(action)) &&
      !(paused && INSIDE.has(action)),
  );
  const power: Action[] = running && all.includes("stop") ? [paused ? "unpause" : "pause"] : [];
  const logs: Action[] = all.includes("log") ? ["logs"] : [];
  const attach: Action[] = possible.includes("shell") ? ["attach"] : [];
  const main: Action[] = running && !paused && possible.includes("shell") ? ["attachMain"] : [];
  const release: Action[] = all.includes("delete") && snapshotCount === 0 ? ["release"] : [];
  return [...possible, ...attach, ...main, ...power, ...logs, ...release];
}

/** A shell of a container has two names; a menu shows the one that people know of containers. */
export function inMenus(actions: readonly Action[]): Action[] {
  return actions.filter((action) => action !== "shell" || !actions.includes("attach"));
}

/** `Docker`, `Podman`; undefined of a VM, and of a container whose runtime is not known yet. */
export function runtimeText({ container }: Pick<Instance, "container">): string | undefined {
  return container?.runtime && RUNTIME_NAMES[container.runtime];
}

const HEALTH: Readonly<Record<Health, string>> = {
  starting: l10n.t("health not known yet"),
  healthy: l10n.t("healthy"),
  unhealthy: l10n.t("unhealthy"),
};

/** What its check says of it; undefined where nothing checks it. */
export function healthText({ container }: Pick<Instance, "container">): string | undefined {
  return container?.healthStatus && HEALTH[container.healthStatus];
}

/** The same, where that is not as it should be: a row has no place for what is well. */
export function unwellText(instance: Pick<Instance, "container">): string[] {
  const text = instance.container?.healthStatus === "healthy" ? undefined : healthText(instance);
  return text === undefined ? [] : [text];
}

/** How large it is: a container is so only where it has limits. */
export function sizeFacts(instance: Instance): string[] {
  const { cpus, memoryBytes, container } = instance;
  if (!container) return [cpusText(cpus), sizeText(memoryBytes)];
  const runtime = runtimeText(instance);
  return [
    ...(runtime === undefined ? [] : [runtime]),
    ...(cpus > 0 ? [cpusText(cpus)] : []),
    ...(memoryBytes > 0 ? [sizeText(memoryBytes)] : []),
  ];
}

/** Rows of the panel's facts. */
export function containerFacts(instance: Instance): [string, string | undefined][] {
  const { container } = instance;
  if (!container) return [];
  const { shape, entrypoint = [], command = [], env, user, restart, volumes = [], privileged } = container;
  const shapes = { application: l10n.t("Application"), machine: l10n.t("Machine") };
  const said = (text: string) => (text === "" ? undefined : text);
  return [
    [l10n.t("Health"), healthText(instance)],
    [l10n.t("Shape"), shape && shapes[shape]],
    [l10n.t("Command"), said([...entrypoint, ...command].join(" "))],
    [l10n.t("User"), user],
    [l10n.t("Environment"), said(env.join(", "))],
    [l10n.t("Volumes"), said(volumes.map(({ name, target }) => `${target} (${name})`).join(", "))],
    [l10n.t("When it ends"), restart === undefined || restart === "no" ? undefined : restart],
    [l10n.t("Privileged"), privileged ? l10n.t("yes") : undefined],
  ];
}

/** Rows of the panel's networks: those of its runtime that it is connected to. */
export function containerNetworks({ container, network }: Instance): { name: string; detail: string }[] {
  if (network !== "default")
    return [{ name: privateNetworkOf(network) ?? l10n.t("none"), detail: reachPhrase(network) }];
  const names = container?.networks ?? [l10n.t("default")];
  return names.map((name) => ({ name, detail: l10n.t("of its runtime") }));
}
