/** What Berth tells OpenSSH: all hosts `*.berth` at once, reached through our own command. Pure. */
import type { SshFiles } from "../../base/paths.ts";
import { ALIAS_SUFFIX } from "../../base/ssh-alias.ts";
import { includePath, sshPath } from "../../base/ssh-words.ts";

/** A host of ours that no instance is, for asking `ssh -G` what it would do. */
export const PROBE_HOST = `berth-probe${ALIAS_SUFFIX}`;

/** Users and keys stand in the file of hosts, which the engine keeps; the rest is the same for all. */
export function ownConfig(files: SshFiles, shim: string, platform: NodeJS.Platform): string {
  return [
    "# Berth writes this file; your own SSH configuration includes it.",
    `Include ${includePath(files.hosts)}`,
    "",
    ...wildcard(files, shim, platform),
    "",
  ].join("\n");
}

function wildcard(files: SshFiles, shim: string, platform: NodeJS.Platform): string[] {
  return [
    `Host *${ALIAS_SUFFIX}`,
    `  ProxyCommand ${proxyCommand(shim, platform)}`,
    "  Port 22",
    "  IdentitiesOnly yes",
    `  UserKnownHostsFile ${sshPath(files.knownHosts)}`,
    "  StrictHostKeyChecking yes",
    "  UpdateHostKeys no",
    "  CheckHostIP no",
    "  CanonicalizeHostname no",
    "  ForwardAgent no",
  ];
}

/** The lines of the user's file that include ours. */
export function includeLines(files: SshFiles): string[] {
  return [`Include ${includePath(files.config)}`];
}

/**
 * The same without any `Include`, where that is not honoured: as the hosts are now. The last line gives the user's own
 * lines that follow, and belong to no host, back to all hosts.
 */
export function inlineLines(
  files: SshFiles,
  shim: string,
  platform: NodeJS.Platform,
  hosts: string,
): string[] {
  const known = hosts.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return [...known, ...wildcard(files, shim, platform), "Host *"];
}

/**
 * The value of ProxyCommand, which OpenSSH takes as it is but for `%`: a line for the user's shell, or on Windows for
 * CreateProcess.
 */
export function proxyCommand(shim: string, platform: NodeJS.Platform): string {
  const text = shim.replaceAll("%", "%%");
  const word = platform === "win32" ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
  return `${word} ssh-proxy %n`;
}
