/** What a helper is told to do with the disks of a backup, as scripts for its `sh`, run as root. Pure. */
import { BACKUP_FILES } from "../../../api/backup.ts";
import { quote } from "../../guest/quote.ts";
import { type FoundSystem, mountOptions } from "./block-devices.ts";
import type { Placed } from "./fstab.ts";

const QUIET = ">/dev/null 2>&1";
const SAFE = "nosuid,nodev,noexec";
const ROOT = `${BACKUP_FILES}/root`;

/** Prints what `lsblk` finds on the disks, which have just been plugged in. */
export function findScript(serials: readonly string[]): string {
  const disks = serials.map((serial) => `/dev/disk/by-id/virtio-${serial}`);
  return `for disk in ${disks.join(" ")}; do
  tries=0
  while [ ! -e "$disk" ] && [ "$tries" -lt 200 ]; do sleep 0.1; tries=$((tries+1)); done
done
udevadm settle ${QUIET}
vgchange -ay ${QUIET}
btrfs device scan ${QUIET}
udevadm settle ${QUIET}
exec lsblk --json --paths --output NAME,FSTYPE,UUID,LABEL,PARTUUID,PARTLABEL ${disks.join(" ")}`;
}

/**
 * Mounts each beneath its volume's name. Prints `mounted VOLUME`, and `root PATH` for what looks like a machine's root: with
 * btrfs that may be a subvolume. `isWhole`: journals have been replayed, or may be; otherwise they are passed over.
 */
export function mountScript(systems: readonly FoundSystem[], isWhole: boolean): string {
  const mounts = systems.map((system) => {
    const options = [isWhole ? mountOptions(system) : withoutJournal(system), SAFE].join(",");
    return `look ${[system.volume, system.type, options, system.device].map(quote).join(" ")}`;
  });
  return `look() {
  at=${BACKUP_FILES}/$1
  mkdir -p "$at"
  if ! mount -t "$2" -o "$3" "$4" "$at" ${QUIET}; then rmdir "$at"; return; fi
  echo "mounted $1"
  for root in "$at" "$at"/*; do
    for sign in fstab os-release; do
      if [ -e "$root/etc/$sign" ] || [ -L "$root/etc/$sign" ]; then echo "root $root"; break; fi
    done
  done
}
mkdir -p -m 700 ${BACKUP_FILES}
${mounts.join("\n")}`;
}

/** What is read-only to its last bit cannot have its journal replayed: what is seen may be a little older. */
function withoutJournal(system: FoundSystem): string {
  const options = mountOptions(system);
  if (system.type.startsWith("ext")) return `${options},noload`;
  if (system.type === "xfs") return `${options},norecovery`;
  return system.type === "btrfs" ? `${options},rescue=nologreplay` : options;
}

export function fstabScript(root: string): string {
  return `head -c 65536 ${quote(`${root}/etc/fstab`)}`;
}

/** Shows the root as one tree. What a link leads elsewhere is not mounted there. */
export function placeScript(root: string, placed: readonly Placed[], isWhole: boolean): string {
  const places = placed.map(({ system, target, subvolume }) => {
    const own = isWhole ? mountOptions(system) : withoutJournal(system);
    const options = [own, ...(subvolume === undefined ? [] : [`subvol=${subvolume}`]), SAFE].join(",");
    return `place ${[system.device, system.type, options, `${ROOT}${target}`].map(quote).join(" ")}`;
  });
  return `place() {
  [ -d "$4" ] && [ "$(realpath -- "$4")" = "$4" ] && mount -t "$2" -o "$3" "$1" "$4" ${QUIET}
}
mkdir -p ${ROOT}
mount --bind ${quote(root)} ${ROOT} && echo placed
${places.join("\n")}`;
}

/** Ends well while somebody is connected to the helper's files. */
export const IN_USE = "pgrep -x sftp-server >/dev/null && echo used";
