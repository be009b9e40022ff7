/** The command that reaches a guest from any terminal of this host, with its pinned host key. Pure. */
import type { SshAddress } from "../api/instance.ts";

export function sshCommand(ssh: SshAddress, platform: NodeJS.Platform): string {
  const options = ["IdentitiesOnly=yes", `UserKnownHostsFile=${quotedPath(ssh.knownHostsFile)}`];
  const argv = [
    "ssh",
    "-p",
    String(ssh.port),
    "-i",
    ssh.keyFile,
    ...options.flatMap((option) => ["-o", option]),
    `${ssh.user}@${ssh.host}`,
  ];
  return argv.map((word) => quoteWord(word, platform)).join(" ");
}

/** ssh splits this option's value at spaces, unless it stands in quotes of its own. */
function quotedPath(path: string): string {
  return /\s/.test(path) ? `"${path}"` : path;
}

/** One word for a POSIX shell, or for cmd and PowerShell. */
export function quoteWord(word: string, platform: NodeJS.Platform): string {
  if (platform === "win32") {
    return /^[\w@%+=:,./\\-]+$/.test(word) ? word : `"${word.replaceAll('"', '\\"')}"`;
  }
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
