/** The instances' names in a guest's /etc/hosts. Pure. */

/** At the end of each line of ours. */
const MARK = "# berth";

/** Sorted, so that the same names make the same text. */
export function hostsLines(instances: readonly { name: string; address: string }[]): string {
  const lines = instances.map(({ name, address }) => `${address} ${name}.berth ${name} ${MARK}\n`);
  return lines.sort().join("");
}

/** Whoever changes the file waits for whoever is at it. */
export const LOCK_HOSTS = `
exec 9>/run/berth-hosts.lock && { ! command -v flock >/dev/null 2>&1 || flock 9; }
`;

/**
 * Puts the lines in `$1` in place of those that are there, and leaves the file alone where they are there already. The
 * new file takes the old one's place when it is whole, with the label that SELinux wants it to have.
 */
export const SET_HOSTS_SCRIPT = `
set -e${LOCK_HOSTS}new=/etc/hosts.berth.$$
trap 'rm -f "$new"' EXIT
[ -e /etc/hosts ] || : > /etc/hosts
sed '/[[:space:]]${MARK}$/d' /etc/hosts > "$new"
[ -z "$(tail -c 1 "$new")" ] || echo >> "$new"
printf '%s' "$1" >> "$new"
cmp -s "$new" /etc/hosts && exit 0
chmod 644 "$new"
mv -f "$new" /etc/hosts
! command -v restorecon >/dev/null 2>&1 || restorecon -F /etc/hosts
`;
