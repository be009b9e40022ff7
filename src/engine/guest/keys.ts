/** SSH key pairs of a guest: made by us, so that the host key is known before the first connection. */
import path from "node:path";
import type ssh2 from "ssh2";
import { exists, writeFileDurable } from "../../base/durable.ts";
import { keyPrint } from "../../base/key-print.ts";

/** The SSH library: 5 MB of memory, which an engine without guests does without. */
export async function loadSsh(): Promise<typeof ssh2> {
  return (await import("ssh2")).default;
}

export type Login = {
  user: string;
  client: KeyPair;
  /** The guest's host key, made by us, so that it is known before the first connection. */
  host: KeyPair;
};

/** An ed25519 key pair in OpenSSH's text forms. */
export type KeyPair = { privateKey: string; publicKey: string };

/** A fresh ed25519 pair in OpenSSH's text forms; the public key ends in `comment`. */
export async function generateKeyPair(comment: string): Promise<KeyPair> {
  const { utils } = await loadSsh();
  for (;;) {
    const pair = utils.generateKeyPairSync("ed25519", { comment });
    if (!isWhole(utils, pair.public) || !isWhole(utils, pair.private)) continue;
    return {
      privateKey: pair.private.endsWith("\n") ? pair.private : `${pair.private}\n`,
      publicKey: pair.public,
    };
  }
}

/** Where a public key begins with a zero, as one of 256 does, ssh2 1.17 leaves that out (mscdex/ssh2#1513): nobody can read it. */
function isWhole(utils: typeof ssh2.utils, key: string): boolean {
  return !(utils.parseKey(key) instanceof Error);
}

/** A login for a guest whose image expects `user`. */
export async function generateLogin(user: string): Promise<Login> {
  return { user, client: await generateKeyPair("berth"), host: await generateKeyPair("berth-guest") };
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
