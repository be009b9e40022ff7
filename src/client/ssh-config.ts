/** Instances as hosts in OpenSSH's configuration (ssh_config(5)), for `ssh web`, scp, rsync and editors. Pure. */
import type { Instance } from "../api/instance.ts";

/** One block for each running instance; the others have no port to be reached at. */
export function sshConfig(instances: readonly Pick<Instance, "name" | "ssh">[]): string {
  return instances.flatMap(({ name, ssh }) => (ssh ? [block(name, ssh)] : [])).join("\n");
}

function block(name: string, ssh: NonNullable<Instance["ssh"]>): string {
  const lines = [
    `Host ${name}`,
    `  HostName ${ssh.host}`,
    `  Port ${ssh.port}`,
    `  User ${ssh.user}`,
    `  IdentityFile ${quoted(ssh.keyFile)}`,
    "  IdentitiesOnly yes",
    `  UserKnownHostsFile ${quoted(ssh.knownHostsFile)}`,
    "  StrictHostKeyChecking yes",
    "  ForwardAgent no",
  ];
  return `${lines.join("\n")}\n`;
}

/** A value with spaces stands in quotes; `%` begins an expansion of ssh's own. */
function quoted(path: string): string {
  const text = path.replaceAll("%", "%%");
  return /\s/.test(text) ? `"${text}"` : text;
}
