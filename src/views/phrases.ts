/** What the engine's words look like to a person: progress, sizes, states. Pure. */
import type { ImageFacts, InstanceState } from "../api/instance.ts";
import type { Operation, OperationKind, Progress } from "../api/operation.ts";
import { formatBytes } from "../base/units.ts";

/** phase → what it is called while it lasts. A phase that is not here is shown as it is. */
const PHASES: Readonly<Record<string, string>> = {
  resolve: "looking for the image",
  download: "downloading",
  verify: "verifying",
  convert: "converting",
  extract: "extracting",
  build: "building the image",
  create: "creating the disk",
  start: "starting",
  boot: "booting",
  "cloud-init": "setting up",
  stop: "shutting down",
  resize: "enlarging the disk",
  clone: "copying the disk",
  suspend: "keeping its memory",
  resume: "resuming",
  copy: "copying",
  wait: "waiting",
  delete: "deleting",
};

const KINDS: Readonly<Record<OperationKind, string>> = {
  launch: "launching",
  start: "starting",
  stop: "stopping",
  restart: "restarting",
  delete: "deleting",
  recover: "recovering",
  purge: "purging",
  "pull-image": "downloading the image",
  "build-image": "building the image",
  "add-port": "forwarding a port",
  "remove-port": "closing a port",
  "add-network": "connecting to a network",
  "remove-network": "disconnecting from a network",
  mount: "mounting a folder",
  unmount: "unmounting a folder",
  "add-disk": "adding a disk",
  "resize-disk": "enlarging a disk",
  "remove-disk": "removing a disk",
  "recover-disk": "putting a disk back",
  "purge-disk": "deleting a disk",
  "change-medium": "changing the ISO",
  snapshot: "taking a snapshot",
  restore: "restoring",
  "remove-snapshot": "removing a snapshot",
  update: "changing",
  suspend: "suspending",
  "cancel-stop": "cancelling the stop",
  rename: "renaming",
  clone: "cloning",
  "disable-zone": "disabling the zone",
  "enable-zone": "enabling the zone",
  "move-storage": "moving data",
};

/** `running`, `in the trash`: a state as a word in a sentence. */
export const STATE_WORDS: Readonly<Record<InstanceState, string>> = {
  creating: "creating",
  stopped: "stopped",
  starting: "starting",
  running: "running",
  restarting: "restarting",
  stopping: "stopping",
  suspending: "suspending",
  suspended: "suspended",
  deleted: "in the trash",
  failed: "failed",
  unknown: "unknown",
};

/** `1 GiB`: a size with its unit set apart. */
export function sizeText(bytes: number): string {
  return formatBytes(bytes).replace(/[KMGT]?i?B$/, " $&");
}

export function cpusText(cpus: number): string {
  return cpus === 1 ? "1 cpu" : `${cpus} cpus`;
}

/** `14:05`, in the time and the manner of this computer. */
export function timeText(time: string): string {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** `just now`, `5 minutes ago`, `3 days ago`. */
export function ageText(time: string, now: Date): string {
  const minutes = Math.floor((now.getTime() - new Date(time).getTime()) / 60_000);
  if (minutes < 1) return "just now";
  for (const [unit, size] of AGES) {
    const count = Math.floor(minutes / size);
    if (count >= 1) return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
  }
  return "just now";
}

const AGES = [
  ["year", 525_600],
  ["month", 43_800],
  ["day", 1440],
  ["hour", 60],
  ["minute", 1],
] as const;

/** `Ubuntu 24.04`; what the user asked for while the image is not known yet. */
export function imageText({ os, release, reference }: ImageFacts): string {
  const short = release.replace(/\s+LTS$/i, "");
  return [os, short].filter((part) => part !== "").join(" ") || reference;
}

/** `downloading 43 %`, or `setting up` where no amount is known. */
export function progressText(progress: Progress): string {
  const { phase, done, total } = progress;
  const word = PHASES[phase] ?? phase;
  const percent = percentOf(progress);
  if (percent !== undefined) return `${word} ${percent} %`;
  return done !== undefined && total === undefined && phase === "download"
    ? `${word} ${sizeText(done)}`
    : word;
}

/** `downloading 43 % of 600 MiB`, and what the engine says besides. */
export function longProgressText(progress: Progress): string {
  const { phase, total, message } = progress;
  const size = phase === "download" && total !== undefined ? ` of ${sizeText(total)}` : "";
  const text = `${capitalised(progressText(progress))}${size}`;
  return message ? `${text} · ${message}` : text;
}

/** 0 to 100, where the whole is known. */
export function percentOf({ done, total }: Progress): number | undefined {
  if (done === undefined || total === undefined) return undefined;
  return Math.max(0, Math.min(100, Math.floor((100 * done) / total)));
}

/** What an operation is doing now: its phase once it has one, else its kind. */
export function operationText({ kind, progress }: Operation): string {
  return progress ? progressText(progress) : KINDS[kind];
}

/** `Taking a snapshot of web`: what an operation is, whatever it is doing just now. */
export function kindText(kind: OperationKind): string {
  return KINDS[kind];
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `Ready`, `primary, web-1 and 3 more`: a list that fits into one line. */
export function listText(names: readonly string[], most = 3): string {
  if (names.length <= most) {
    const last = names.at(-1) ?? "";
    return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
  }
  return `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}
