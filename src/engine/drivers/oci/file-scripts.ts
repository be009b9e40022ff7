/**
 * What is done with files in a container whose image has no SFTP server: by a POSIX shell, and by the tools that BusyBox has
 * as GNU does. Arguments follow `$0`; paths are absolute. Pure.
 */

/** One line of facts of a file: mode in hex, size, user, group, times. */
const FACTS = "'%f %s %u %g %X %Y'";

export const FILE_SCRIPTS = {
  stat: `exec stat -L -c ${FACTS} -- "$1"`,
  lstat: `exec stat -c ${FACTS} -- "$1"`,
  /** Names, each with a NUL behind it; another NUL; then the facts of each, in the same order. */
  list: `
cd -- "$1" || exit
set -- * .[!.]* ..?*
for each; do
  shift
  [ -e "$each" ] || [ -L "$each" ] || continue
  set -- "$@" "$each"
done
[ $# -gt 0 ] || { printf '\\0'; exit; }
printf '%s\\0' "$@" ''
printf '%s\\0' "$@" | xargs -0 stat -c ${FACTS} --`,
  home: "cd && exec pwd -P",
  realpath: 'exec readlink -f -- "$1"',
  readlink: 'exec readlink -- "$1"',
  remove: '[ -L "$1" ] || [ ! -d "$1" ] || { echo "Is a directory" >&2; exit 1; }; exec rm -- "$1"',
  mkdir: 'if [ "$2" ]; then exec mkdir -m "$2" -- "$1"; else exec mkdir -- "$1"; fi',
  rmdir: 'exec rmdir -- "$1"',
  rename: `
if [ -e "$2" ] || [ -L "$2" ]; then
  [ "$3" ] || { echo "File exists" >&2; exit 1; }
  [ -d "$2" ] && [ ! -L "$2" ] && { echo "Is a directory" >&2; exit 1; }
fi
exec mv -f -- "$1" "$2"`,
  symlink: 'exec ln -s -- "$1" "$2"',
  /** Mode, size, owner and the time of its last change; what is empty stays. */
  change: `
[ -z "$3" ] || truncate -s "$3" -- "$1" || exit
[ -z "$4" ] || chown "$4" -- "$1" || exit
[ -z "$2" ] || chmod "$2" -- "$1" || exit
[ -z "$5" ] || exec touch -c -d "@$5" -- "$1"`,
  /** Prints what follows that many bytes, after a word that it could be opened. */
  read: `
[ ! -e "$1" ] || [ -f "$1" ] || { echo "Not a regular file" >&2; exit 1; }
exec 3< "$1" || exit
printf ok
exec tail -c "+$2" <&3`,
  /** Writes what it reads; `$2` is one of new, cut, keep, `$3` whether it may come into being, `$4` its mode then. */
  write: `
if [ -e "$1" ]; then
  [ -f "$1" ] || { echo "Not a regular file" >&2; exit 1; }
  mode=
else
  [ "$3" ] || { echo "No such file or directory" >&2; exit 1; }
  mode=$4
fi
case $2 in
  new) set -C; exec 3> "$1" ;;
  cut) exec 3> "$1" ;;
  *) exec 3<> "$1" ;;
esac || exit
[ -z "$mode" ] || chmod "$mode" -- "$1" || exit
printf ok
exec cat >&3`,
} as const;

export type FileScript = keyof typeof FILE_SCRIPTS;
