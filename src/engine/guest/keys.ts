/** SSH key pairs of a guest: made by us, so that the host key is known before the first connection. */
import path from "node:path";
import ssh2 from "ssh2";
import { exists, writeFileDurable } from "../../base/durable.ts";
import { keyPrint } from "../../base/key-print.ts";

export type Login = {
  user: string;
  client: KeyPair;
  /** The guest's host key, made by us, so that it is known before the first connection. */
  host: KeyPair;
};

/** An ed25519 key pair in OpenSSH's text forms. */
export type KeyPair = { privateKey: string; publicKey: string };

/** A fresh ed25519 pair in OpenSSH's text forms; the public key ends in `comment`. */
export function generateKeyPair(comment: string): KeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync("ed25519", { comment });
    if (!isWhole(pair.public) || !isWhole(pair.private)) continue;
    return {
      privateKey: pair.private.endsWith("\n") ? pair.private : `${pair.private}\n`,
      publicKey: pair.public,
    };
  }
}

/** Where a public key begins with a zero, as one of 256 does, ssh2 1.17 leaves that out (mscdex/ssh2#1513): nobody can read it. */
function isWhole(key: string): boolean {
  return !(ssh2.utils.parseKey(key) instanceof Error);
}

/** A login for a guest whose image expects `user`. */
export function generateLogin(user: string): Login {
  return { user, client: generateKeyPair("berth"), host: generateKeyPair("berth-guest") };
}

/** The key's blob, as it crosses the wire. */
export function keyBlob(publicKey: string): Buffer {
  return Buffer.from(publicKey.trim().split(/\s+/)[1] ?? "", "base64");
}

/** `SHA256:…`, as `ssh-keygen -l` prints it. */
export function fingerprint(publicKey: string): string {
  return keyPrint(keyBlob(publicKey));
}

/** The name under which a known_hosts file lists an instance's key; give it to ssh as HostKeyAlias. */
export function hostKeyAlias(instanceId: string): string {
  return `berth-${instanceId}`;
}

export type LoginFiles = { keyFile: string; knownHostsFile: string };

export function loginFiles(directory: string): LoginFiles {
  return { keyFile: path.join(directory, "client_key"), knownHostsFile: path.join(directory, "known_hosts") };
}

/**
 * Writes what OpenSSH itself needs to enter the guest: the private key (0600), and a known_hosts file that lists the
 * host key under the alias and, through `*`, under any address the guest may have on this host.
 */
export async function writeLoginFiles(
  directory: string,
  login: Login,
  hostKeys: readonly string[],
): Promise<LoginFiles> {
  const files = loginFiles(directory);
  if (!(await exists(files.keyFile))) await writeFileDurable(files.keyFile, login.client.privateKey, 0o600);
  const lines = hostKeys.map((key) => `* ${key.trim().split(/\s+/).slice(0, 2).join(" ")}\n`);
  await writeFileDurable(files.knownHostsFile, lines.join(""), 0o600);
  return files;
}
