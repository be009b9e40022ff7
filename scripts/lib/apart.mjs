// A place of its own for what starts container runtimes: mounts, networks and processes that end with the command.

/**
 * Bridges, packet filters and mounts of this host are neither seen nor changed, and a runtime of this host is out of
 * reach, because its sockets in /run are not there. The shell stays: it takes in what is left by processes that ended.
 */
const WITHIN = `
set -e
mount -t tmpfs -o mode=755 tmpfs /run
if [ -d /etc/docker ]; then mount -t tmpfs tmpfs /etc/docker; fi
ip link set lo up
export BERTH_APART=1
status=0
"$@" || status=$?
exit $status
`;

/** Control groups alone stay behind; those that are empty by now, when all processes are gone, are removed. */
const AROUND = `
status=0
"$@" || status=$?
for each in berth-test libpod_parent buildah-; do
  find /sys/fs/cgroup -depth -type d -path "*/$each*" -exec rmdir {} + 2>/dev/null || true
done
exit $status
`;

const UNSHARE = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

/** The command that runs this one apart. */
export function apart(argv, { root }) {
  const sudo = root ? [] : ["sudo", "--preserve-env"];
  return [...sudo, "sh", "-c", AROUND, "sh", ...UNSHARE, "sh", "-c", WITHIN, "sh", ...argv];
}
