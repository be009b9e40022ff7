/** What is run in a guest to mount and unmount, and how its answers are read. Pure. */
import { EngineError } from "../../base/errors.ts";

/** Exit codes of the scripts, beyond those of the programs they run. */
const NOT_A_DIRECTORY = 61;
const IN_USE = 62;
const NO_SSHFS = 63;
const NO_FILESYSTEM = 64;
const GOING_DOWN = 65;
const NO_RIGHT = 66;

const AS_ROOT = `
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
target=$1
case $target in /*) ;; *) target=$HOME/$target ;; esac
`;

/**
 * Arguments: target, file system. Makes the mount point and what a mount needs; tells who the user is. A mount of ours
 * that lost its other end is taken away. The mount point belongs to root and nobody may write to it, so that nothing
 * is written beneath a mount that is not there.
 */
export const PREPARE_SCRIPT = `${AS_ROOT}
[ "$(systemctl is-system-running 2>/dev/null)" = stopping ] && exit ${GOING_DOWN}
as_root true || exit ${NO_RIGHT}
case $2 in
sshfs)
  if ! command -v sshfs >/dev/null 2>&1; then
    echo installing
    {
      if command -v apt-get; then
        export DEBIAN_FRONTEND=noninteractive
        as_root apt-get -q install -y sshfs || { as_root apt-get -q update && as_root apt-get -q install -y sshfs; }
      elif command -v dnf; then as_root dnf -q install -y fuse-sshfs
      elif command -v zypper; then as_root zypper -q -n install sshfs
      elif command -v apk; then as_root apk add -q sshfs
      elif command -v pacman; then as_root pacman -S --noconfirm sshfs
      fi
    } >&2
    command -v sshfs >/dev/null 2>&1 || exit ${NO_SSHFS}
  fi
  as_root modprobe fuse 2>/dev/null
  help=$(sshfs -h 2>&1)
  option=slave
  case $help in *passive*) option=passive ;; esac
  case $help in *no_contain_symlinks*) option=$option,no_contain_symlinks ;; esac
  echo "option=$option" ;;
*)
  as_root modprobe "$2" 2>/dev/null
  [ "$2" = 9p ] && as_root modprobe 9pnet_virtio 2>/dev/null
  grep -qw "$2" /proc/filesystems || exit ${NO_FILESYSTEM} ;;
esac
there=$(findmnt -n -o SOURCE --mountpoint "$target" 2>/dev/null)
case $there in
'') ;;
berth|berth-*) as_root umount -f -l "$target" ;;
*) echo "$there" >&2; exit ${IN_USE} ;;
esac
if [ -e "$target" ] && [ ! -d "$target" ]; then exit ${NOT_A_DIRECTORY}; fi
if [ ! -d "$target" ]; then
  parent=$(dirname "$target")
  [ -d "$parent" ] || mkdir -p "$parent" 2>/dev/null || as_root mkdir -p "$parent" || exit
  as_root mkdir -m 0555 "$target" || exit
fi
echo "target=$target"
echo "user=$(id -u)"
echo "group=$(id -g)"
echo "boot=$(cat /proc/sys/kernel/random/boot_id)"
`;

/** Argument: target. Ends as soon as something is mounted there. */
export const COME_SCRIPT = `
n=0
until findmnt -n --mountpoint "$1" >/dev/null; do
  n=$((n + 1))
  [ $n -gt 250 ] && exit 1
  sleep 0.1
done
`;

/**
 * Arguments: target, file system, tag. The line in the table ends in the tag, by which it is found again.
 */
export const NATIVE_SCRIPT = `${AS_ROOT}
case $2 in
9p) options=trans=virtio,version=9p2000.L,msize=512000,access=any ;;
*) options=defaults ;;
esac
as_root mount -t "$2" -o "$options" "$3" "$target" || exit
where=$(printf %s "$target" | sed 's/\\\\/\\\\134/g; s/ /\\\\040/g; s/\t/\\\\011/g')
line="$3 $where $2 $options,nofail,x-systemd.device-timeout=5s 0 0"
grep -qxF "$line" /etc/fstab || printf '%s\\n' "$line" | as_root tee -a /etc/fstab >/dev/null
`;

/** Argument: target. What is in use goes as soon as it is not. */
export const GO_SCRIPT = `${AS_ROOT}
there=$(findmnt -n -o SOURCE --mountpoint "$target" 2>/dev/null)
case $there in
berth|berth-*) as_root umount "$target" 2>/dev/null || as_root umount -l "$target" || exit ;;
esac
case $there in berth-*) as_root sed -i "/^$there /d" /etc/fstab ;; esac
[ "$(stat -c %u:%a "$target" 2>/dev/null)" = 0:555 ] && as_root rmdir "$target" 2>/dev/null
true
`;

export type Prepared = {
  target: string;
  user: number;
  group: number;
  /** What this sshfs calls serving its file system over its pipes, and showing links as they are. */
  option: string;
  bootId: string;
  /** What a program must be called through to be root. */
  sudo: readonly string[];
};

/** Throws `driver-failed` where the guest has not answered as the script would. */
export function parsePrepared(output: string): Prepared {
  const told = new Map<string, string>();
  for (const line of output.split("\n")) {
    const at = line.indexOf("=");
    if (at > 0) told.set(line.slice(0, at), line.slice(at + 1));
  }
  const [target, user, group] = [told.get("target"), Number(told.get("user")), Number(told.get("group"))];
  if (!target || !Number.isInteger(user) || !Number.isInteger(group)) {
    throw new EngineError("driver-failed", "cannot mount: the guest's answer makes no sense");
  }
  const sudo = user === 0 ? [] : ["sudo", "-n"];
  return {
    target,
    user,
    group,
    option: told.get("option") ?? "passive",
    bootId: told.get("boot") ?? "",
    sudo,
  };
}

/** Why a script of ours has ended, and what to do about it. */
export function reasonOf(code: number | undefined, words: string): [reason: string, hint?: string] {
  const last = words.split("\n").at(-1) ?? "";
  switch (code) {
    case NOT_A_DIRECTORY:
      return ["the guest has a file there", "Choose another target."];
    case IN_USE:
      return [`something else is mounted there (${last})`, "Choose another target."];
    case NO_SSHFS:
      return [
        `sshfs is missing in the guest and could not be installed${last ? `: ${last}` : ""}`,
        "Install the package sshfs in the guest, then mount again.",
      ];
    case NO_FILESYSTEM:
      return [
        "the guest's kernel lacks the file system",
        "Use a classic mount, or another kernel in the guest.",
      ];
    case GOING_DOWN:
      return ["the guest is shutting down"];
    case NO_RIGHT:
      return ["the guest's user may not become root without a password", "Allow it to use sudo."];
    default:
      return [last || `the guest ended it with ${code}`];
  }
}
