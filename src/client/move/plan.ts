/** What becomes of everything an instance is, where it goes, and what speaks against that. Pure. */
import type { EngineInfo } from "../../api/engine-info.ts";
import type { Instance, LaunchSpec, Problem } from "../../api/instance.ts";
import { EngineError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";

export type PlanRow = { what: string; becomes: string };

export type MovePlan = { rows: readonly PlanRow[]; problems: readonly Problem[] };

export type PlanInput = {
  instance: Instance;
  as: string;
  verb: "move" | "copy";
  /** Undefined where a repository is the target. */
  there: { here: EngineInfo; info: EngineInfo; found: readonly Problem[] } | undefined;
  to: string;
};

export function planMove(input: PlanInput): MovePlan {
  return { rows: rowsOf(input), problems: [...ownProblems(input), ...theirProblems(input)] };
}

/** Throws what speaks against it. */
export function refusePlan({ problems }: MovePlan, verb: "move" | "copy", name: string): void {
  const errors = problems.filter(({ severity }) => severity === "error");
  const [first] = errors;
  if (!first) return;
  const reasons = errors.map(({ message }) => message).join("; ");
  throw new EngineError("wrong-state", `cannot ${verb} ${name}: ${reasons}`, { hint: first.hint });
}

/** What a launch of the same machine would ask for, so that what speaks against that is heard before anything is sent. */
export function specOf(instance: Instance, as: string): LaunchSpec {
  const { arch, cpus, memoryBytes, diskBytes, guest, firmware, tpm, network, labels, encrypted } = instance;
  return {
    ...{ arch, cpus, memoryBytes, diskBytes, guest, firmware, tpm, network, labels, name: as },
    ...(instance.display && guest === "linux" ? { display: true } : {}),
    ...(encrypted ? { encrypted } : {}),
    disks: present(instance).map(({ name, sizeBytes }) => ({ name, sizeBytes })),
  };
}

function present({ disks }: Instance): Instance["disks"] {
  return disks.filter(({ removedAt }) => removedAt === undefined);
}

function rowsOf(input: PlanInput): PlanRow[] {
  const { instance, as, verb, there, to } = input;
  const row = (what: string, becomes: string): PlanRow => ({ what, becomes });
  const moved = verb === "move";
  const is = instance.state === "running";
  return [
    row(`instance ${instance.name}`, there ? `${as} at ${to}` : `a backup in ${to}`),
    row("its disks", `${formatBytes(bytesOf(instance))} at most${spaceOf(there?.info)}`),
    ...(there ? [row(`${instance.arch}, ${instance.driver}`, driverText(there.info))] : []),
    row(is ? "its run" : "its rest", runText(is, moved, there !== undefined)),
    row("addresses, keys, machine-id", "its own there, drawn anew"),
    ...(instance.encrypted ? [row("encryption", encryptionText(there !== undefined))] : []),
    ...instance.networks.map(({ network }) =>
      row(`NIC on ${network}`, "stays behind: it is this host's network"),
    ),
    ...instance.ports.map(({ protocol, hostAddress, hostPort, guestPort }) =>
      row(
        `port ${hostAddress}:${hostPort} to ${guestPort}/${protocol}`,
        "not forwarded there: berth port add",
      ),
    ),
    ...instance.mounts.map(({ source, target }) =>
      row(`mount ${source} at ${target}`, "stays behind: it is a directory of this host"),
    ),
    ...leftBehind(instance).map((what) => row(what, moved ? "stays with the source" : "is not copied")),
    ...(moved ? [row("the source", "stopped, and kept until the move is confirmed")] : []),
  ];
}

function bytesOf(instance: Instance): number {
  return present(instance).reduce((sum, { sizeBytes }) => sum + sizeBytes, instance.diskBytes);
}

function spaceOf(info: EngineInfo | undefined): string {
  return info ? `; ${formatBytes(info.host.freeDiskBytes)} are free there` : "";
}

function driverText({ host, drivers }: EngineInfo): string {
  const usable = drivers.filter(({ kind, available }) => kind === "vm" && available).map(({ name }) => name);
  return `${host.arch}, ${usable.join(", ") || "no driver of VMs"}`;
}

function runText(isRunning: boolean, moved: boolean, engine: boolean): string {
  if (!moved)
    return isRunning
      ? "goes on here; the copy is as if its plug had been pulled, and stopped"
      : "the copy is stopped";
  const here = isRunning ? "stopped here" : "not started here";
  if (!engine) return `${here}; started by whoever restores it`;
  return isRunning ? `${here}, then started there` : "booted there once, then stopped";
}

function encryptionText(engine: boolean): string {
  return engine ? "encrypted there, by a key of that engine" : "encrypted by the repository's key there";
}

function leftBehind({ snapshotCount, medium, autostart, disks }: Instance): string[] {
  const removed = disks.filter(({ removedAt }) => removedAt !== undefined).length;
  return [
    ...(snapshotCount > 0 ? [`${snapshotCount} snapshots`] : []),
    ...(removed > 0 ? [`${removed} removed disks`] : []),
    ...(medium ? [`the ISO ${medium.reference}`] : []),
    ...(autostart === "off" ? [] : [`autostart ${autostart}`]),
  ];
}

function ownProblems({ instance, verb }: PlanInput): Problem[] {
  const { kind, state, operation, move } = instance;
  const refuse = (code: string, message: string, hint: string): Problem[] => [
    { code, severity: "error", message, hint },
  ];
  if (kind === "container")
    return refuse("container", "it is a container", "Its file system: berth export; its image: berth push.");
  if (move)
    return refuse("moved", `it is moved to ${move.to} already`, "berth move --confirm, or berth move --undo");
  if (operation !== undefined) return refuse("busy", "an operation works on it", "Wait for its end.");
  if (state === "suspended" && verb === "move")
    return refuse("suspended", "its memory is kept, which cannot be moved", "Start it, then stop it.");
  if (state === "running" || state === "stopped" || state === "suspended") return [];
  return refuse("state", `it is ${state}`, "It can be moved while it runs or is stopped.");
}

function theirProblems({ instance, there }: PlanInput): Problem[] {
  if (!there) return [];
  const { here, info, found } = there;
  const error = (code: string, message: string, hint: string): Problem => ({
    code,
    severity: "error",
    message,
    hint,
  });
  const same = here.id === info.id;
  return [
    ...(same ? [error("same-engine", "that is the engine it is in", "Within one engine: berth clone")] : []),
    ...(instance.arch === info.host.arch
      ? []
      : [
          error(
            "arch",
            `it is of ${instance.arch}, and the host there of ${info.host.arch}`,
            "Choose another host.",
          ),
        ]),
    ...found,
  ];
}
