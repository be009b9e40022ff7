/** What the engine's words look like to a person: progress, sizes, states. Pure. */

import type { ImageFacts, InstanceState } from "../api/instance.ts";
import { type NetworkMode, privateNetworkOf } from "../api/network-mode.ts";
import type { Operation, OperationKind, Progress } from "../api/operation.ts";
import { formatBytes } from "../base/units.ts";
import { l10n } from "./l10n.ts";

/** phase → what it is called while it lasts. A phase that is not here is shown as it is. */
const PHASES: Readonly<Record<string, string>> = {
  resolve: l10n.t("looking for the image"),
  download: l10n.t("downloading"),
  verify: l10n.t("verifying"),
  convert: l10n.t("converting"),
  extract: l10n.t("extracting"),
  build: l10n.t("building the image"),
  create: l10n.t("creating the disk"),
  start: l10n.t("starting"),
  boot: l10n.t("booting"),
  "container-host": l10n.t("making a VM for containers"),
  install: l10n.t("installing"),
  "cloud-init": l10n.t("setting up"),
  stop: l10n.t("shutting down"),
  resize: l10n.t("enlarging the disk"),
  snapshot: l10n.t("taking a snapshot"),
  clone: l10n.t("copying the disk"),
  suspend: l10n.t("keeping its memory"),
  resume: l10n.t("resuming"),
  copy: l10n.t("copying"),
  wait: l10n.t("waiting"),
  delete: l10n.t("deleting"),
  rekey: l10n.t("changing the key"),
  open: l10n.t("opening the repository"),
  backup: l10n.t("backing up"),
  "restore-disk": l10n.t("restoring the disks"),
  compare: l10n.t("comparing with the backup"),
  mount: l10n.t("looking what is on the disks"),
  "restore-files": l10n.t("restoring the files"),
};

const KINDS: Readonly<Record<OperationKind, string>> = {
  launch: l10n.t("launching"),
  adopt: l10n.t("adopting"),
  release: l10n.t("releasing"),
  start: l10n.t("starting"),
  stop: l10n.t("stopping"),
  restart: l10n.t("restarting"),
  delete: l10n.t("deleting"),
  recover: l10n.t("recovering"),
  purge: l10n.t("purging"),
  "pull-image": l10n.t("downloading the image"),
  "build-image": l10n.t("building the image"),
  "pull-container-image": l10n.t("downloading the image"),
  "push-image": l10n.t("sending the image"),
  "load-image": l10n.t("loading images"),
  "save-image": l10n.t("saving the image"),
  "add-port": l10n.t("forwarding a port"),
  "remove-port": l10n.t("closing a port"),
  "add-network": l10n.t("connecting to a network"),
  "remove-network": l10n.t("disconnecting from a network"),
  "change-network": l10n.t("changing what it reaches"),
  mount: l10n.t("mounting a folder"),
  unmount: l10n.t("unmounting a folder"),
  "add-disk": l10n.t("adding a disk"),
  "resize-disk": l10n.t("enlarging a disk"),
  "remove-disk": l10n.t("removing a disk"),
  "recover-disk": l10n.t("putting a disk back"),
  "purge-disk": l10n.t("deleting a disk"),
  "change-medium": l10n.t("changing the ISO"),
  "rotate-key": l10n.t("changing the key"),
  snapshot: l10n.t("taking a snapshot"),
  restore: l10n.t("restoring"),
  "remove-snapshot": l10n.t("removing a snapshot"),
  update: l10n.t("changing"),
  suspend: l10n.t("suspending"),
  pause: l10n.t("pausing"),
  unpause: l10n.t("unpausing"),
  "cancel-stop": l10n.t("cancelling the stop"),
  rename: l10n.t("renaming"),
  clone: l10n.t("cloning"),
  "disable-zone": l10n.t("disabling the zone"),
  "enable-zone": l10n.t("enabling the zone"),
  "move-storage": l10n.t("moving data"),
  "add-repository": l10n.t("adding the repository"),
  "check-repository": l10n.t("checking the repository"),
  "prune-repository": l10n.t("pruning the repository"),
  backup: l10n.t("backing up"),
  "restore-backup": l10n.t("restoring from a backup"),
  "verify-backup": l10n.t("verifying the backup"),
  "drill-backup": l10n.t("proving the backup"),
  "browse-backup": l10n.t("opening the backup"),
  export: l10n.t("exporting"),
  import: l10n.t("importing"),
  move: l10n.t("moving"),
};

/** `running`, `in the trash`: a state as a word in a sentence. */
export const STATE_WORDS: Readonly<Record<InstanceState, string>> = {
  creating: l10n.t("creating"),
  stopped: l10n.t("stopped"),
  starting: l10n.t("starting"),
  running: l10n.t("running"),
  restarting: l10n.t("restarting"),
  stopping: l10n.t("stopping"),
  suspending: l10n.t("suspending"),
  suspended: l10n.t("suspended"),
  deleted: l10n.t("in the trash"),
  failed: l10n.t("failed"),
  unknown: l10n.t("unknown"),
};

/** `1 GiB`: a size with its unit set apart. */
export function sizeText(bytes: number): string {
  return formatBytes(bytes).replace(/[KMGT]?i?B$/, " $&");
}

export function cpusText(cpus: number): string {
  return cpus === 1 ? l10n.t("1 cpu") : l10n.t("{0} cpus", cpus);
}

/** `14:05`, in the time and the manner of this computer. */
export function timeText(time: string): string {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export function dateText(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** `Nov 30, 7:16 PM`; with its year where that is another one. */
export function shortDateText(time: string, now: Date): string {
  if (new Date(time).getFullYear() !== now.getFullYear()) return dateText(time);
  const parts = { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" } as const;
  return new Date(time).toLocaleString(undefined, parts);
}

/** `Monday, November 30, 2026`. */
export function dayText(time: string): string {
  return new Date(time).toLocaleDateString(undefined, { dateStyle: "full" });
}

/** Its time alone, of a moment of today. */
export function momentText(time: string, now: Date): string {
  return new Date(time).toDateString() === now.toDateString() ? timeText(time) : shortDateText(time, now);
}

/** `just now`, `5 minutes ago`, `3 days ago`. */
export function ageText(time: string, now: Date): string {
  const minutes = Math.floor((now.getTime() - new Date(time).getTime()) / 60_000);
  for (const { size, one, many } of AGES) {
    const count = Math.floor(minutes / size);
    if (count >= 1) return count === 1 ? one() : many(count);
  }
  return l10n.t("just now");
}

/** In minutes, the longest first. */
const AGES: readonly { size: number; one: () => string; many: (count: number) => string }[] = [
  { size: 525_600, one: () => l10n.t("1 year ago"), many: (count) => l10n.t("{0} years ago", count) },
  { size: 43_800, one: () => l10n.t("1 month ago"), many: (count) => l10n.t("{0} months ago", count) },
  { size: 1440, one: () => l10n.t("1 day ago"), many: (count) => l10n.t("{0} days ago", count) },
  { size: 60, one: () => l10n.t("1 hour ago"), many: (count) => l10n.t("{0} hours ago", count) },
  { size: 1, one: () => l10n.t("1 minute ago"), many: (count) => l10n.t("{0} minutes ago", count) },
];

/**
 * `Ubuntu 24.04`; what the user asked for while the image is not known yet, and of a container's image, whose usual
 * registry nobody names.
 */
export function imageText({ os, release, reference }: ImageFacts): string {
  const short = release.replace(/\s+LTS$/i, "");
  return [os, short].filter((part) => part !== "").join(" ") || shortReference(reference);
}

/** `nginx:1.27` for `docker.io/library/nginx:1.27`. */
export function shortReference(reference: string): string {
  return reference.replace(/^docker\.io\/(library\/)?/, "");
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

/** `downloading 43 % of 600 MiB`, how many layers are there, and what the engine says besides. */
export function longProgressText(progress: Progress): string {
  const { phase, total, message, parts = [] } = progress;
  const done = capitalised(progressText(progress));
  const whole = phase === "download" && total !== undefined;
  const text = whole ? l10n.t("{0} of {1}", done, sizeText(total)) : done;
  const ready = parts.filter(({ state }) => state === "done").length;
  const layers = parts.length > 1 && l10n.t("{0} of {1} layers", ready, parts.length);
  return [text, layers, message].filter(Boolean).join(" · ");
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

/** As the beginning of a sentence; a command in front stays as it is typed. */
export function capitalised(text: string): string {
  if (/^(berth|multipass) /.test(text)) return text;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `Ready`, `primary, web-1 and 3 more`: a list that fits into one line. */
export function listText(names: readonly string[], most = 3): string {
  if (names.length <= most) {
    const last = names.at(-1) ?? "";
    return names.length < 2 ? last : l10n.t("{0} and {1}", names.slice(0, -1).join(", "), last);
  }
  return l10n.t("{0} and {1} more", names.slice(0, most).join(", "), names.length - most);
}

/** What a guest of this mode reaches. */
export function reachPhrase(mode: NetworkMode): string {
  const name = privateNetworkOf(mode);
  if (name !== undefined) return l10n.t("private: it reaches the instances in {0} alone", name);
  if (mode === "isolated") return l10n.t("isolated: it reaches nothing");
  return mode === "nat"
    ? l10n.t("what this computer reaches, and no other instances")
    : l10n.t("its own, with other instances");
}
